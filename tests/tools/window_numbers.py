"""Makes tests/data/windows.safetensors and prints the figures that tests/cli/eval.sh expects.

Needs NumPy and safetensors. The argument is a folder with sentences.safetensors (vectors
[N, 384], page [N]) and tasks.safetensors (text_windows_val, text_windows_test):
    python3 tests/tools/window_numbers.py FOLDER
"""
import sys

import numpy as np
from safetensors.numpy import load_file, save_file


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def retrieval(x, context, target, prediction):
    pool, truth = np.unique(target, return_inverse=True)
    scores = unit(prediction) @ x[pool].T
    own = scores[np.arange(len(target)), truth]
    left = (pool[None, None] == context[:, :, None]).any(1) & (pool[None] != target[:, None])
    rank = 1 + ((scores > own[:, None]) & ~left).sum(1)
    cos = (unit(prediction) * x[target]).sum(1)
    return [cos.mean()] + [(rank <= k).mean() for k in (1, 5, 10)] + [(1 / rank).mean()]


folder = sys.argv[1]
sentences = load_file(folder + "/sentences.safetensors")
tasks = load_file(folder + "/tasks.safetensors")
vectors, page = sentences["vectors"], sentences["page"].astype(np.int32)
x = unit(vectors.astype(np.float64))
rng = np.random.default_rng(6)
triplets, kind = [], []
for i in range(0, len(page) - 1, 3):
    if page[i] == page[i + 1]:
        others = np.flatnonzero(page != page[i])
        hard = others[np.argmax(x[others] @ x[i])]
        k = len(kind) % 2
        triplets.append([i, i + 1, hard if k else rng.choice(others)])
        kind.append(k)
data = {"vectors": vectors, "page": page, "val": tasks["text_windows_val"].astype(np.int32),
        "test": tasks["text_windows_test"].astype(np.int32),
        "triplets": np.array(triplets, np.int32), "kind": np.array(kind, np.int32)}
# a file of contexts and targets by themselves, of few coordinates
windows = data["test"]
data["input"], data["target"] = vectors[windows[:, :5], :8].copy(), vectors[windows[:, 5], :8].copy()
data["short"] = vectors[:, :8].copy()
save_file(data, "tests/data/windows.safetensors",
          {"source": "sentences of the PostgreSQL 15 manual (LICENSE-PostgreSQL-doc.txt), "
                     "encoded by all-MiniLM-L6-v2"})
context, target = windows[:, :5], windows[:, 5]
for name, w in (("copy-last", [0, 0, 0, 0, 1]), ("mean", [.2] * 5),
                ("weighted", [.05, .1, .15, .25, .45])):
    figures = retrieval(x, context, target, np.einsum("c,rcd->rd", w, x[context]))
    print(name, *["%.4f" % f for f in figures])
short = unit(vectors[:, :8].astype(np.float64))
print("short", *["%.4f" % f for f in retrieval(short, context, target,
                                               vectors[context, :8].astype(np.float64).mean(1))])
fit = short[data["val"]]
learnt = fit[:, :5].reshape(len(fit), -1)
w = np.linalg.solve(learnt.T @ learnt + .5 * np.eye(40), learnt.T @ fit[:, 5])
print("ridge", *["%.4f" % f for f in retrieval(short, context, target,
                                               short[context].reshape(-1, 40) @ w)])
print("train-mean %.4f" % (unit(fit[:, 5].mean(0)) * short[target]).sum(1).mean())
near = [(x[context[:, c]] * x[target]).sum(1).mean() for c in range(5)]
cos = (unit(x[context].mean(1)) * x[target]).sum(1)
print("val cosine, batches of 20: %.4f" % ((cos[:20].mean() + cos[20:].mean()) / 2))
print("direction %.4f" % (near[4] - near[0]))
a, p, n = x[data["triplets"]].transpose(1, 0, 2)
right = (a * p).sum(1) > (a * n).sum(1)
print("triplets", *["%.4f" % right[g].mean() for g in (slice(None), data["kind"] == 0,
                                                       data["kind"] == 1)])

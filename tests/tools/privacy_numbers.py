"""Writes tests/train/privacy_numbers.h: norms and clipped means of gradients of single examples,
as PyTorch forms them one by one in float64.

Needs PyTorch and safetensors, and the built program. Run from the repository root:
    python3 tests/tools/privacy_numbers.py build/lnsp > tests/train/privacy_numbers.h
"""
import os
import subprocess
import sys
import tempfile

import torch
import torch.nn.functional as F
from safetensors.torch import load_file

WIDTH, ROWS, HEADS, SEED = 20, 6, 4, 5
GRAPH = """lnsp 1
x = input 20
h = layernorm x w=n0
h = linear h 24 w=a
h = gelu h
h = layernorm h w=n1
z = attention h heads=4 w=m
h = add h z
h = linear h 24 w=b
h = tanh h
h = linear h 24 w=b
y = linear h 20 w=c bias=0
y = l2norm y
output output=y"""
CASES = [("mse", 1), ("mse", 3), ("triplet margin=1.5", 1), ("triplet margin=1.5", 2)]


def fill(n, seed):
    values = []
    for _ in range(n):
        seed = (seed * 1664525 + 1013904223) % 2**32
        values.append(((seed >> 8) - 2**23) / 2**23)
    return torch.tensor(values, dtype=torch.float64)


def attention(w, h):
    n, d = h.shape
    q, k, v = (h @ w["m.in_proj_weight"].T + w["m.in_proj_bias"]).split(d, dim=1)
    out = []
    for i in range(HEADS):
        part = slice(i * d // HEADS, (i + 1) * d // HEADS)
        score = q[:, part] @ k[:, part].T / (d // HEADS) ** .5
        out.append(torch.softmax(score, dim=1) @ v[:, part])
    return torch.cat(out, dim=1) @ w["m.out_proj.weight"].T + w["m.out_proj.bias"]


def network(w, x):
    """One example: [concepts, width]."""
    h = F.layer_norm(x, x.shape[1:], w["n0.weight"], w["n0.bias"])
    h = F.gelu(h @ w["a.weight"].T + w["a.bias"])
    h = F.layer_norm(h, h.shape[1:], w["n1.weight"], w["n1.bias"])
    h = h + attention(w, h)
    h = torch.tanh(h @ w["b.weight"].T + w["b.bias"])
    h = h @ w["b.weight"].T + w["b.bias"]
    return F.normalize(h @ w["c.weight"].T, dim=1)


def example_loss(loss, w, data):
    if loss == "mse":
        return ((network(w, data[0]) - data[1]) ** 2).mean()
    a, p, n = (network(w, x) for x in data)
    near, far = F.cosine_similarity(a, p), F.cosine_similarity(a, n)
    return F.relu(1.5 - near + far).mean()


def floats(values):
    return "{" + ", ".join("%.9g" % v for v in values) + "}"


def case(w, loss, concepts):
    inputs = 2 if loss == "mse" else 3
    data = [fill(ROWS * concepts * WIDTH, 10 + i).reshape(ROWS, concepts, WIDTH)
            for i in range(inputs)]
    gradients = []
    for e in range(ROWS):
        value = example_loss(loss, w, [x[e] for x in data])
        gradients.append(torch.autograd.grad(value, list(w.values())))
    norms = [sum((g ** 2).sum() for g in one).sqrt().item() for one in gradients]
    most = sorted(norms)[ROWS // 2] * .99
    print('    {"%s", %d, %.9g,' % (loss, concepts, most))
    print("     %s," % floats(norms))
    print("     {")
    for i, name in enumerate(w):
        total = sum(min(1., most / n) * one[i] for n, one in zip(norms, gradients)) / ROWS
        flat = total.flatten()
        at = [0, len(flat) // 3, len(flat) - 1]
        print('      {"%s", %.9g, %s},' % (name, total.norm(), floats(flat[at].tolist())))
    print("     }},")


with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "model.safetensors")
    subprocess.run([sys.argv[1], "new", GRAPH, "--seed", str(SEED), "-o", path], check=True,
                   stdout=subprocess.DEVNULL)
    weights = {k: v.double().requires_grad_() for k, v in sorted(load_file(path).items())}
print("/* Made by tests/tools/privacy_numbers.py with PyTorch %s; do not edit. */"
      % torch.__version__.split("+")[0])
print("#define PRIVACY_WIDTH %d\n#define PRIVACY_ROWS %d\n#define PRIVACY_SEED %d" %
      (WIDTH, ROWS, SEED))
print("#define PRIVACY_TENSORS %d\n" % len(weights))
print("static const char privacy_graph[] =\n%s;\n" %
      "\n".join('    "%s\\n"' % line for line in GRAPH.split("\n")))
print("""/* Norms of the examples' gradients; and, clipped to most, the norm of their mean and
 * three of its elements: the first, that at a third, and the last. */
static const struct {
  const char *loss;
  int32_t concepts;
  double most, norm[PRIVACY_ROWS];
  struct {
    const char *name;
    double norm, element[3];
  } tensor[PRIVACY_TENSORS];
} privacy_cases[] = {""")
for loss, concepts in CASES:
    case(weights, loss, concepts)
print("};")

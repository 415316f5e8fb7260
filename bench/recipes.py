"""The same recipes by lnsp and by PyTorch: do they reach the same figures?

    python3 bench/recipes.py --data FOLDER [--lnsp build/lnsp] [--only text,down,up] [--markdown]

FOLDER has sentences.safetensors, concepts.safetensors (`vectors`) and tasks.safetensors. Both
start from the same weights and take the same rows in the same order: AdamW 1e-3, weight decay
.01, batches of 256. The figures are those of the test split: cosine, and the rank of the true
concept among the split's distinct targets, the row's own context left out. PyTorch's are
reckoned here, those of lnsp by `lnsp eval`.

  t1     vector -> the same vector, students 384-256-192-256-384
  text   five sentences of a page -> the next
  down   a chain of hypernyms from general to specific -> the next, more specific one
  up     the other way
"""
from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import load_file, save_file
from torch import nn

BATCH = 256
COLUMNS = {"text": ("text_windows", "sentences", [0, 1, 2, 3, 4], 5),
           "down": ("chains", "concepts", [5, 4, 3, 2, 1], 0),
           "up": ("chains", "concepts", [0, 1, 2, 3, 4], 5)}
LOSSES = {"cosine": "cosine", "info_nce": "info_nce tau=.07"}
EPOCHS = {"t1": 6, "text": 6, "down": 4, "up": 4}


class Mixture(nn.Module):
    """`amn in=384 d=256 hidden=512`."""

    def __init__(self, width: int = 384, d: int = 256, hidden: int = 512) -> None:
        super().__init__()
        self.context_encoder = nn.Linear(width, d)
        self.query_encoder = nn.Linear(width, d)
        self.residual_net = nn.Sequential(
            nn.Linear(2 * width, hidden), nn.GELU(), nn.LayerNorm(hidden),
            nn.Linear(hidden, hidden // 2), nn.GELU(), nn.LayerNorm(hidden // 2),
            nn.Linear(hidden // 2, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mean = x.mean(1)
        score = (self.context_encoder(x) @ self.query_encoder(mean)[:, :, None])[:, :, 0]
        weight = (score / self.query_encoder.out_features**0.5).softmax(1)
        mixed = (weight[:, None] @ x)[:, 0]
        return F.normalize(mean + self.residual_net(torch.cat([mean, mixed], 1)), dim=1)


class Block(nn.Module):
    def __init__(self, d: int) -> None:
        super().__init__()
        self.gru = nn.GRU(d, d, batch_first=True)
        self.norm = nn.LayerNorm(d)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(x + self.gru(x)[0])


class Recurrent(nn.Module):
    """`gru in=384 d=384 layers=2`."""

    def __init__(self, width: int = 384, d: int = 384, layers: int = 2) -> None:
        super().__init__()
        self.input_proj = nn.Linear(width, d)
        self.blocks = nn.Sequential(*[Block(d) for _ in range(layers)])
        self.output_proj = nn.Linear(d, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.normalize(self.output_proj(self.blocks(self.input_proj(x))[:, -1]), dim=1)


class Code(nn.Module):
    """`family_b_doc act=...`: linear layers alone, 384-256-192-256-384."""

    def __init__(self, act: type[nn.Module]) -> None:
        super().__init__()
        self.input_proj, self.compression = nn.Linear(384, 256), nn.Linear(256, 192)
        self.expansion, self.teacher_align = nn.Linear(192, 256), nn.Linear(256, 384)
        self.act = act()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        code = self.act(self.compression(self.act(self.input_proj(x))))
        return F.normalize(self.teacher_align(self.act(self.expansion(code))), dim=1)


MODELS = {"amn": (Mixture, "amn"), "gru": (Recurrent, "gru"),
          "linear": (lambda: Code(nn.Identity), "family_b_doc act=none"),
          "gelu": (lambda: Code(nn.GELU), "family_b_doc act=gelu")}


def unit(x: np.ndarray) -> np.ndarray:
    x = x.astype(np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def ranked(prediction: np.ndarray, rows: np.ndarray, context: list[int], target: int,
           vectors: np.ndarray) -> dict[str, float]:
    """Figures by the rule above; rows [M, 6]."""
    pool = np.unique(rows[:, target])
    place = np.full(len(vectors), -1)
    place[pool] = np.arange(len(pool))
    score = prediction @ vectors[pool].T
    truth = score[np.arange(len(rows)), place[rows[:, target]]].copy()
    for c in context:
        own = place[rows[:, c]]
        score[np.nonzero(own >= 0)[0], own[own >= 0]] = -2
    rank = 1 + (score > truth[:, None]).sum(1)
    found = {f"R@{k}": float((rank <= k).mean()) for k in (1, 5, 10)}
    return {"cosine": float((prediction * vectors[rows[:, target]]).sum(1).mean()), **found,
            "MRR": float((1 / rank).mean())}


def loss_of(name: str, p: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    if name == "cosine":
        return 1 - F.cosine_similarity(p, t).mean()
    return F.cross_entropy(p @ t.T / 0.07, torch.arange(len(p)))


def by_torch(model: nn.Module, loss: str, x: torch.Tensor, t: torch.Tensor, epochs: int) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    for _ in range(epochs):
        for first in range(0, len(x), BATCH):
            part = slice(first, first + BATCH)
            if len(x[part]) > 1:
                optimizer.zero_grad()
                loss_of(loss, model(x[part]), t[part]).backward()
                optimizer.step()


def lnsp(a: argparse.Namespace, *words: object) -> dict:
    done = subprocess.run([a.lnsp, *map(str, words), "--json"], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"recipes: {' '.join(map(str, words))} failed")
    return json.loads(done.stdout)


def task(a: argparse.Namespace, name: str) -> dict:
    """Vectors, and rows of train and test with the context's and the target's columns. The
    training rows are put in one random order, in a file that both read."""
    if name == "t1":
        file = load_file(a.data / "concepts.safetensors")
        rows = {s: np.nonzero(file["split"] == i)[0][:, None].astype(np.int32)
                for s, i in (("train", 0), ("test", 2))}
        source, context, target = "concepts", [0], 0
    else:
        stem, source, context, target = COLUMNS[name]
        file = load_file(a.data / f"{source}.safetensors")
        tasks = load_file(a.data / "tasks.safetensors")
        rows = {s: tasks[f"{stem}_{s}"] for s in ("train", "test")}
    np.random.default_rng(1).shuffle(rows["train"])
    path = a.out / f"{name}.rows.safetensors"
    save_file({f"{s}.{part}": np.ascontiguousarray(r[:, c]) for s, r in rows.items()
               for part, c in (("context", context), ("target", target))}, path)
    return {"name": name, "vectors": unit(file["vectors"]), "rows": rows, "context": context,
            "target": target, "path": path,
            "source": ["--normalise", "--input", f"{a.data / source}.safetensors:vectors"]}


def recipe(a: argparse.Namespace, t: dict, model: str, loss: str) -> dict[str, dict]:
    make, arch = MODELS[model]
    torch.manual_seed(1)
    net = make()
    start, out = (a.out / f"{t['name']}.{model}.{end}.safetensors" for end in ("start", "lnsp"))
    save_file({k: v.numpy().copy() for k, v in net.state_dict().items()}, start,
              {"lnsp.arch": arch})
    epochs, rows, vectors = a.epochs or EPOCHS[t["name"]], t["rows"], t["vectors"]
    words = [[*t["source"], "--rows", f"{t['path']}:{s}.context", "--target-rows",
              f"{t['path']}:{s}.target"] for s in ("train", "test")]
    lnsp(a, "train", start, "-o", out, *words[0], "--loss", LOSSES[loss], "--optimizer",
         "adamw lr=1e-3 weight_decay=.01", "--batch", BATCH, "--epochs", epochs)
    ours = lnsp(a, "eval", out, *words[1])
    single = t["name"] == "t1"
    x = {s: torch.from_numpy(vectors[r[:, t["context"]]]) for s, r in rows.items()}
    y = torch.from_numpy(vectors[rows["train"][:, t["target"]]])
    if single:
        x = {s: v[:, 0] for s, v in x.items()}
    by_torch(net, loss, x["train"], y, epochs)
    with torch.no_grad():
        p = net(x["test"]).numpy()
    if single:
        return {"lnsp": {"cosine": ours["cosine"]},
                "PyTorch": {"cosine": float((p * vectors[rows["test"][:, 0]]).sum(1).mean())}}
    found = ours["results"][0]
    return {"lnsp": {"cosine": found["cosine"], "MRR": found["mrr"],
                     **{f"R@{k}": found[f"r_at_{k}"] for k in (1, 5, 10)}},
            "PyTorch": ranked(p, rows["test"], t["context"], t["target"], vectors)}


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--data", required=True, type=Path)
    p.add_argument("--lnsp", default="build/lnsp")
    p.add_argument("-o", "--out", default=Path("build/recipes"), type=Path)
    p.add_argument("--only", default="t1,text,down,up")
    p.add_argument("--epochs", type=int, help="instead of " + str(EPOCHS))
    p.add_argument("--threads", type=int, default=1, help="of PyTorch")
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    a.out.mkdir(parents=True, exist_ok=True)
    keys = ["cosine", "R@1", "R@5", "R@10", "MRR"]
    print(f"| task | network | loss | by | {' | '.join(keys)} |")
    print("| --- " * (4 + len(keys)) + "|")
    worst = 0.0
    for name in a.only.split(","):
        t = task(a, name)
        for model in ("linear", "gelu") if name == "t1" else ("amn", "gru"):
            for loss in ("cosine",) if name == "t1" else LOSSES:
                found = recipe(a, t, model, loss)
                for by, figures in found.items():
                    cells = [f"{figures[k]:.4f}".lstrip("0") if k in figures else "" for k in keys]
                    print(f"| {name} | {model} | {loss} | {by} | {' | '.join(cells)} |", flush=True)
                worst = max([worst] + [abs(found["lnsp"][k] - found["PyTorch"][k])
                                       for k in found["lnsp"]])
    print(f"\nlargest difference {worst:.4f}")
    sys.exit(worst > 0.003)


if __name__ == "__main__":
    main()

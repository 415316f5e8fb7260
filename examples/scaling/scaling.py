"""How a latent vector model's loss falls with compute: different sizes, one power law.

Trains attention mixtures (`amn`) of different widths on windows of consecutive concepts with
`lnsp train`, whose log counts every operation, and draws the three curves of the document
on scaling (docs/claims.md):

A  compute with the teacher: including the embedding of the concepts in the windows
B  compute of the latent vector model alone
C  compute of a month of nightly updates, compared with training from scratch every night

    python3 examples/scaling/scaling.py --lnsp build/lnsp --data FOLDER -o build/scaling

FOLDER has sentences.safetensors (`vectors`, F16 or F32 [N, D]) and tasks.safetensors (I32 [M, 6]
rows of them: `text_windows_train`, `text_windows_val`, five of context and the next).
"""
from __future__ import annotations

import argparse
import csv
import json
import math
import subprocess
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import numpy as np

# name: width of keys and queries, width of the hidden layer
SIZES = {"tiny": (16, 32), "small": (48, 96), "medium": (128, 256), "large": (256, 512),
         "huge": (384, 1024)}
LOSS = "info_nce tau=.1 duplicates=mask context=mask"
PF_DAY = 1e15 * 86400


def arguments() -> argparse.Namespace:
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--lnsp", default="build/lnsp", help="the program (build/lnsp)")
    p.add_argument("--data", required=True, type=Path, help="folder with the vectors and windows")
    p.add_argument("-o", "--out", default=Path("build/scaling"), type=Path,
                   help="folder for models, logs, scaling.csv and scaling.svg")
    p.add_argument("--sizes", default="tiny,small,medium,large", help=f"of {','.join(SIZES)}")
    p.add_argument("--epochs", type=int, default=6)
    p.add_argument("--batch", type=int, default=512)
    p.add_argument("--dropout", type=float, default=0.2)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--tokens", type=int, default=32, help="tokens of a concept, for the teacher")
    p.add_argument("--teacher", default="encoder d=384 layers=6 heads=12 bert=1 plain=1",
                   help="the teacher's architecture (all-MiniLM-L6-v2)")
    p.add_argument("--nightly", type=float, default=0.01,
                   help="new windows a night, as a share of those for training")
    return p.parse_args()


def lnsp(a: argparse.Namespace, *words: object, read: bool = False) -> dict:
    """One command; its JSON report, or its progress on the terminal."""
    line = [a.lnsp, *map(str, words), *(["--json"] if read else [])]
    done = subprocess.run(line, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"scaling: {' '.join(line)} failed")
    return json.loads(done.stdout) if read else {}


def train(a: argparse.Namespace, name: str, width: int) -> list[dict]:
    """Points (operations so far, held-out MRR) of one size, from its log."""
    d, hidden = SIZES[name]
    start, model, log = (a.out / f"{name}.{end}" for end in ("start.safetensors", "safetensors",
                                                             "csv"))
    lnsp(a, "new", f"amn in={width} d={d} hidden={hidden} dropout={a.dropout}", "--seed", a.seed,
         "-o", start, read=True)
    windows = a.data / "tasks.safetensors"
    lnsp(a, "train", start, "-o", model, "--normalise", "--input",
         f"{a.data / 'sentences.safetensors'}:vectors",
         "--rows", f"{windows}:text_windows_train[0:5]",
         "--target-rows", f"{windows}:text_windows_train[5]",
         "--eval-rows", f"{windows}:text_windows_val[0:5]",
         "--eval-target-rows", f"{windows}:text_windows_val[5]",
         "--loss", LOSS, "--optimizer", f"adamw lr=1e-3 weight_decay=.01 seed={a.seed}",
         "--schedule", "cosine warmup=20", "--batch", a.batch, "--epochs", a.epochs,
         "--shuffle", "--seed", a.seed, "--eval-every", ".5epoch", "--best", "mrr", "--log", log,
         read=True)
    parameters = lnsp(a, "info", model, read=True)["parameters"]
    with open(log, newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["val_mrr"]]
    return [{"size": name, "parameters": parameters, "flops": float(row["total_flops"]),
             "loss": -math.log(float(row["val_mrr"])), "epoch": float(row["epoch"])}
            for row in rows]


def frontier(points: list[dict]) -> list[dict]:
    """Those that no cheaper point is as good as."""
    best, found = math.inf, []
    for p in sorted(points, key=lambda p: p["flops"]):
        if p["loss"] < best:
            best = p["loss"]
            found.append(p)
    return found


def power_law(points: list[dict]) -> tuple[float, float, float, float]:
    """loss = floor + a C^-b with C in PF-days: the floor that fits best, in least squares of
    the logarithms. Also the correlation."""
    c = np.log([p["flops"] / PF_DAY for p in points])
    y = np.array([p["loss"] for p in points])
    best = (math.inf, 0.0, 0.0, 0.0, 0.0)
    for floor in np.linspace(0, y.min() * 0.999, 200):
        slope, shift = np.polyfit(c, np.log(y - floor), 1)
        error = float(((np.exp(shift + slope * c) + floor - y) ** 2).sum())
        if error < best[0] and slope < 0:
            r = float(np.corrcoef(c, np.log(y - floor))[0, 1])
            best = (error, float(floor), math.exp(shift), -float(slope), r)
    return best[1:]


def teacher_flops(a: argparse.Namespace) -> tuple[float, int, int, int]:
    """Operations to embed the training windows' concepts, their number, the vectors' width,
    and the number of windows."""
    facts = lnsp(a, "info", a.teacher, "--concepts", a.tokens, read=True)
    tensors = lnsp(a, "info", a.data / "sentences.safetensors", read=True)["tensors"]
    count, width = next(t["shape"] for t in tensors if t["name"] == "vectors")
    tensors = lnsp(a, "info", a.data / "tasks.safetensors", read=True)["tensors"]
    windows = next(t["shape"][0] for t in tensors if t["name"] == "text_windows_train")
    concepts = min(count, windows + 5)  # consecutive windows share all but one
    return float(facts["flop"]) * concepts, concepts, width, windows


def draw(a: argparse.Namespace, points: list[dict], teacher: float, law: tuple) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True)
    for ax, extra, title in ((axes[0], teacher, "A: with the teacher's embedding"),
                             (axes[1], 0.0, "B: the latent vector model alone")):
        for name in dict.fromkeys(p["size"] for p in points):
            own = [p for p in points if p["size"] == name]
            ax.plot([(p["flops"] + extra) / PF_DAY for p in own], [p["loss"] for p in own],
                    marker=".", label=f"{name}, {own[0]['parameters']:,}")
        ax.set_xscale("log")
        ax.set_xlabel("PF-days")
        ax.set_title(title)
        ax.grid(True, which="both", alpha=0.3)
    floor, scale, power, _ = law
    c = np.geomspace(*(f([p["flops"] for p in points]) / PF_DAY for f in (min, max)), 100)
    axes[1].plot(c, floor + scale * c**-power, "k--", label=f"{floor:.2f} + {scale:.2g} C^-{power:.2f}")
    axes[0].set_ylabel("-log MRR, held out")
    axes[1].legend()
    figure.tight_layout()
    figure.savefig(a.out / "scaling.svg", metadata={"Date": None})


def main() -> None:
    a = arguments()
    unknown = [s for s in a.sizes.split(",") if s not in SIZES]
    if unknown:
        sys.exit(f"scaling: there is no size {unknown[0]}; there are {', '.join(SIZES)}")
    a.out.mkdir(parents=True, exist_ok=True)
    teacher, concepts, width, windows = teacher_flops(a)
    points: list[dict] = []
    print(f"{'size':8} {'parameters':>10} {'best -log MRR':>13} {'PF-days':>9} {'with teacher':>12}")
    for name in a.sizes.split(","):
        own = train(a, name, width)
        points += own
        best = min(own, key=lambda p: p["loss"])
        print(f"{name:8} {best['parameters']:10,} {best['loss']:13.4f} "
              f"{best['flops'] / PF_DAY:9.2e} {(best['flops'] + teacher) / PF_DAY:12.2e}", flush=True)
    with open(a.out / "scaling.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, ["size", "parameters", "epoch", "flops", "loss"])
        writer.writeheader()
        writer.writerows(points)
    law = power_law(frontier(points))
    print(f"\nB, on the frontier: -log MRR = {law[0]:.3f} + {law[1]:.3g} C^-{law[2]:.3f}, "
          f"C in PF-days, correlation {law[3]:.3f}")
    print(f"A: the teacher embeds {concepts:,} concepts of {a.tokens} tokens in "
          f"{teacher / PF_DAY:.2e} PF-days")
    last = points[-1]["flops"] / a.epochs / windows  # of one window, once
    fresh = a.nightly * windows
    print(f"C, a month of {points[-1]['size']}: {fresh:.0f} new windows a night and as many of "
          f"replay, {30 * 2 * fresh * a.epochs * last / PF_DAY:.2e} PF-days; from scratch "
          f"every night {30 * windows * a.epochs * last / PF_DAY:.2e}; the teacher's "
          f"{30 * fresh * teacher / concepts / PF_DAY:.2e}")
    draw(a, points, teacher, law)
    print(f"written {a.out / 'scaling.csv'}, {a.out / 'scaling.svg'}")


if __name__ == "__main__":
    main()

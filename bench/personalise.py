"""What a personal delta costs and keeps: a student learns 1,000 steps of 32 rows, half of a
new domain and half of the old; each codec's delta is applied to the base, and judged by how
much of the gain on held-out rows of the new domain it keeps.

  python3 bench/personalise.py --data DIR [--build build] [--seed 1] [--keep FOLDER]

DIR has concepts, sentences and tasks.safetensors (docs/training.md says what is in them).
Needs numpy and safetensors; everything else is done by build/lnsp and build/bench/lnsp-bench.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile

import numpy as np
from safetensors.numpy import load_file, save_file

STEPS, ROWS = 1000, 32
CODECS = ["exact", "float16", "int8", "int5", "int4", "sparse share=.1", "sign"]
# the patch: only these learn; everything of rank 1, and the last layer
PATCH = "int4 only=1d,layers.expand_2.*"
FROZEN = ["layers.compress_1.weight", "layers.nuclear_compress.weight", "*in_proj_weight",
          "*out_proj.weight", "layers.nuclear_expand.weight"]
RECIPE = ["--loss", "cosine", "--batch", str(ROWS), "--steps", str(STEPS), "--optimizer",
          f"adam lr=1e-3 schedule=cosine warmup=20 steps={STEPS}"]


def lnsp(arguments, *words):
    done = subprocess.run([arguments.build / "lnsp", *words, "--json"], check=True,
                          stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def unit(rows):
    rows = rows.astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def write_data(arguments, folder):
    concepts = unit(load_file(arguments.data / "concepts.safetensors")["vectors"])
    sentences = load_file(arguments.data / "sentences.safetensors")
    rest = load_file(arguments.data / "tasks.safetensors")["rest_train"]
    vectors, split = unit(sentences["vectors"]), sentences["split"]
    draw = np.random.default_rng(arguments.seed)
    new = np.flatnonzero(split == 0)
    batches = []
    for _ in range(STEPS):
        batches += [vectors[draw.choice(new, ROWS // 2, False)],
                    concepts[draw.choice(rest, ROWS // 2, False)]]
    for name, rows in ("mixed", np.concatenate(batches)), ("held_out", vectors[split == 2]):
        save_file({"input": rows, "target": rows}, folder / f"{name}.safetensors")


def train(arguments, folder):
    """The base on the old domain, the personal model, and the one of the patch."""
    base, mixed = folder / "base.safetensors", folder / "mixed.safetensors"
    seed = str(arguments.seed)
    lnsp(arguments, "new", "student", "--seed", seed, "-o", folder / "start.safetensors")
    lnsp(arguments, "train", folder / "start.safetensors", "-o", base, "--normalise", "--input",
         f"{arguments.data}/concepts.safetensors:vectors", "--rows",
         f"{arguments.data}/tasks.safetensors:rest_train", "--loss", "cosine", "--optimizer",
         "adamw lr=3e-3 weight_decay=0", "--schedule", "cosine", "--batch", "256", "--epochs",
         "20", "--shuffle", "--seed", seed)
    lnsp(arguments, "train", base, mixed, "-o", folder / "personal.safetensors", *RECIPE)
    freeze = [word for name in FROZEN for word in ("--freeze", name)]
    lnsp(arguments, "train", base, mixed, "-o", folder / "patch.safetensors", *RECIPE, *freeze)


def cosine(arguments, folder, model):
    return lnsp(arguments, "eval", folder / model, folder / "held_out.safetensors")["cosine"]


def measure(arguments, folder, codec, trained):
    base, delta = folder / "base.safetensors", folder / "d.safetensors"
    lnsp(arguments, "delta", "make", base, folder / trained, "--codec", codec, "-o", delta)
    lnsp(arguments, "delta", "apply", base, delta, "-o", folder / "applied.safetensors")
    times = subprocess.run([arguments.build / "bench/lnsp-bench", "--delta", base,
                            folder / trained, codec], check=True, text=True,
                           stdout=subprocess.PIPE).stdout.splitlines()[-1].split()[-5:]
    return delta.stat().st_size, cosine(arguments, folder, "applied.safetensors"), times


def run(arguments, folder):
    write_data(arguments, folder)
    train(arguments, folder)
    before, after = (cosine(arguments, folder, f"{m}.safetensors") for m in ("base", "personal"))
    print(f"held-out cosine of the base {before:.4f}, after {STEPS} steps {after:.4f}\n")
    print("| codec | bytes | cosine | of the gain, % | encode, ms | decode, ms |")
    print("| --- | --- | --- | --- | --- | --- |")
    for codec in [*CODECS, PATCH]:
        trained = "patch.safetensors" if codec == PATCH else "personal.safetensors"
        size, reached, times = measure(arguments, folder, codec, trained)
        kept = 100 * (reached - before) / (after - before)
        print(f"| `{codec}` | {size:,} | {reached:.4f} | {kept:.2f} | {times[1]} | {times[2]} |",
              flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder of the vectors")
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=pathlib.Path, help="leave the files in this folder")
    arguments = parser.parse_args()
    if arguments.keep:
        arguments.keep.mkdir(parents=True, exist_ok=True)
        run(arguments, arguments.keep)
    else:
        with tempfile.TemporaryDirectory() as folder:
            run(arguments, pathlib.Path(folder))


if __name__ == "__main__":
    main()

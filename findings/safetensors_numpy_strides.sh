#!/bin/sh
# safetensors 0.8.0 (PyPI) with NumPy: an array that is not C-contiguous is saved under its own
# shape with its elements in the order of memory. Nothing is raised, the file is valid, and a
# transposed weight comes back as another matrix. From PyTorch the same call refuses
# non-contiguous tensors, so code that moves from one to the other loses its check.
#
# Whoever writes weights for another program: np.ascontiguousarray(array) first.
# Exit status: 0 while the package behaves so, 1 once it does otherwise.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check safetensors==0.8.0 numpy==2.2.6
"$work/venv/bin/python" - "$work/weights.safetensors" << 'END'
import sys

import numpy as np
from safetensors.numpy import load_file, save_file

weight = np.arange(6, dtype=np.float32).reshape(2, 3)
cases = {
    "contiguous": (weight, True),
    "transposed": (weight.T, False),
    "Fortran order": (np.asfortranarray(weight), False),
    "transposed, copied": (np.ascontiguousarray(weight.T), True),
}
changed = False
for name, (array, expected) in cases.items():
    save_file({"w": array}, sys.argv[1])
    back = load_file(sys.argv[1])["w"]
    equal = back.shape == array.shape and bool((back == array).all())
    print(f"{name:20} {array.tolist()} comes back as {back.tolist()}")
    changed |= equal != expected
sys.exit(changed)
END

#!/bin/sh
# safetensors 0.8.0 (PyPI) with NumPy 2.2.6 and ml_dtypes 0.5.4: bfloat16 and float8 arrays are
# written, as BF16 and F8_E4M3, but whether the same module reads them back depends on the
# function: load_file gives bfloat16, load of the same bytes raises KeyError: 'BF16', and float8
# fails in both, with an AttributeError of the NumPy module in the first and a KeyError in the
# second. One such tensor makes all others of the file unreadable by that call.
#
# Whoever reads such files with NumPy: load_file for bfloat16; for float8 take the tensor's bytes
# and view them as the type of ml_dtypes.
# Exit status: 0 while the package behaves so, 1 once it does otherwise.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check safetensors==0.8.0 numpy==2.2.6 ml_dtypes==0.5.4
"$work/venv/bin/python" - "$work/weights.safetensors" << 'END'
import sys

import ml_dtypes
import numpy as np
from safetensors.numpy import load, load_file, save_file

expected = ["BF16 load_file: bfloat16", "BF16 load: KeyError",
            "F8_E4M3 load_file: AttributeError", "F8_E4M3 load: KeyError"]
seen = []
for name, dtype in ("BF16", ml_dtypes.bfloat16), ("F8_E4M3", ml_dtypes.float8_e4m3fn):
    save_file({"bias": np.ones(2, np.float32), "w": np.ones(3, dtype)}, sys.argv[1])
    with open(sys.argv[1], "rb") as file:
        data = file.read()
    for call, argument in (load_file, sys.argv[1]), (load, data):
        try:
            seen.append(f"{name} {call.__name__}: {call(argument)['w'].dtype}")
        except Exception as error:
            seen.append(f"{name} {call.__name__}: {type(error).__name__}")
print("\n".join(seen))
sys.exit(seen != expected)
END

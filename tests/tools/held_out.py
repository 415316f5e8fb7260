"""Writes tests/data/held_out.safetensors: rows of examples/demo/old.safetensors for tests of
training, apart for learning and judging. Run from the repository root:
    python3 tests/tools/held_out.py
"""
import numpy as np
from safetensors.numpy import save_file

save_file({
    "windows_train": np.array([range(s, s + 6) for s in range(0, 280, 7)], np.int32),
    "windows_val": np.array([range(s, s + 6) for s in range(300, 396, 8)], np.int32),
    "train": np.arange(0, 100, dtype=np.int32),
    "val": np.arange(300, 330, dtype=np.int32),
}, "tests/data/held_out.safetensors")

"""The sentences of each client, and those that no client has."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

import lnsp


def _unit(rows: np.ndarray) -> np.ndarray:
    rows = rows.astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@lru_cache(maxsize=1)
def clients(folder: str, count: int, sentences: int, seed: int) -> list[np.ndarray]:
    """Each client's unit vectors: of `sentences.safetensors`, those of manual pages that no
    other client has; of the demo's `manual.safetensors`, which names no pages, any others."""
    rng = np.random.default_rng(seed)
    full = Path(folder) / "sentences.safetensors"
    if not full.is_file():
        learn = lnsp.load(Path(folder) / "manual.safetensors")["learn"]
        parts = np.array_split(rng.permutation(len(learn)), count)
        return [_unit(learn[part[:sentences]]) for part in parts]
    data = lnsp.load(full)
    train = np.flatnonzero(data["split"] == 0)
    page = data["page"][train]
    found = []
    for pages in np.array_split(rng.permutation(np.unique(page)), count):
        rows = rng.permutation(train[np.isin(page, pages)])
        found.append(_unit(data["vectors"][rows[:sentences]]))
    return found


def held_out(folder: str) -> np.ndarray:
    """Unit vectors of sentences from pages that no client has."""
    full = Path(folder) / "sentences.safetensors"
    if not full.is_file():
        return _unit(lnsp.load(Path(folder) / "manual.safetensors")["held_out"])
    data = lnsp.load(full)
    return _unit(data["vectors"][data["split"] == 2])


def cosine(model: lnsp.Model, rows: np.ndarray) -> float:
    """Mean cosine between unit vectors and the model's outputs for them."""
    return float(np.mean(np.sum(model.run(rows) * rows, axis=1, dtype=np.float64)))

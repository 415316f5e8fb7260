"""Clients that send what they should not, sealed as if it were in order. (One that sends what
it sent before is in client_app.py.)"""

from __future__ import annotations

import hashlib

import numpy as np

import lnsp


def spoil(kind: str, delta: lnsp.Delta, model: lnsp.Model, codec: str) -> lnsp.Delta:
    """A delta whose change is a hundred times as large, or flipped and five
    times as large, or not a number."""
    if kind == "nan":
        sparse = lnsp.Delta.create(model, delta.apply(model), "sparse").to_bytes()
        return lnsp.Delta(
            seal(sparse[:-4] + b"\xff" * 4)
        )  # where the size of all changes stands
    factor = {"x100": 100.0, "flip5": -5.0}[kind]
    old, new = model.arrays(), delta.apply(model).arrays()
    wrong = {name: old[name] + np.float32(factor) * (new[name] - old[name]) for name in old}
    result = lnsp.Model.from_arrays(model.graph.architecture, wrong)
    return lnsp.Delta.create(model, result, codec)


def seal(data: bytes) -> bytes:
    """A delta file with the checksum that belongs to its bytes: BLAKE2s of them with zeros in
    its place (docs/delta.md)."""
    key = b'"lnsp.delta.checksum":"'
    place = data.index(key) + len(key)
    before, after = data[:place], data[place + 64 :]
    digest = hashlib.blake2s(before + b"0" * 64 + after).hexdigest()
    return before + digest.encode() + after

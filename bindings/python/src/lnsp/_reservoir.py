"""Reservoirs: a random sample of what has gone by."""

from __future__ import annotations

import ctypes as ct
from typing import Any

import numpy as np

from . import _c
from ._arrays import NUMPY, Array, dtype_number, pointer
from ._errors import ArgumentError, DtypeError, ShapeError
from ._files import File
from ._handle import Owner, create
from ._options import Path, options, path_bytes


class Reservoir(Owner):
    """A random sample of all items that were added, each with the same probability of being
    in it, so that earlier ones can be trained on again.

    >>> reservoir = lnsp.Reservoir(2 * 384, capacity=1000, seed=1)
    >>> reservoir.add(np.hstack([x, y]))
    >>> old = reservoir.sample(16)
    >>> trainer.step(old[:, :384], old[:, 384:])

    `source` is the width of an item, for an empty one, or the path or bytes of a file, which
    goes on to the same choices. dtype is that of an item's elements."""

    def __init__(
        self,
        source: int | Path | bytes,
        *,
        capacity: int = 0,
        dtype: Any = np.float32,
        seed: int = 0,
    ) -> None:
        destroy = _c.lib.lnsp_reservoir_destroy
        chosen = ct.byref(options())
        if isinstance(source, (int, np.integer)):
            if not 1 <= capacity < 2**63:
                raise ArgumentError(f"capacity is {capacity}: give 1 or more")
            made = _c.ReservoirSettings(ct.sizeof(_c.ReservoirSettings))
            made.dtype = dtype_number("items", np.dtype(dtype))
            made.width, made.capacity, made.seed = int(source), capacity, seed
            self._handle = create(
                _c.lib.lnsp_reservoir_create, ct.byref(made), chosen, destroy=destroy
            )
        else:
            with File(source) as file:
                self._handle = create(
                    _c.lib.lnsp_reservoir_open_file,
                    file._live().get(),
                    chosen,
                    destroy=destroy,
                )

    def _info(self) -> _c.ReservoirInfo:
        info = _c.ReservoirInfo(ct.sizeof(_c.ReservoirInfo))
        self._live().call(_c.lib.lnsp_reservoir_get_info, ct.byref(info))
        return info

    def _empty(self, count: int) -> Array:
        if count < 0:
            raise ArgumentError(f"count is {count}: give 0 or more")
        return np.empty((count, self.width), self.dtype)

    def add(self, items: Any) -> None:
        """Adds items [n, width] of the reservoir's dtype, one after the other."""
        plain = isinstance(items, (list, tuple))
        array = np.ascontiguousarray(items, self.dtype if plain else None)
        if array.dtype != self.dtype:
            raise DtypeError(f"items are of dtype {array.dtype}: give {self.dtype}")
        if array.ndim != 2 or array.shape[1] != self.width:
            raise ShapeError(f"items have shape {array.shape}: give [n, {self.width}]")
        self._live().call(_c.lib.lnsp_reservoir_add, pointer(array), array.shape[0])

    def sample(self, count: int) -> Array:
        """Kept items [count, width] at random, independently: one may come twice. StateError
        if there are none."""
        out = self._empty(count)
        self._live().call(_c.lib.lnsp_reservoir_sample, count, pointer(out))
        return out

    @property
    def items(self) -> Array:
        """All kept items [n, width]."""
        with self._live().lock:
            out = self._empty(len(self))
            self._live().call(_c.lib.lnsp_reservoir_read, 0, out.shape[0], pointer(out))
        return out

    def __len__(self) -> int:
        return int(self._info().count)

    @property
    def seen(self) -> int:
        """Items that were added."""
        return int(self._info().seen)

    @property
    def capacity(self) -> int:
        """Items that are kept at most."""
        return int(self._info().capacity)

    @property
    def width(self) -> int:
        """Elements of an item."""
        return int(self._info().width)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the elements; bfloat16, which NumPy lacks, comes as uint16."""
        return NUMPY.get(self._info().dtype, np.dtype(np.uint16))

    @property
    def memory_bytes(self) -> int:
        """What it takes."""
        return int(self._info().bytes)

    def save(self, path: Path) -> None:
        """Writes a safetensors file, whole or not at all; Reservoir(path) reads it."""
        self._live().call(_c.lib.lnsp_reservoir_save, path_bytes(path))

    def __repr__(self) -> str:
        if self.closed:
            return "<lnsp.Reservoir closed>"
        return f"<lnsp.Reservoir {len(self)} of {self.seen} items>"

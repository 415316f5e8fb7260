"""safetensors files: named arrays in and out."""

from __future__ import annotations

import ctypes as ct
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from . import _c
from ._arrays import NUMPY, Array, Tensors, pointer, shape_of
from ._handle import Collector, Handle, Owner, create
from ._options import Path, options, path_bytes


class File(Owner, Mapping[str, Array]):
    """A safetensors file, open for reading: a mapping from names to arrays.

    >>> with lnsp.File("data.safetensors") as file:
    ...     vectors = file["vectors"]

    Tensors are read when asked for. BF16 comes as float32, which NumPy can hold.
    `source` is a path, or the bytes of a file."""

    def __init__(self, source: Path | bytes) -> None:
        with_options = ct.byref(options())
        if isinstance(source, (bytes, bytearray, memoryview)):
            data = bytes(source)
            self._handle = create(
                _c.lib.lnsp_file_open_memory,
                data,
                len(data),
                with_options,
                destroy=_c.lib.lnsp_file_destroy,
                keep=data,
            )
        else:
            self._handle = create(
                _c.lib.lnsp_file_open,
                path_bytes(source),
                with_options,
                destroy=_c.lib.lnsp_file_destroy,
            )
        handle = self._handle
        self._shapes: dict[str, tuple[int, tuple[int, ...]]] = {}
        for i in range(_c.lib.lnsp_file_tensor_count(handle.get())):
            tensor = _c.Tensor()
            handle.call(_c.lib.lnsp_file_tensor_at, i, ct.byref(tensor))
            self._shapes[tensor.name.decode()] = (tensor.dtype, shape_of(tensor))

    def __getitem__(self, name: str) -> Array:
        return self.read(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._shapes)

    def __len__(self) -> int:
        return len(self._shapes)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor, without reading it."""
        return self._shapes[name][1]

    def read(self, name: str, dtype: Any = None) -> Array:
        """A tensor as an array, in its own type, or converted: floats to float32, integers
        to int32 or int64 if they fit."""
        number, shape = self._shapes[name]
        wanted = NUMPY.get(number, np.dtype(np.float32)) if dtype is None else np.dtype(dtype)
        array = np.empty(shape, wanted)
        code = next((c for c, known in NUMPY.items() if known == wanted), 0)
        self._live().call(
            _c.lib.lnsp_file_read, name.encode(), 0, array.size, code, pointer(array)
        )
        return array

    @property
    def metadata(self) -> dict[str, str]:
        """The file's metadata."""
        handle = self._live()
        found: dict[str, str] = {}
        pair = _c.Pair()
        problem = _c.Problem()
        i = 0
        while not _c.lib.lnsp_file_metadata_at(handle.get(), i, ct.byref(pair), problem):
            found[pair.key.decode()] = pair.value.decode()
            i += 1
        return found


def load(source: Path | bytes) -> dict[str, Array]:
    """All arrays of a safetensors file."""
    with File(source) as file:
        return dict(file)


def _write(
    arrays: Mapping[str, Any], metadata: Mapping[str, str] | None, open_call: Any, to: Any
) -> None:
    tensors = Tensors(
        (name, np.ascontiguousarray(array).reshape(np.shape(array)))
        for name, array in arrays.items()
    )
    pairs = (_c.Pair * max(1, len(metadata or {})))()
    for pair, (key, value) in zip(pairs, (metadata or {}).items()):
        pair.key, pair.value = key.encode(), value.encode()
    writer = create(
        open_call,
        to,
        tensors.pointer,
        tensors.count,
        pairs,
        len(metadata or {}),
        ct.byref(options()),
        destroy=_c.lib.lnsp_writer_destroy,
    )
    for _, array in tensors.arrays:
        writer.call(_c.lib.lnsp_writer_write, pointer(array), array.nbytes)
    writer.call(_c.lib.lnsp_writer_close)


def save(
    path: Path, arrays: Mapping[str, Any], metadata: Mapping[str, str] | None = None
) -> None:
    """Writes arrays as a safetensors file. It appears whole or not at all."""
    _write(arrays, metadata, _c.lib.lnsp_writer_create, path_bytes(path))


def to_bytes(arrays: Mapping[str, Any], metadata: Mapping[str, str] | None = None) -> bytes:
    """The bytes that save would write."""
    collector = Collector()
    _write(arrays, metadata, _c.lib.lnsp_writer_create_sink, ct.byref(collector.sink))
    return bytes(collector.data)


def save_bytes(handle: Handle, function: Any, kind: int) -> bytes:
    """What a save_sink call of the library writes."""
    collector = Collector()
    handle.call(function, ct.byref(collector.sink), kind)
    return bytes(collector.data)


__all__ = ["File", "load", "save", "to_bytes"]

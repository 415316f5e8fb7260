"""safetensors files: named arrays in and out."""

from __future__ import annotations

import ctypes as ct
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from . import _c
from ._arrays import NUMPY, Array, Tensors, pointer, shape_of
from ._handle import Collector, Handle, Owner, Progress, create
from ._options import Path, options, path_bytes, text_bytes


class File(Owner, Mapping[str, Array]):
    """A safetensors file, open for reading: a mapping from names to arrays.

    >>> with lnsp.File("data.safetensors") as file:
    ...     vectors = file["vectors"]

    Tensors are read when asked for. BF16 comes as float32, which NumPy can hold.
    `source` is a path, or the bytes of a file. progress(done, total) is told how many bytes
    of data have been read; what it raises comes out of the call."""

    def __init__(self, source: Path | bytes, *, progress: Progress | None = None) -> None:
        made = options(progress=progress)
        with_options = ct.byref(made)
        if isinstance(source, (bytes, bytearray, memoryview)):
            data = bytes(source)
            self._handle = create(
                _c.lib.lnsp_file_open_memory,
                data,
                len(data),
                with_options,
                destroy=_c.lib.lnsp_file_destroy,
                keep=(data, made),
            )
        else:
            self._handle = create(
                _c.lib.lnsp_file_open,
                path_bytes(source),
                with_options,
                destroy=_c.lib.lnsp_file_destroy,
                keep=made,
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


def load(source: Path | bytes, *, progress: Progress | None = None) -> dict[str, Array]:
    """All arrays of a safetensors file."""
    with File(source, progress=progress) as file:
        return dict(file)


def pairs_of(metadata: Mapping[str, str] | None) -> tuple[Any, int]:
    """Metadata as an array of lnsp_key_value, and how many there are."""
    given = metadata or {}
    pairs = (_c.Pair * max(1, len(given)))()
    for pair, (key, value) in zip(pairs, given.items()):
        pair.key = text_bytes(key, "a key of the metadata")
        pair.value = text_bytes(value, f"the metadata's {key!r}")
    return pairs, len(given)


def _write(
    arrays: Mapping[str, Any], metadata: Mapping[str, str] | None, open_call: Any, to: Any
) -> None:
    tensors = Tensors(
        (name, np.ascontiguousarray(array).reshape(np.shape(array)))
        for name, array in arrays.items()
    )
    pairs, pair_count = pairs_of(metadata)
    writer = create(
        open_call,
        to,
        tensors.pointer,
        tensors.count,
        pairs,
        pair_count,
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


def save_bytes(handle: Handle, function: Any, *arguments: Any) -> bytes:
    """What a save_sink call of the library writes."""
    collector = Collector()
    handle.call(function, ct.byref(collector.sink), *arguments)
    return bytes(collector.data)


__all__ = ["File", "load", "save", "to_bytes"]

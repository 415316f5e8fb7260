"""NumPy arrays as lnsp_tensor and back, without copies where memory allows it."""

from __future__ import annotations

import ctypes as ct
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _c
from ._errors import DtypeError, ShapeError
from ._handle import Handle

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]

_DTYPES: dict[np.dtype[Any], int] = {
    np.dtype(np.float32): _c.F32,
    np.dtype(np.float16): _c.F16,
    np.dtype(np.float64): _c.F64,
    np.dtype(np.int8): _c.I8,
    np.dtype(np.int16): _c.I16,
    np.dtype(np.int32): _c.I32,
    np.dtype(np.int64): _c.I64,
    np.dtype(np.uint8): _c.U8,
    np.dtype(np.uint16): _c.U16,
    np.dtype(np.uint32): _c.U32,
    np.dtype(np.uint64): _c.U64,
    np.dtype(np.bool_): _c.BOOL,
}
NUMPY: dict[int, np.dtype[Any]] = {number: dtype for dtype, number in _DTYPES.items()}

STORAGES = {
    "f32": _c.F32,
    "float32": _c.F32,
    "f16": _c.F16,
    "float16": _c.F16,
    "bf16": _c.BF16,
    "bfloat16": _c.BF16,
    "i8": _c.I8,
    "int8": _c.I8,
}
STORAGE_NAMES = {_c.F32: "f32", _c.F16: "f16", _c.BF16: "bf16", _c.I8: "int8"}


def storage_number(name: str | None) -> int:
    """Number of a storage type's name; 0 for None."""
    if name is None:
        return 0
    try:
        return STORAGES[name.lower()]
    except (KeyError, AttributeError):
        raise DtypeError(
            f"there is no storage type {name!r}; there are f32, f16, bf16, int8"
        ) from None


def dtype_number(name: str, dtype: np.dtype[Any]) -> int:
    number = _DTYPES.get(dtype) if dtype.isnative else None
    if number is None:
        raise DtypeError(
            f"'{name}' is of dtype {dtype}: give native float32 (array.astype(numpy.float32))",
            name=name,
        )
    return number


def as_input(name: str, given: Any) -> Array:
    """The array that the library reads. Arrays (also what NumPy sees without a copy, such
    as a PyTorch tensor on the CPU) go as they are; lists become float32, or int64 for ids
    and masks."""
    plain = isinstance(given, (list, tuple, int, float))
    whole = name == "ids" or name.endswith("mask")
    kind = np.int64 if whole else np.float32
    value: Array = np.asarray(given, kind) if plain else np.asarray(given)
    if value.dtype.isnative and (value.dtype.kind in "iub"):
        return np.ascontiguousarray(value)  # ids or a mask; the library says if it is not
    if value.dtype != np.float32 or not value.dtype.isnative:
        raise DtypeError(
            f"'{name}' is of dtype {value.dtype}, the library computes in float32: give "
            "array.astype(numpy.float32)",
            name=name,
        )
    if not _fits(value):
        value = np.ascontiguousarray(value)
    return value


def ids_of(given: Any, what: str) -> Ids:
    """Ids, or other whole numbers, as the library takes them."""
    array = np.asarray(given)
    if array.size == 0:
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{what} are of dtype {array.dtype}: give integers")
    return np.ascontiguousarray(array, np.int64)


def as_output(name: str, value: Any) -> Array:
    """The array that the library writes: float32, writable, any strides of whole elements."""
    if not isinstance(value, np.ndarray):
        raise TypeError(f"out for '{name}' is {type(value).__name__}: give a NumPy array")
    if value.dtype != np.float32 or not value.dtype.isnative:
        raise DtypeError(f"out for '{name}' is of dtype {value.dtype}: give float32", name=name)
    if not value.flags.writeable:
        raise TypeError(f"out for '{name}' is read-only: give a writable array")
    # rows on top of each other would be written twice
    overlap = any(stride == 0 and size > 1 for stride, size in zip(value.strides, value.shape))
    if value.size and (overlap or not _fits(value)):
        raise TypeError(f"out for '{name}' has strides that cannot be written: give another")
    return value


def _fits(array: Array) -> bool:
    """Whether strides in elements describe it. All zero means contiguous to the library."""
    if array.flags.c_contiguous:
        return True
    strides = array.strides
    return any(strides) and all(stride % array.itemsize == 0 for stride in strides)


def fill(tensor: _c.Tensor, name: str, array: Array) -> None:
    """Describes the array in tensor."""
    if array.ndim > 4:
        raise ShapeError(
            f"'{name}' has {array.ndim} dimensions: at most 4 are known", name=name
        )
    tensor.name = name.encode()
    tensor.dtype = dtype_number(name, array.dtype)
    tensor.rank = array.ndim
    contiguous = array.flags.c_contiguous
    for i, (size, stride) in enumerate(zip(array.shape, array.strides)):
        tensor.dims[i] = size
        tensor.strides[i] = 0 if contiguous else stride // array.itemsize
    tensor.data = array.ctypes.data


class Tensors:
    """An array of lnsp_tensor that keeps its arrays alive."""

    def __init__(self, arrays: Iterable[tuple[str, Array]]) -> None:
        self.arrays = list(arrays)
        self.count = len(self.arrays)
        self.pointer = (_c.Tensor * max(1, self.count))()
        for tensor, (name, array) in zip(self.pointer, self.arrays):
            fill(tensor, name, array)


def inputs(values: Iterable[tuple[str, Any]]) -> Tensors:
    return Tensors((name, as_input(name, value)) for name, value in values)


def shape_of(tensor: _c.Tensor) -> tuple[int, ...]:
    return tuple(tensor.dims[i] for i in range(tensor.rank))


def rows_of(tensor: _c.Tensor) -> Floats:
    """An array over rows [rows, width] that a callback may look at while it runs."""
    rows, width = shape_of(tensor)
    whole = (ct.c_float * (rows * tensor.strides[0])).from_address(tensor.data)
    every: Floats = np.ctypeslib.as_array(whole).reshape(rows, tensor.strides[0])
    return every[:, :width]


class _View:
    """Memory of the library as NumPy may look at it; keeps the handle alive."""

    def __init__(self, tensor: _c.Tensor, owner: Handle) -> None:
        self.owner = owner
        self.__array_interface__ = {
            "version": 3,
            "typestr": np.dtype(np.float32).str,
            "shape": shape_of(tensor),
            "strides": tuple(4 * tensor.strides[i] for i in range(tensor.rank)),
            "data": (tensor.data, True),
        }


def view(tensor: _c.Tensor, owner: Handle) -> Floats:
    """A read-only array over the library's memory."""
    return np.asarray(_View(tensor, owner))


def pointer(array: Array) -> ct.c_void_p:
    return ct.c_void_p(array.ctypes.data)

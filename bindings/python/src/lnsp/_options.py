"""Options, limits and sizes."""

from __future__ import annotations

import ctypes as ct
import os
from dataclasses import dataclass
from typing import Any, Union

from . import _c
from ._arrays import storage_number
from ._errors import ArgumentError
from ._handle import Progress, reporter

Path = Union[str, "os.PathLike[str]"]


def path_bytes(path: Path) -> bytes:
    encoded = os.fsencode(path)
    if b"\0" in encoded:
        raise ArgumentError("a path cannot hold a zero byte")
    return encoded


def text_bytes(text: str | None, what: str) -> bytes | None:
    if text is None:
        return None
    if not isinstance(text, str):
        raise TypeError(f"{what} is {type(text).__name__}: give a str")
    encoded = text.encode()
    if b"\0" in encoded:
        raise ArgumentError(f"{what} cannot hold a zero byte")
    return encoded


def options(
    *,
    isa: str | None = None,
    architecture: str | None = None,
    prefix: str | None = None,
    storage: str | None = None,
    progress: Progress | None = None,
) -> _c.Options:
    made = _c.Options()
    made.struct_size = ct.sizeof(_c.Options)
    made.isa = text_bytes(isa, "isa")
    made.architecture = text_bytes(architecture, "architecture")
    made.prefix = text_bytes(prefix, "prefix")
    made.storage = storage_number(storage)
    if progress is not None:
        made.progress = reporter(progress)
    return made


def limits(
    *,
    max_rows: int = 1,
    max_concepts: int = 1,
    history: int = 0,
    undo: str = "all",
    keep_nodes: bool = False,
) -> _c.Limits:
    if undo not in ("all", "weights"):
        raise ArgumentError(f"undo is {undo!r}: give 'all' or 'weights'")
    for name, number in (("max_rows", max_rows), ("max_concepts", max_concepts)):
        if not 1 <= number < 2**31:
            raise ArgumentError(f"{name} is {number}: give 1 or more")
    if not 0 <= history < 2**31:
        raise ArgumentError(f"history is {history}: give 0 or more")
    return _c.Limits(
        ct.sizeof(_c.Limits),
        max_rows,
        max_concepts,
        history,
        _c.MARK_WEIGHTS if undo == "weights" else _c.MARK_STATE,
        int(keep_nodes),
        0,
    )


@dataclass(frozen=True)
class Memory:
    """Bytes of an object, counted before anything is allocated. total_bytes is what the
    library takes; the others are parts of it. The same on every host."""

    total_bytes: int
    weight_bytes: int
    moment_bytes: int
    average_bytes: int
    mark_bytes: int
    activation_bytes: int
    workspace_bytes: int
    plan_bytes: int
    residual_bytes: int
    gradient_bytes: int


def empty_memory() -> _c.Memory:
    made = _c.Memory()
    made.struct_size = ct.sizeof(_c.Memory)
    return made


def memory(read: Any) -> Memory:
    return Memory(**{name: getattr(read, name) for name in Memory.__dataclass_fields__})

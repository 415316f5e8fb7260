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
    max_marks: int = 0,
    mark_contents: str = "state",
    history: int | None = None,
    undo: str | None = None,
    keep_nodes: bool = False,
) -> _c.Limits:
    if history is not None:  # the names until 0.1
        max_marks = history
    if undo is not None:
        mark_contents = "state" if undo == "all" else undo
    if mark_contents not in ("state", "weights"):
        raise ArgumentError(f"mark_contents is {mark_contents!r}: give 'state' or 'weights'")
    for name, number in (("max_rows", max_rows), ("max_concepts", max_concepts)):
        if not 1 <= number < 2**31:
            raise ArgumentError(f"{name} is {number}: give 1 or more")
    if not 0 <= max_marks < 2**31:
        raise ArgumentError(f"max_marks is {max_marks}: give 0 or more")
    return _c.Limits(
        ct.sizeof(_c.Limits),
        max_rows,
        max_concepts,
        max_marks,
        _c.MARK_WEIGHTS if mark_contents == "weights" else _c.MARK_STATE,
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

    @property
    def undo_bytes(self) -> int:
        """The name of mark_bytes until 0.1."""
        return self.mark_bytes


def empty_memory() -> _c.Memory:
    made = _c.Memory()
    made.struct_size = ct.sizeof(_c.Memory)
    return made


def memory(read: Any) -> Memory:
    return Memory(**{name: getattr(read, name) for name in Memory.__dataclass_fields__})

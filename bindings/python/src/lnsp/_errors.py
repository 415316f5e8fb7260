"""Exceptions: one class for each status of the library."""

from __future__ import annotations

from typing import Any

__all__ = [
    "ArgumentError",
    "CancelledError",
    "DtypeError",
    "Error",
    "FileError",
    "FormatError",
    "InternalError",
    "LimitError",
    "MismatchError",
    "MissingError",
    "NotFiniteError",
    "OutOfMemoryError",
    "ShapeError",
    "RefusedError",
    "StateError",
    "TextError",
    "UnknownNameError",
    "UnsupportedError",
]


class Error(Exception):
    """The library refused a call. Nothing has changed.

    Attributes:
        code: the library's status, e.g. 8.
        status: its name, e.g. "LNSP_E_SHAPE".
        name: the tensor, key or file concerned, or "".
        line, column: where in a text (from 1), or 0.
        offset: byte offset in a file, or -1.
        message: a sentence that says what is wrong, where, and what to do.
    """

    status = "LNSP_E_?"

    def __init__(
        self,
        message: str,
        *,
        code: int = 0,
        name: str = "",
        line: int = 0,
        column: int = 0,
        offset: int = -1,
    ) -> None:
        text = message
        if line:
            text += f" (line {line}, column {column} of the text)"
        elif offset >= 0:
            text += f" (at byte {offset})"
        super().__init__(text)
        self.message = message
        self.code = code or _CODES.get(type(self), 0)
        self.name = name
        self.line = line
        self.column = column
        self.offset = offset


class ArgumentError(Error, ValueError):
    """An argument is missing or out of range."""

    status = "LNSP_E_ARGUMENT"


class OutOfMemoryError(Error, MemoryError):
    """There is not enough memory."""

    status = "LNSP_E_MEMORY"


class FileError(Error):
    """Reading or writing failed."""

    status = "LNSP_E_IO"


class FormatError(Error, ValueError):
    """Bytes are not the format they claim to be."""

    status = "LNSP_E_FORMAT"


class TextError(Error, ValueError):
    """A text (architecture, loss, optimizer, codec) is malformed."""

    status = "LNSP_E_SYNTAX"


class UnknownNameError(Error, LookupError):
    """A name in a text or file is not known."""

    status = "LNSP_E_UNKNOWN"


class MissingError(Error, LookupError):
    """A required tensor, key or file is not there."""

    status = "LNSP_E_MISSING"


class ShapeError(Error, ValueError):
    """Shapes do not fit each other."""

    status = "LNSP_E_SHAPE"


class DtypeError(Error, TypeError):
    """The data type cannot be used here."""

    status = "LNSP_E_DTYPE"


class LimitError(Error, ValueError):
    """Over a stated limit."""

    status = "LNSP_E_LIMIT"


class NotFiniteError(Error, ArithmeticError):
    """NaN, infinity or overflow."""

    status = "LNSP_E_NOT_FINITE"


class StateError(Error, RuntimeError):
    """The call does not fit what was called before, or the object is closed."""

    status = "LNSP_E_STATE"


class MismatchError(Error, ValueError):
    """A hash or checksum does not fit."""

    status = "LNSP_E_MISMATCH"


class UnsupportedError(Error):
    """This CPU or build cannot do it."""

    status = "LNSP_E_UNSUPPORTED"


class InternalError(Error):
    """A self-check of the library failed: please report it."""

    status = "LNSP_E_INTERNAL"


class RefusedError(Error):
    """A rule of the caller's own (verify, judge) said no."""

    status = "LNSP_E_REFUSED"


class CancelledError(Error):
    """The caller's own progress function said to stop; nothing has changed."""

    status = "LNSP_E_CANCELLED"


_CLASSES: dict[int, type[Error]] = {
    1: ArgumentError,
    2: OutOfMemoryError,
    3: FileError,
    4: FormatError,
    5: TextError,
    6: UnknownNameError,
    7: MissingError,
    8: ShapeError,
    9: DtypeError,
    10: LimitError,
    11: NotFiniteError,
    12: StateError,
    13: MismatchError,
    14: UnsupportedError,
    15: InternalError,
    16: RefusedError,
    17: CancelledError,
}
_CODES: dict[type[Error], int] = {kind: code for code, kind in _CLASSES.items()}


def from_problem(status: int, problem: Any | None) -> Error:
    """The exception for a status and the lnsp_error that came with it."""
    kind = _CLASSES.get(status, Error)
    if problem is None or problem.code != status:
        return kind(f"the library answered {kind.status}", code=status)
    return kind(
        problem.message.decode("utf-8", "replace"),
        code=status,
        name=problem.name.decode("utf-8", "replace"),
        line=problem.line,
        column=problem.column,
        offset=problem.offset,
    )

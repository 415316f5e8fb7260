"""Handles: who keeps whom alive, and one call at a time."""

from __future__ import annotations

import ctypes as ct
import threading
from types import TracebackType
from typing import Any, Callable, TypeVar

from . import _c
from ._errors import StateError, from_problem

Progress = Callable[[int, int], object]

# What a progress function raised, until the call that it cancelled returns; the library
# calls it on the thread of the call.
_raised = threading.local()

# Guards the counts of Handle. Re-entrant, since the collector may free a handle while
# another one is being freed.
_counts = threading.RLock()


class Handle:
    """A pointer of the library, freed when the last reference goes, and after all handles
    that were made on it: a session on a trainer outlives it even when the collector finds
    both in one cycle and asks in the wrong order."""

    __slots__ = ("_destroy", "_dropped", "_parents", "_users", "keep", "lock", "pointer")

    def __init__(
        self,
        pointer: int,
        destroy: Callable[[int], None] | None,
        parents: tuple[Handle, ...] = (),
        keep: Any = None,
        lock: Any | None = None,
    ) -> None:
        self.pointer: int | None = pointer
        self.lock = lock if lock is not None else threading.RLock()
        self.keep = keep  # memory that the library reads
        self._destroy = destroy
        self._parents = parents
        self._users = 0
        self._dropped = False
        with _counts:
            for parent in parents:
                parent._users += 1

    def get(self) -> int:
        """The pointer; StateError when it is gone."""
        pointer = self.pointer
        if pointer is None:
            raise StateError("this object is closed")
        return pointer

    def call(self, function: Any, *arguments: Any) -> None:
        """function(pointer, *arguments, problem), one thread at a time."""
        problem = _c.Problem()
        with self.lock:
            status = function(self.get(), *arguments, ct.byref(problem))
        if status:
            raise failure(status, problem)

    def read(self, function: Any, *arguments: Any) -> Any:
        """What function(pointer, *arguments) returns, one thread at a time."""
        with self.lock:
            return function(self.get(), *arguments)

    def __del__(self, _counts: Any = _counts) -> None:  # also while Python shuts down
        with _counts:
            self._dropped = True
            self._free_if_unused()

    def _free_if_unused(self) -> None:
        if self._users or not self._dropped or self.pointer is None:
            return
        pointer, self.pointer = self.pointer, None
        if self._destroy is not None:
            self._destroy(pointer)
        self.keep = None
        parents, self._parents = self._parents, ()
        for parent in parents:
            parent._users -= 1
            parent._free_if_unused()


def reporter(function: Progress) -> Any:
    """An lnsp_progress for a caller's function; what that raises cancels the call."""

    def report(_user: Any, done: int, total: int) -> int:
        try:
            function(done, total)
        except BaseException as error:
            _raised.error = error
            return 1
        return 0

    return ct.pointer(_c.Progress(ct.sizeof(_c.Progress), 0, None, _c.REPORT(report)))


def failure(status: int, problem: Any) -> BaseException:
    """The exception for a status: of a cancelled call what the progress function raised."""
    if status == _c.E_CANCELLED:
        error: BaseException | None = getattr(_raised, "error", None)
        _raised.error = None
        if error is not None:
            return error
    return from_problem(status, problem)


def call(function: Any, *arguments: Any) -> None:
    """function(*arguments, problem); raises what the problem says."""
    problem = _c.Problem()
    status = function(*arguments, ct.byref(problem))
    if status:
        raise failure(status, problem)


def create(
    function: Any,
    *arguments: Any,
    destroy: Callable[[int], None],
    parents: tuple[Handle, ...] = (),
    keep: Any = None,
    lock: Any | None = None,
) -> Handle:
    """The handle that function(*arguments, out, problem) gives."""
    out = ct.c_void_p()
    call(function, *arguments, ct.byref(out))
    assert out.value is not None
    return Handle(out.value, destroy, parents, keep, lock)


_Self = TypeVar("_Self", bound="Owner")


class Owner:
    """What every object with a handle can do: close, and be used in a with statement."""

    _handle: Handle | None = None

    def _live(self) -> Handle:
        handle = self._handle
        if handle is None:
            raise StateError(f"this {type(self).__name__} is closed")
        return handle

    @property
    def closed(self) -> bool:
        """Whether close was called."""
        return self._handle is None

    def close(self) -> None:
        """Lets go of the memory now rather than when the object is collected. What still
        uses it (a view, a session on this trainer) keeps it until then. May be called
        again."""
        self._handle = None

    def __enter__(self: _Self) -> _Self:
        self._live()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Collector:
    """A sink that gathers bytes."""

    def __init__(self) -> None:
        self.data = bytearray()
        self._write = _c.WRITE(self._append)
        self.sink = _c.Sink(ct.sizeof(_c.Sink), None, self._write)

    def _append(self, _user: Any, data: int, size: int) -> int:
        try:
            self.data += ct.string_at(data, size)
        except MemoryError:
            return 1
        return 0

"""liblnsp: small neural networks that learn on the device.

Models, sessions, trainers, replay, deltas and indexes of the C library, with NumPy arrays that
are not copied on the way in or out. Errors are exceptions of class lnsp.Error. Whatever takes
memory can be used in a with statement, closed, or left to the collector, in any order."""

from __future__ import annotations

from . import _c, metrics
from ._delta import Delta
from ._errors import (
    ArgumentError,
    CancelledError,
    DtypeError,
    Error,
    FileError,
    FormatError,
    InternalError,
    LimitError,
    MismatchError,
    MissingError,
    NotFiniteError,
    OutOfMemoryError,
    RefusedError,
    ShapeError,
    StateError,
    TextError,
    UnknownNameError,
    UnsupportedError,
)
from ._export import Export, NodeDifference, export
from ._files import File, load, save
from ._graph import Graph
from ._index import Index
from ._lists import Key, keys, names
from ._loop import EarlyStop, draw, shuffle
from ._model import Model
from ._options import Memory
from ._replay import Replay, evaluate_loss
from ._reservoir import Reservoir
from ._session import Session
from ._store import Store, StoreFacts, Version
from ._trainer import Trainer

__version__: str = _c.lib.lnsp_version_text().decode()
arithmetic_version: int = _c.lib.lnsp_arithmetic_version()
"""Results of two libraries with the same number agree to the bit."""


def best_isa() -> str:
    """The kernel set that is taken where none is asked for."""
    name: bytes = _c.lib.lnsp_isa_best()
    return name.decode()


__all__ = [
    "ArgumentError",
    "CancelledError",
    "Delta",
    "DtypeError",
    "EarlyStop",
    "Error",
    "Export",
    "File",
    "FileError",
    "FormatError",
    "Graph",
    "Index",
    "InternalError",
    "Key",
    "LimitError",
    "Memory",
    "MismatchError",
    "MissingError",
    "Model",
    "NodeDifference",
    "NotFiniteError",
    "OutOfMemoryError",
    "RefusedError",
    "Replay",
    "Reservoir",
    "Session",
    "ShapeError",
    "StateError",
    "Store",
    "StoreFacts",
    "TextError",
    "Trainer",
    "UnknownNameError",
    "UnsupportedError",
    "Version",
    "arithmetic_version",
    "best_isa",
    "draw",
    "evaluate_loss",
    "export",
    "keys",
    "load",
    "metrics",
    "names",
    "save",
    "shuffle",
]

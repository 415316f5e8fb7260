"""What this build knows: names and their keys."""

from __future__ import annotations

import ctypes as ct
from dataclasses import dataclass

from . import _c
from ._errors import ArgumentError, UnknownNameError


@dataclass(frozen=True)
class Key:
    """A key of a text. type: "real", "whole", "flag" (0 or 1), "word" (one of words), "name"
    (of the caller), or "size" (a number without key=, behind a layer's inputs). default: as one
    would write it; None: leaving the key out says what no value does, or it is required."""

    name: str
    type: str
    low: float
    high: float
    default: str | None
    words: tuple[str, ...]
    """All there are; of a number: what is allowed in its place."""
    needs: str | None
    """Another key without which this one has no effect."""
    count: int
    """Numbers joined by commas; without a default at most so many."""
    required: bool
    percent: bool
    """A percentage is allowed too."""
    depends: bool
    """Default or range depend on other values."""


def _number(kind: str) -> int:
    if kind not in _c.LISTS:
        raise ArgumentError(f"there is no list {kind!r}; there are {', '.join(_c.LISTS)}")
    return _c.LISTS[kind]


def names(kind: str) -> dict[str, str]:
    """What this build knows, with a line of help each. kind: "architectures", "layers",
    "losses", "optimizers", "schedules", "isas", "codecs" or "rules"."""
    number = _number(kind)
    found: dict[str, str] = {}
    while True:
        name = _c.lib.lnsp_list_name(number, len(found))
        if name is None:
            return found
        found[name.decode()] = _c.lib.lnsp_list_help(number, len(found)).decode()


def _key(info: _c.KeyInfo) -> Key:
    words = info.words.decode()
    return Key(
        name=info.name.decode(),
        type=_c.KEY_TYPES[info.type],
        low=info.low,
        high=info.high,
        default=info.initial.decode() or None,
        words=tuple(words.split(",")) if words else (),
        needs=info.needs.decode() or None,
        count=info.count,
        required=bool(info.flags & _c.KEY_REQUIRED),
        percent=bool(info.flags & _c.KEY_PERCENT),
        depends=bool(info.flags & _c.KEY_DEPENDS),
    )


def keys(kind: str, name: str) -> list[Key]:
    """The keys that a name takes in a text, e.g. keys("optimizers", "adamw"). kind: as for
    names()."""
    number, known = _number(kind), list(names(kind))
    if name not in known:
        raise UnknownNameError(f"there is no {name!r} among the {kind}: {', '.join(known)}")
    index, found = known.index(name), []
    for k in range(_c.lib.lnsp_list_key_count(number, index)):
        info = _c.KeyInfo()
        info.struct_size = ct.sizeof(info)
        _c.lib.lnsp_list_key_at(number, index, k, ct.byref(info), None)
        found.append(_key(info))
    return found

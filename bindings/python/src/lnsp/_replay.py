"""Replay: an old domain remembered without its data, and losses by themselves."""

from __future__ import annotations

import ctypes as ct
from typing import Any

import numpy as np

from . import _c
from ._arrays import Floats, Tensors, as_input, as_output, inputs
from ._handle import Owner, call, create
from ._options import Path, options, path_bytes, text_bytes


class Replay(Owner):
    """Mean and covariance of unit vectors, from which new ones are drawn.

    >>> replay = lnsp.Replay.of(old_vectors)
    >>> trainer.set_replay(replay)          # loss "cosine + 4*replay rows=7"

    `source` is a width, for empty statistics to add rows to, or the path of a file."""

    def __init__(self, source: int | Path) -> None:
        destroy = _c.lib.lnsp_replay_destroy
        chosen = ct.byref(options())
        if isinstance(source, (int, np.integer)):
            self._handle = create(
                _c.lib.lnsp_replay_create, int(source), chosen, destroy=destroy
            )
        else:
            self._handle = create(
                _c.lib.lnsp_replay_open, path_bytes(source), chosen, destroy=destroy
            )

    @classmethod
    def of(cls, rows: Any) -> Replay:
        """Finished statistics of rows [n, width]."""
        array = as_input("rows", rows)
        replay = cls(array.shape[-1] if array.ndim else 0)
        replay.add(array)
        replay.finish()
        return replay

    def add(self, rows: Any) -> None:
        """Adds float32 rows [n, width]; each is normalised first."""
        given = inputs([("rows", rows)])
        self._live().call(_c.lib.lnsp_replay_add, given.pointer)

    def finish(self) -> None:
        """Computes the factor, after which vectors can be drawn."""
        self._live().call(_c.lib.lnsp_replay_finish)

    def draw(self, rows: int, *, seed: int, step: int = 0, out: Any = None) -> Floats:
        """Unit vectors [rows, width], a function of seed and step alone."""
        if out is None:
            out = np.empty((rows, self.width), np.float32)
        wanted = Tensors([("out", as_output("out", out))])
        self._live().call(_c.lib.lnsp_replay_draw, seed, step, wanted.pointer)
        return wanted.arrays[0][1]

    @property
    def width(self) -> int:
        """Width of the vectors."""
        return int(self._live().read(_c.lib.lnsp_replay_width))

    def save(self, path: Path) -> None:
        """Writes finished statistics; Replay(path) reads them."""
        self._live().call(_c.lib.lnsp_replay_save, path_bytes(path))


def evaluate_loss(loss: str, **tensors: Any) -> tuple[float, Floats]:
    """A loss by itself: its value and dL/dp, from predictions `p` and what the loss needs
    beside them.

    >>> value, gradient = lnsp.evaluate_loss("cosine", p=p, t=t)"""
    given = inputs(tensors.items())
    shape = np.shape(tensors.get("p", ()))
    gradient = Tensors([("gradient", np.zeros(shape, np.float32))])
    value = ct.c_float()
    call(
        _c.lib.lnsp_loss_evaluate,
        text_bytes(loss, "loss"),
        given.pointer,
        given.count,
        ct.byref(value),
        gradient.pointer,
        ct.byref(options()),
    )
    return value.value, gradient.arrays[0][1]

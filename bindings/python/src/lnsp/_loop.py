"""What a training loop needs besides steps: the order of rows, and when to stop."""

from __future__ import annotations

import ctypes as ct
import math

import numpy as np
import numpy.typing as npt

from . import _c
from ._arrays import pointer
from ._errors import ArgumentError
from ._handle import call

Order = npt.NDArray[np.int32]


def _check_rows(rows: int) -> None:
    if not 1 <= rows < 2**31:
        raise ArgumentError(f"rows is {rows}: give 1 to 2^31 - 1")


def shuffle(rows: int, *, seed: int, epoch: int = 0) -> Order:
    """The order of an epoch, each of 0 to rows - 1 once: a function of seed and epoch alone,
    as in `lnsp train --shuffle`.

    >>> for i in lnsp.shuffle(len(x), seed=1, epoch=epoch).reshape(-1, 32):
    ...     trainer.step(x[i], y[i])"""
    _check_rows(rows)
    order = np.empty(rows, np.int32)
    call(_c.lib.lnsp_order_shuffle, seed, epoch, rows, pointer(order))
    return order


def draw(
    rows: int, share: float, *, seed: int, step: int = 0, capacity: int | None = None
) -> Order:
    """Each of 0 to rows - 1 with the probability share, independently and ascending (Poisson
    sampling, which privacy needs): a function of seed and step alone, as in `lnsp train
    --poisson`. capacity: most that are drawn; None: what is exceeded less than once in 10^12
    steps."""
    _check_rows(rows)
    if not 0 < share <= 1:
        raise ArgumentError(f"share is {share}: give a number above 0, at most 1")
    if capacity is None:
        capacity = min(rows, math.ceil(rows * share + 8 * math.sqrt(rows * share) + 8))
    if not 1 <= capacity < 2**31:
        raise ArgumentError(f"capacity is {capacity}: give 1 or more")
    order = np.empty(capacity, np.int32)
    count = ct.c_int64()
    call(
        _c.lib.lnsp_order_draw,
        seed,
        step,
        share,
        rows,
        pointer(order),
        capacity,
        ct.byref(count),
    )
    return order[: count.value].copy()


class EarlyStop:
    """Ends training after patience values in a row that were no better; patience=0: never.
    Lower values are better, with rises=True higher ones.

    >>> stop = lnsp.EarlyStop(patience=3)
    >>> while not stop.over:
    ...     train_one_epoch()
    ...     if stop.report(trainer.validate(x, y)):
    ...         trainer.save("best.safetensors")"""

    def __init__(self, patience: int = 0, *, rises: bool = False) -> None:
        if not 0 <= patience < 2**63:
            raise ArgumentError(f"patience is {patience}: give 0, for none, or more")
        self._stop = _c.EarlyStop(ct.sizeof(_c.EarlyStop), int(rises), patience)

    def report(self, value: float) -> bool:
        """Whether the value is the best so far, so that the weights are worth keeping; an
        equal one and NaN are not."""
        return bool(_c.lib.lnsp_early_stop_report(ct.byref(self._stop), float(value)))

    @property
    def over(self) -> bool:
        """Whether training should end."""
        return bool(_c.lib.lnsp_early_stop_over(ct.byref(self._stop)))

    @property
    def best(self) -> float | None:
        """The best reported value; None before the first."""
        return float(self._stop.best) if self._stop.reports else None

    @property
    def reports(self) -> int:
        """Values so far."""
        return int(self._stop.reports)

    @property
    def bad(self) -> int:
        """Values since the best one."""
        return int(self._stop.bad)

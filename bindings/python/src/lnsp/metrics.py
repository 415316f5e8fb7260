"""How good predictions are, by the library's own sums: the same numbers on every CPU.

>>> ranks = lnsp.metrics.rank(predictions, candidates, truth)    # or index.rank(...)
>>> summary = lnsp.metrics.summarize(ranks)
>>> print(summary.recall_1, summary.mrr, lnsp.metrics.recall(ranks, 20))"""

from __future__ import annotations

import ctypes as ct
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _c
from ._arrays import Array, Ids, Tensors, as_input, ids_of, pointer
from ._errors import ShapeError
from ._handle import Progress, call
from ._options import options

RANK = np.dtype(
    [("rank", np.int64), ("best_id", np.int64), ("best_score", np.float32), ("alike", np.int32)]
)
"""An element of what rank gives: `rank` is 1 + the number of candidates with a strictly higher
score; `best_id` is the best candidate that is not left out, or -1, with its `best_score`;
`alike` is how many of the best candidates it takes, 1 to 10, until one has a cosine above .95
with the true one; 0: more than 10."""

Ranks = npt.NDArray[np.void]


@dataclass(frozen=True)
class Summary:
    """What ranks have in common: shares and means over `count` of them."""

    count: int
    recall_1: float
    """Share of ranks of at most 1; also called Hit@1."""
    recall_5: float
    recall_10: float
    mrr: float
    """Mean of 1 / rank."""
    mrr_10: float
    """The same, with 0 for ranks above 10."""
    median: float
    """Of the ranks; of an even number the lower of the middle two."""
    alike_1: float
    """Share with `alike` of 1."""
    alike_5: float
    """Share with `alike` of 1 to 5."""
    alike_10: float


@dataclass(frozen=True)
class Score:
    """Errors of `count` vectors: means, and count times the same."""

    count: int
    cosine: float
    mse: float
    cosine_sum: float
    mse_sum: float

    @classmethod
    def _of(cls, found: _c.ScoreInfo) -> Score:
        return cls(**{name: getattr(found, name) for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class Collapse:
    """Whether vectors all point the same way."""

    collapsed: bool
    """median_cosine is above .95, or variance below .15."""
    median_cosine: float
    """Of all pairs of different rows."""
    variance: float
    """Summed over the elements: 1 - (length of the mean)^2."""


@dataclass(frozen=True)
class Direction:
    """Which way contexts run: nearer to the target at their end than at their start."""

    rows: int
    first_cosine: float
    """Mean cosine of the first concepts with the targets."""
    last_cosine: float
    delta: float
    """last_cosine - first_cosine."""
    coherence: float
    """Mean cosine of neighbours in a context."""


def _packed(**given: Any) -> Tensors:
    return Tensors(
        (name, np.ascontiguousarray(as_input(name, value))) for name, value in given.items()
    )


def truth_of(queries: Array, truth: Any, without: Any) -> tuple[Ids, Ids | None]:
    """The true ids of queries, and ids to leave out, a row for each query."""
    if queries.ndim != 2:
        raise ShapeError(f"queries have shape {queries.shape}: give [n, width]")
    true = ids_of(truth, "true ids")
    if true.shape != queries.shape[:1]:
        raise ShapeError(f"there are {queries.shape[0]} queries and truth of {true.shape}")
    left = None if without is None else ids_of(without, "ids to leave out")
    if left is not None and (left.ndim != 2 or left.shape[0] != queries.shape[0]):
        raise ShapeError(
            f"without has shape {left.shape}: give a row for each of the {queries.shape[0]} "
            "queries"
        )
    return true, left


def rank(
    queries: Any,
    candidates: Any,
    truth: Any,
    *,
    without: Any = None,
    progress: Progress | None = None,
) -> Ranks:
    """Ranks the true candidate of each query by inner product, by cosine if all have the
    length 1. Returns n elements of type RANK.

    queries, candidates: float32 [n, width] and [m, width]; a candidate's id is its row.
    truth: n ids. without: ids [n, any] that are left out of a query's ranking, -1 fills up;
        the true one always takes part.
    progress(done, total): is told how many queries are done; what it raises comes out."""
    first, second = _packed(queries=queries), _packed(candidates=candidates)
    true, left = truth_of(first.arrays[0][1], truth, without)
    ranks = np.empty(true.shape, RANK)
    call(
        _c.lib.lnsp_metrics_rank,
        first.pointer,
        second.pointer,
        pointer(true),
        None if left is None else Tensors([("left_out", left)]).pointer,
        ct.byref(options(progress=progress)),
        pointer(ranks),
    )
    return ranks


def _ranks(ranks: Any) -> Ranks:
    if not isinstance(ranks, np.ndarray) or ranks.dtype != RANK:
        raise TypeError("ranks must come from lnsp.metrics.rank or Index.rank")
    return np.ascontiguousarray(ranks)


def summarize(ranks: Ranks) -> Summary:
    """R@1, R@5, R@10, MRR and the like of at least one rank."""
    given = _ranks(ranks)
    found = _c.RankInfo(ct.sizeof(_c.RankInfo))
    call(_c.lib.lnsp_metrics_summarize, pointer(given), given.size, ct.byref(found))
    return Summary(**{name: getattr(found, name) for name in Summary.__dataclass_fields__})


def recall(ranks: Ranks, k: int) -> float:
    """R@k: the share of ranks that are at most k; 0 without ranks."""
    given = _ranks(ranks)
    return float(_c.lib.lnsp_metrics_recall(pointer(given), given.size, k))


def mrr(ranks: Ranks) -> float:
    """The mean of 1 / rank."""
    return summarize(ranks).mrr


def score_of(before: Score | None) -> _c.ScoreInfo:
    """A score for the library to add to."""
    found = _c.ScoreInfo(ct.sizeof(_c.ScoreInfo))
    if before is not None:
        for name in Score.__dataclass_fields__:
            setattr(found, name, getattr(before, name))
    return found


def score(predictions: Any, targets: Any, before: Score | None = None) -> Score:
    """Mean cosine and mean square error of predictions, float32 [n, width] or [n, concepts,
    width], and targets of one shape. before: a score to add to, for data in parts."""
    first, second = _packed(predictions=predictions), _packed(targets=targets)
    found = score_of(before)
    call(_c.lib.lnsp_metrics_score, first.pointer, second.pointer, ct.byref(found))
    return Score._of(found)


def triplets(anchors: Any, positives: Any, negatives: Any) -> float:
    """The share of rows whose anchor has a strictly higher cosine with the positive than with
    the negative; float32 [n, width] each."""
    given = [
        _packed(anchors=anchors),
        _packed(positives=positives),
        _packed(negatives=negatives),
    ]
    share = ct.c_double()
    call(_c.lib.lnsp_metrics_triplets, *(g.pointer for g in given), ct.byref(share))
    return share.value


def collapse(vectors: Any) -> Collapse:
    """Whether predictions collapse into one direction: float32 [n, width] of length 1, n from
    2 to 65,536."""
    given = _packed(vectors=vectors)
    found = _c.CollapseInfo(ct.sizeof(_c.CollapseInfo))
    call(_c.lib.lnsp_metrics_collapse, given.pointer, ct.byref(options()), ct.byref(found))
    return Collapse(bool(found.collapsed), found.median_cosine, found.variance)


def direction(contexts: Any, targets: Any) -> Direction:
    """Which way contexts, float32 [n, concepts, width], run with regard to their targets,
    [n, width]."""
    first, second = _packed(contexts=contexts), _packed(targets=targets)
    found = _c.DirectionInfo(ct.sizeof(_c.DirectionInfo))
    call(_c.lib.lnsp_metrics_direction, first.pointer, second.pointer, ct.byref(found))
    return Direction(**{name: getattr(found, name) for name in Direction.__dataclass_fields__})


__all__ = [
    "RANK",
    "Collapse",
    "Direction",
    "Ranks",
    "Score",
    "Summary",
    "collapse",
    "direction",
    "mrr",
    "rank",
    "recall",
    "score",
    "summarize",
    "triplets",
]

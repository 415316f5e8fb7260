"""The index: the nearest vectors by cosine."""

from __future__ import annotations

import ctypes as ct
from collections.abc import Iterator
from typing import Any

import numpy as np

from . import _c
from ._arrays import (
    STORAGE_NAMES,
    Array,
    Floats,
    Ids,
    Tensors,
    as_input,
    ids_of,
    inputs,
    pointer,
    storage_number,
)
from ._errors import ArgumentError, MissingError, ShapeError
from ._handle import Collector, Handle, Owner, Progress, create
from ._options import Path, options, path_bytes
from .metrics import RANK, Ranks, truth_of

_BATCH = 256  # queries of one call of the library


class Index(Owner):
    """The nearest among many vectors by cosine, all of them looked at.

    >>> index = lnsp.Index(384, dtype="f16")
    >>> index.add(vectors)                            # float32 [n, 384]; ids from 0 on
    >>> ids, scores = index.search(queries, 10)       # [queries, 10] each, the best first
    >>> index.save("concepts.index")
    >>> index = lnsp.Index("concepts.index", mapped=True)

    `source` is a width, for an empty index, or a path, or the bytes of a file. dtype is how
    an empty one keeps its vectors: "f32", "f16" or "int8". capacity: how many there is room
    for at first; it grows when needed. keep=True: add takes vectors as they are, instead of
    bringing them to length 1. mapped=True: the file is mapped, not read, and the index does
    not change. trust=True: the vectors of a file are not read through when it is opened.
    progress(done, total) is told how far reading the file and add are; what it raises comes
    out of them."""

    def __init__(
        self,
        source: int | Path | bytes,
        *,
        dtype: str | None = None,
        capacity: int = 0,
        keep: bool = False,
        mapped: bool = False,
        trust: bool = False,
        isa: str | None = None,
        progress: Progress | None = None,
    ) -> None:
        if not 0 <= capacity < 2**31:
            raise ArgumentError(f"capacity is {capacity}: give 0 or more")
        made = _c.IndexSettings(ct.sizeof(_c.IndexSettings))
        made.dtype = storage_number(dtype)
        made.capacity = capacity
        made.no_normalize = int(keep)
        made.skip_checks = int(trust)
        self._settings = made
        self._options = options(isa=isa, progress=progress)
        self._search: tuple[int, Handle] | None = None
        if isinstance(source, (int, np.integer)):
            made.width = int(source)
            self._handle = self._create(_c.lib.lnsp_index_create)
        elif isinstance(source, bytes):
            self._handle = self._open(source)
        elif mapped:
            data = np.memmap(source, np.uint8, "r")
            self._handle = self._create(
                _c.lib.lnsp_index_open_borrowed, pointer(data), data.size, keep=data
            )
        else:
            self._handle = self._create(_c.lib.lnsp_index_open, path_bytes(source))

    def _create(self, function: Any, *arguments: Any, keep: Any = None) -> Handle:
        return create(
            function,
            *arguments,
            ct.byref(self._settings),
            ct.byref(self._options),
            destroy=_c.lib.lnsp_index_destroy,
            keep=(keep, self._options),
        )

    def _open(self, data: Any) -> Handle:
        raw = (ct.c_char * len(data)).from_buffer_copy(data)
        file = create(
            _c.lib.lnsp_file_open_memory,
            raw,
            len(data),
            ct.byref(options()),
            destroy=_c.lib.lnsp_file_destroy,
            keep=raw,
        )
        return self._create(_c.lib.lnsp_index_open_file, file.get())

    def _facts(self) -> _c.IndexFacts:
        facts = _c.IndexFacts(ct.sizeof(_c.IndexFacts))
        self._live().call(_c.lib.lnsp_index_get_info, ct.byref(facts))
        return facts

    def _grow(self, count: int) -> None:
        facts = self._facts()
        need = facts.count + count
        if need <= facts.capacity or facts.borrowed:
            return
        self._settings.capacity = min(max(need, 2 * facts.capacity), 2**31 - 1)
        skip_checks, self._settings.skip_checks = self._settings.skip_checks, 1
        try:
            self._handle = self._open(self.to_bytes())
        finally:
            self._settings.skip_checks = skip_checks
        self._search = None

    def close(self) -> None:
        self._search = None
        super().close()

    def add(self, vectors: Any, ids: Any = None) -> None:
        """Adds float32 vectors [n, width]. ids: n integers, 0 or more, that are not in the
        index; without them, the numbers after the highest."""
        array = as_input("vectors", vectors)
        given = None if ids is None else ids_of(ids, "ids")
        if given is not None and given.shape != array.shape[:1]:
            raise ShapeError(f"there are {array.shape[0]} vectors and {given.size} ids")
        self._grow(array.shape[0] if array.ndim else 0)
        tensors = inputs([("vectors", array)])
        self._live().call(
            _c.lib.lnsp_index_add,
            tensors.pointer,
            None if given is None else pointer(given),
        )

    def remove(self, ids: Any) -> None:
        """Removes the vectors of these ids; all, or with MissingError none."""
        given = ids_of(np.atleast_1d(np.asarray(ids)), "ids")
        self._live().call(_c.lib.lnsp_index_remove, pointer(given), given.size)

    def _searcher(self, results: int) -> Handle:
        """Working memory for batches of this size; kept for the next call."""
        owner = self._live()
        found = self._search
        if found is not None and found[0] >= results:
            return found[1]
        limits = _c.SearchLimits(ct.sizeof(_c.SearchLimits), _BATCH, results, 0)
        handle = create(
            _c.lib.lnsp_search_create,
            owner.get(),
            ct.byref(limits),
            ct.byref(options()),
            destroy=_c.lib.lnsp_search_destroy,
            parents=(owner,),
            lock=owner.lock,
        )
        self._search = (results, handle)
        return handle

    def search(
        self, queries: Any, results: int = 10, *, without: Any = None
    ) -> tuple[Ids, Floats]:
        """The nearest `results` vectors of each query, float32 [n, width] or [width], the
        best first: their ids and scores, [n, results] or [results]. Where the index has
        fewer, ids are -1. without: ids [n, any] that are left out of a query's results."""
        array = as_input("queries", queries)
        left = None if without is None else ids_of(without, "ids to leave out")
        single = array.ndim == 1
        if single:
            array = array[None]
            left = None if left is None else left[None]
        if left is not None and (left.ndim != 2 or left.shape[0] != array.shape[0]):
            raise ShapeError(
                f"without has shape {left.shape}: give a row for each of the {array.shape[0]} "
                "queries"
            )
        handle = self._searcher(results)
        ids = np.empty((array.shape[0], results), np.int64)
        scores = np.empty((array.shape[0], results), np.float32)
        for first in range(0, array.shape[0], _BATCH):
            part: Array = array[first : first + _BATCH]
            given = inputs([("queries", part)])
            out = None
            if left is not None:
                out = Tensors([("without", left[first : first + _BATCH])]).pointer
            handle.call(
                _c.lib.lnsp_search_run,
                given.pointer,
                out,
                results,
                pointer(ids[first:]),
                pointer(scores[first:]),
            )
        return (ids[0], scores[0]) if single else (ids, scores)

    def rank(self, queries: Any, truth: Any, *, without: Any = None) -> Ranks:
        """Where the true vector of each query comes among all of the index, by the scores by
        which search finds them: for lnsp.metrics.summarize. queries: float32 [n, width];
        truth: n ids; without: ids [n, any] that are left out of a query's ranking, the true
        one always takes part. `alike` of the result is 0."""
        array = as_input("queries", queries)
        true, left = truth_of(array, truth, without)
        handle = self._searcher(1)
        ranks = np.empty(array.shape[0], RANK)
        for first in range(0, array.shape[0], _BATCH):
            part = slice(first, first + _BATCH)
            out = None if left is None else Tensors([("left_out", left[part])]).pointer
            handle.call(
                _c.lib.lnsp_search_rank,
                inputs([("queries", array[part])]).pointer,
                pointer(true[part]),
                out,
                pointer(ranks[part]),
            )
        return ranks

    def __getitem__(self, key: int) -> Floats:
        """The vector of an id, as it is kept."""
        out = np.empty(self.width, np.float32)
        self._live().call(_c.lib.lnsp_index_read, int(key), pointer(out), out.size)
        return out

    def __contains__(self, key: int) -> bool:
        try:
            self[key]
        except MissingError:
            return False
        return True

    def __len__(self) -> int:
        return int(self._facts().count)

    def __iter__(self) -> Iterator[int]:
        return iter(self.ids.tolist())

    @property
    def ids(self) -> Ids:
        """All ids, in the order in which the vectors lie."""
        out = np.empty(len(self), np.int64)
        self._live().call(_c.lib.lnsp_index_ids, 0, out.size, pointer(out))
        return out

    @property
    def width(self) -> int:
        """Elements of a vector."""
        return int(self._facts().width)

    @property
    def dtype(self) -> str:
        """How vectors are kept: "f32", "f16" or "int8"."""
        return STORAGE_NAMES[self._facts().dtype]

    @property
    def memory_bytes(self) -> int:
        """What the index takes; of a mapped one without the file."""
        return int(self._facts().bytes)

    def save(self, path: Path) -> None:
        """Writes a safetensors file, whole or not at all; Index(path) reads it."""
        self._live().call(_c.lib.lnsp_index_save, path_bytes(path))

    def to_bytes(self) -> bytes:
        """The file that save would write."""
        collector = Collector()
        self._live().call(_c.lib.lnsp_index_save_sink, ct.byref(collector.sink))
        return bytes(collector.data)

    def __repr__(self) -> str:
        if self.closed:
            return "<lnsp.Index closed>"
        return f"<lnsp.Index of {len(self)} vectors of {self.width}, {self.dtype}>"

"""Sessions: working memory to run a model or a trainer."""

from __future__ import annotations

import ctypes as ct
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _c
from ._arrays import Array, Floats, Tensors, as_input, as_output, view
from ._graph import Graph
from ._handle import Owner, create
from ._options import limits, options
from .metrics import Score, score_of

if TYPE_CHECKING:
    from ._model import Model
    from ._trainer import Trainer


class Session(Owner):
    """Working memory to run a model, or a trainer's live weights.

    >>> with lnsp.Session(model, max_rows=32) as session:
    ...     y = session.run(x)

    `of` is a Model, or a Trainer, whose every step the session then sees (with
    average=True: its moving average). Sizes are fixed here: at most max_rows rows of at
    most max_concepts concepts in a call. keep_nodes=True keeps every node's value for
    node(). isa names a kernel set; all give the same bits.

    One thread at a time computes: calls from others wait, on a trainer's sessions also for
    the trainer."""

    def __init__(
        self,
        of: Model | Trainer,
        *,
        max_rows: int = 1,
        max_concepts: int = 1,
        keep_nodes: bool = False,
        average: bool = False,
        isa: str | None = None,
    ) -> None:
        from ._trainer import Trainer

        owner = of._live()
        sizes = limits(max_rows=max_rows, max_concepts=max_concepts, keep_nodes=keep_nodes)
        chosen = options(isa=isa)
        live = isinstance(of, Trainer)
        arguments: list[Any] = [owner.get()]
        if live:
            arguments.append(int(average))
        elif average:
            raise TypeError("average=True is for the session of a trainer")
        with owner.lock:
            self._handle = create(
                _c.lib.lnsp_session_create_live if live else _c.lib.lnsp_session_create,
                *arguments,
                ct.byref(sizes),
                ct.byref(chosen),
                destroy=_c.lib.lnsp_session_destroy,
                parents=(owner,),
                lock=owner.lock if live else None,
            )
        function = _c.lib.lnsp_trainer_graph if live else _c.lib.lnsp_model_graph
        self._graph = Graph._of(owner, function)

    @property
    def graph(self) -> Graph:
        """The network."""
        return self._graph

    @property
    def isa(self) -> str:
        """Kernel set in use."""
        name: bytes = self._live().read(_c.lib.lnsp_session_isa)
        return name.decode()

    def run(
        self,
        inputs: Any,
        outputs: str | Iterable[str] = "output",
        *,
        out: Any = None,
    ) -> Any:
        """Runs rows.

        inputs: a float32 array [rows, width] (one concept a row) or [rows, concepts,
            width], of any strides; integers [rows, concepts] where the network begins with
            ids; or a mapping from names to arrays, with an integer "mask" [rows, concepts]
            (1, or 0 for padding) if rows have different numbers of concepts.
        outputs: the name of an output ("output", "code", "teacher", ...): its array is
            returned; or several names: a dict is returned.
        out: an array, or a dict of arrays, to write into instead of new ones; any strides.

        Nothing is copied on the way in or out."""
        handle = self._live()
        given = self._inputs(inputs)
        single = isinstance(outputs, str)
        names = (outputs,) if isinstance(outputs, str) else tuple(outputs)
        first = given.arrays[0][1]
        results: dict[str, Array] = {}
        for name in names:
            to = out if single and not isinstance(out, Mapping) else (out or {}).get(name)
            if to is None:
                to = np.empty(self.graph.output_shape(name, first.shape), np.float32)
            results[name] = as_output(name, to)
        wanted = Tensors(results.items())
        handle.call(
            _c.lib.lnsp_session_run,
            given.pointer,
            given.count,
            wanted.pointer,
            wanted.count,
        )
        return results[names[0]] if single else results

    __call__ = run

    def score(self, inputs: Any, target: Any, before: Score | None = None) -> Score:
        """Runs any number of rows, inputs as for run, and compares the output with target,
        float32 of its shape. before: a score to add to, as for lnsp.metrics.score."""
        given = self._inputs(inputs)
        wanted = Tensors([("target", np.ascontiguousarray(as_input("target", target)))])
        found = score_of(before)
        self._live().call(
            _c.lib.lnsp_session_score,
            given.pointer,
            given.count,
            wanted.pointer,
            ct.byref(options()),
            ct.byref(found),
        )
        return Score._of(found)

    @staticmethod
    def _inputs(inputs: Any) -> Tensors:
        if not isinstance(inputs, Mapping):
            whole = isinstance(inputs, np.ndarray) and inputs.dtype.kind in "iub"
            inputs = {"ids" if whole else "input": inputs}
        return Tensors((name, as_input(name, value)) for name, value in inputs.items())

    def node(self, index: int, *, copy: bool = True) -> Floats:
        """What node number index (in the order of graph.text) was in the last run, as
        [rows, concepts, width]. copy=False: a read-only view of the session's memory, which
        the next run changes. Needs keep_nodes=True."""
        return self._node(index, copy)[1]

    def _node(self, index: int, copy: bool) -> tuple[str, Floats]:
        handle = self._live()
        tensor = _c.Tensor()
        with handle.lock:
            handle.call(_c.lib.lnsp_session_node, index, ct.byref(tensor))
            array = view(tensor, handle)
            return (tensor.name or b"").decode(), array.copy() if copy else array

    def rebind(self, model: Model) -> None:
        """Runs another model of the same architecture from now on, without allocating."""
        other = model._live()
        self._live().call(_c.lib.lnsp_session_rebind, other.get())

    def __repr__(self) -> str:
        return f"<lnsp.Session{' closed' if self.closed else ''}>"

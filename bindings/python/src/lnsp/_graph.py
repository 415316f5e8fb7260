"""Graphs: networks without weights."""

from __future__ import annotations

import ctypes as ct
from typing import Any

from . import _c
from ._arrays import STORAGE_NAMES, shape_of, storage_number
from ._handle import Handle, Owner, call, create
from ._options import Memory, empty_memory, limits, memory, options, text_bytes


class Graph(Owner):
    """A network without weights, from its architecture text.

    >>> lnsp.Graph("student s=128").parameter_count

    `text` is a named architecture with arguments or a written-out graph
    (docs/architecture.md)."""

    def __init__(self, text: str) -> None:
        self._handle = create(
            _c.lib.lnsp_graph_create,
            text_bytes(text, "text"),
            ct.byref(options()),
            destroy=_c.lib.lnsp_graph_destroy,
        )

    @classmethod
    def _of(cls, owner: Handle, function: Any) -> Graph:
        """The graph that belongs to another handle."""
        graph = cls.__new__(cls)
        pointer = function(owner.get())
        graph._handle = Handle(pointer, None, (owner,))
        return graph

    def convert(self, storage: str) -> Graph:
        """A copy whose models keep their matrices as "f32", "f16", "bf16" or "int8"."""
        graph = type(self).__new__(type(self))
        graph._handle = create(
            _c.lib.lnsp_graph_convert,
            self._live().get(),
            storage_number(storage),
            ct.byref(options()),
            destroy=_c.lib.lnsp_graph_destroy,
        )
        return graph

    @property
    def storage(self) -> str:
        """How its models keep their matrices: "f32", "f16", "bf16" or "int8"."""
        return STORAGE_NAMES[self._live().read(_c.lib.lnsp_graph_storage)]

    @property
    def architecture(self) -> str:
        """The architecture as one line with every argument, or written out."""
        text: bytes = self._live().read(_c.lib.lnsp_graph_architecture)
        return text.decode()

    @property
    def text(self) -> str:
        """The graph written out, a line a layer; Graph(text) reads it back."""
        handle = self._live()
        needed = ct.c_size_t()
        _c.lib.lnsp_graph_text(handle.get(), None, 0, ct.byref(needed), None)
        buffer = ct.create_string_buffer(needed.value)
        handle.call(_c.lib.lnsp_graph_text, buffer, needed.value, ct.byref(needed))
        return buffer.value.decode()

    @property
    def parameter_count(self) -> int:
        """Trainable parameters."""
        return int(self._live().read(_c.lib.lnsp_graph_parameter_count))

    @property
    def input_width(self) -> int:
        """Width of the input vectors."""
        return int(self._live().read(_c.lib.lnsp_graph_input_width))

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each tensor, in the order of hashes, files and deltas."""
        handle = self._live()
        found: dict[str, tuple[int, ...]] = {}
        for i in range(handle.read(_c.lib.lnsp_graph_tensor_count)):
            tensor = _c.Tensor()
            handle.call(_c.lib.lnsp_graph_tensor_at, i, ct.byref(tensor))
            found[tensor.name.decode()] = shape_of(tensor)
        return found

    @property
    def outputs(self) -> dict[str, int]:
        """Width of each named output; "output" is the first."""
        handle = self._live()
        found: dict[str, int] = {}
        for i in range(handle.read(_c.lib.lnsp_graph_output_count)):
            tensor = _c.Tensor()
            handle.call(_c.lib.lnsp_graph_output_at, i, ct.byref(tensor))
            found[tensor.name.decode()] = tensor.dims[0]
        return found

    @property
    def input_name(self) -> str:
        """ "input" (float32 vectors), or "ids" (integers [rows, concepts])."""
        name: bytes = self._live().read(_c.lib.lnsp_graph_input_name, None)
        return name.decode()

    @property
    def concepts(self) -> tuple[int, int, int]:
        """Concepts that a row may have: at least, at most (0: any number), a multiple of."""
        low, high, step = ct.c_int64(), ct.c_int64(), ct.c_int64()
        self._live().call(
            _c.lib.lnsp_graph_concept_range, ct.byref(low), ct.byref(high), ct.byref(step)
        )
        return low.value, high.value, step.value

    def output_shape(self, name: str, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of an output for an input of this shape: [rows, concepts, width], or [rows,
        width] where the network joins a sequence to one row."""
        cache: dict[Any, tuple[int, ...]] = self.__dict__.setdefault("_known_shapes", {})
        known = cache.get((name, input_shape))
        if known is not None:
            return known
        handle = self._live()
        given, tensor = _c.Tensor(), _c.Tensor()
        given.rank = len(input_shape)
        for i, size in enumerate(input_shape[:4]):
            given.dims[i] = size
        given.dims[0] = max(1, given.dims[0])  # no rows are a batch to us
        names = list(self.outputs)
        if name not in names:  # the library says it better when it runs
            return (*input_shape[:-1], 0)
        handle.call(
            _c.lib.lnsp_graph_output_shape, names.index(name), ct.byref(given), ct.byref(tensor)
        )
        found = (*input_shape[:1], *shape_of(tensor)[1:])
        if len(cache) > 64:
            cache.clear()
        cache[name, input_shape] = found
        return found

    def flops(self, concepts: int = 1) -> int:
        """Floating-point operations of one row forward."""
        return int(self._live().read(_c.lib.lnsp_graph_flops, concepts))

    def measure_model(self) -> Memory:
        """Bytes of a model."""
        found = empty_memory()
        call(_c.lib.lnsp_model_measure, self._live().get(), ct.byref(found))
        return memory(found)

    def measure_session(self, **sizes: Any) -> Memory:
        """Bytes of a session; sizes as for Session (max_rows, ...)."""
        found = empty_memory()
        call(
            _c.lib.lnsp_session_measure,
            self._live().get(),
            ct.byref(limits(**sizes)),
            ct.byref(found),
        )
        return memory(found)

    def measure_trainer(self, loss: str | None, optimizer: str, **sizes: Any) -> Memory:
        """Bytes of a trainer; sizes as for Trainer (max_rows, max_marks, ...)."""
        found = empty_memory()
        call(
            _c.lib.lnsp_trainer_measure,
            self._live().get(),
            text_bytes(loss, "loss"),
            text_bytes(optimizer, "optimizer"),
            ct.byref(limits(**sizes)),
            ct.byref(found),
        )
        return memory(found)

    def measure_delta(self, codec: str = "exact") -> Memory:
        """Bytes of a delta that is made with this codec, whatever changes."""
        found = empty_memory()
        text = text_bytes(codec, "codec")
        call(_c.lib.lnsp_delta_measure, self._live().get(), text, ct.byref(found))
        return memory(found)

    def __repr__(self) -> str:
        return "<lnsp.Graph closed>" if self.closed else f"lnsp.Graph({self.architecture!r})"

"""Models: immutable versions of the weights."""

from __future__ import annotations

import ctypes as ct
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from . import _c
from ._arrays import Floats, as_input, pointer, storage_number
from ._errors import MissingError
from ._files import save_bytes, to_bytes
from ._graph import Graph
from ._handle import Handle, Owner, Progress, create
from ._options import Path, options, path_bytes, text_bytes
from ._session import Session


class Model(Owner):
    """An immutable version of the weights; any number of threads may run it.

    >>> model = lnsp.Model("model.safetensors")
    >>> model.run(vectors)

    `source` is the path of a model file or its bytes. `architecture` names the network for
    a file that does not, such as a state_dict saved by PyTorch; `prefix` is put before its
    tensor names. `storage` ("f32", "f16", "bf16", "int8") says how matrices are kept; the
    default is as the file has them. progress(done, total) is told how many bytes have been
    read; what it raises comes out, and there is no model."""

    def __init__(
        self,
        source: Path | bytes,
        *,
        architecture: str | None = None,
        prefix: str | None = None,
        storage: str | None = None,
        progress: Progress | None = None,
    ) -> None:
        chosen = options(
            architecture=architecture, prefix=prefix, storage=storage, progress=progress
        )
        destroy = _c.lib.lnsp_model_destroy
        if isinstance(source, (bytes, bytearray, memoryview)):
            data = bytes(source)
            self._handle = create(
                _c.lib.lnsp_model_open_memory,
                data,
                len(data),
                ct.byref(chosen),
                destroy=destroy,
                keep=chosen,
            )
        else:
            self._handle = create(
                _c.lib.lnsp_model_open,
                path_bytes(source),
                ct.byref(chosen),
                destroy=destroy,
                keep=chosen,
            )

    @classmethod
    def _from(cls, handle: Handle) -> Model:
        model = cls.__new__(cls)
        model._handle = handle
        return model

    @classmethod
    def create(cls, architecture: str, seed: int = 0, *, storage: str | None = None) -> Model:
        """A fresh model with PyTorch's initial distributions, the same from a seed on every
        machine."""
        return cls._from(
            create(
                _c.lib.lnsp_model_create,
                text_bytes(architecture, "architecture"),
                seed,
                ct.byref(options(storage=storage)),
                destroy=_c.lib.lnsp_model_destroy,
            )
        )

    new = create  # the name until 0.1

    @classmethod
    def from_arrays(
        cls,
        architecture: str | None,
        arrays: Mapping[str, Any],
        *,
        prefix: str | None = None,
        storage: str | None = None,
    ) -> Model:
        """A model of arrays under their state_dict names."""
        return cls(to_bytes(arrays), architecture=architecture, prefix=prefix, storage=storage)

    @property
    def graph(self) -> Graph:
        """The network without its weights."""
        return Graph._of(self._live(), _c.lib.lnsp_model_graph)

    @property
    def parameter_count(self) -> int:
        """Trainable parameters."""
        return self.graph.parameter_count

    def __getitem__(self, name: str) -> Floats:
        """A tensor as float32 (a copy: a model never changes)."""
        return self._read(name, self.graph.shapes)

    def _read(self, name: str, shapes: Mapping[str, tuple[int, ...]]) -> Floats:
        if name not in shapes:
            raise MissingError(f"there is no tensor '{name}' in this model", name=name)
        out = np.empty(shapes[name], np.float32)
        self._live().call(_c.lib.lnsp_model_tensor_read, name.encode(), pointer(out), out.size)
        return out

    def arrays(self) -> dict[str, Floats]:
        """All tensors as float32, in canonical order; what torch's load_state_dict takes
        after torch.from_numpy."""
        shapes = self.graph.shapes
        return {name: self._read(name, shapes) for name in shapes}

    @property
    def hash(self) -> str:
        """BLAKE2s-256 of names, shapes and values, as hexadecimal digits."""
        out = (ct.c_uint8 * _c.HASH_BYTES)()
        self._live().call(_c.lib.lnsp_model_hash, out)
        return bytes(out).hex()

    def convert(self, storage: str) -> Model:
        """A copy that keeps its matrices as "f32", "f16", "bf16" or "int8"."""
        return self._from(
            create(
                _c.lib.lnsp_model_convert,
                self._live().get(),
                storage_number(storage),
                ct.byref(options()),
                destroy=_c.lib.lnsp_model_destroy,
            )
        )

    def save(self, path: Path, storage: str | None = None) -> None:
        """Writes a model file, which appears whole or not at all."""
        self._live().call(_c.lib.lnsp_model_save, path_bytes(path), storage_number(storage))

    def to_bytes(self, storage: str | None = None) -> bytes:
        """The bytes that save would write; Model(bytes) reads them."""
        return save_bytes(self._live(), _c.lib.lnsp_model_save_sink, storage_number(storage))

    def session(self, **arguments: Any) -> Session:
        """Session(self, ...)."""
        return Session(self, **arguments)

    def run(
        self,
        inputs: Any,
        outputs: str | Iterable[str] = "output",
        *,
        batch: int = 256,
        isa: str | None = None,
    ) -> Any:
        """Runs any number of rows, at most `batch` at a time, with a session of its own.
        Arguments and result as in Session.run; to run often, keep a session."""
        given = inputs if isinstance(inputs, Mapping) else {"input": inputs}
        arrays = {name: as_input(name, value) for name, value in given.items()}
        array = next(iter(arrays.values()))
        if not isinstance(inputs, Mapping) and array.dtype.kind in "iub":
            arrays = {"ids": array}
        rows = array.shape[0] if array.ndim else 0
        concepts = array.shape[1] if array.ndim == 3 or "ids" in arrays else 1
        names = (outputs,) if isinstance(outputs, str) else tuple(outputs)
        with Session(
            self,
            max_rows=max(1, min(rows, batch)),
            max_concepts=max(1, concepts),
            isa=isa,
        ) as session:
            if 0 < rows <= batch or not array.ndim:
                return session.run(arrays, outputs)
            whole = {
                name: np.empty(session.graph.output_shape(name, array.shape), np.float32)
                for name in names
            }
            for first in range(0, rows, batch):
                part = slice(first, first + batch)
                rows_of = {name: value[part] for name, value in arrays.items()}
                session.run(rows_of, names, out={name: whole[name][part] for name in names})
        return whole[outputs] if isinstance(outputs, str) else whole

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.to_bytes(),))

    def __repr__(self) -> str:
        if self.closed:
            return "<lnsp.Model closed>"
        return f"<lnsp.Model {self.graph.architecture!r} {self.hash[:16]}>"

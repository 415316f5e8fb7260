"""Trainers: mutable weights that learn."""

from __future__ import annotations

import ctypes as ct
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Callable

import numpy as np

from . import _c
from ._arrays import Array, Floats, Tensors, as_input, as_output, inputs, pointer, rows_of
from ._errors import ArgumentError, MissingError, RefusedError
from ._files import File, pairs_of, save_bytes
from ._graph import Graph
from ._handle import Owner, Progress, create
from ._model import Model
from ._options import (
    Memory,
    Path,
    empty_memory,
    limits,
    memory,
    options,
    path_bytes,
    text_bytes,
)
from ._replay import Replay
from ._session import Session

if TYPE_CHECKING:
    from ._delta import Delta

Echo = Callable[[Floats], Any]

_WHAT = {"weights": _c.SAVE_WEIGHTS, "average": _c.SAVE_AVERAGE, "state": _c.SAVE_STATE}


def _what(what: str) -> int:
    try:
        return _WHAT[what]
    except KeyError:
        raise ArgumentError(f"what is {what!r}: give 'weights', 'average' or 'state'") from None


class _Echo:
    """A caller's echo function as the library calls it, and what it raised."""

    def __init__(self, function: Echo) -> None:
        self.error: BaseException | None = None
        self.c = _c.Echo(ct.sizeof(_c.Echo), 0, None, _c.ECHO(self._made(function)))

    def _made(self, function: Echo) -> Callable[..., int]:
        def call(_user: Any, output: Any, echo: Any) -> int:
            try:
                rows = rows_of(output.contents)
                rows.flags.writeable = False
                rows_of(echo.contents)[...] = function(rows)
            except BaseException as error:
                self.error = error
                return 1
            return 0

        return call

    def raised(self) -> BaseException | None:
        error, self.error = self.error, None
        return error


def _packed(name: str, value: Any) -> Array:
    return np.ascontiguousarray(as_input(name, value))


class Trainer(Owner):
    """Weights that learn.

    >>> trainer = lnsp.Trainer(model, loss="cosine", optimizer="adamw lr=1e-3", max_rows=32)
    >>> for x in batches:
    ...     loss = trainer.step(x, x)

    `source` is a Model, whose weights are copied, or the path or bytes of a file: a model
    file, or a state that save(path, "state") wrote, which goes on to the same bits; its loss
    and optimizer are then the saved ones unless given. loss=None: your own, by forward,
    backward and apply. max_marks is the number of marks kept for rollback;
    mark_contents="weights" keeps only weights in them. progress(done, total) is told how many
    bytes of a file have been read; what it raises comes out. `lnsp.names("losses")` and
    docs/training.md tell the texts.

    One thread at a time computes; calls from others wait."""

    def __init__(
        self,
        source: Model | Path | bytes,
        *,
        loss: str | None = None,
        optimizer: str | None = None,
        max_rows: int = 1,
        max_concepts: int = 1,
        max_marks: int = 0,
        mark_contents: str = "state",
        history: int | None = None,
        undo: str | None = None,
        architecture: str | None = None,
        prefix: str | None = None,
        isa: str | None = None,
        progress: Progress | None = None,
    ) -> None:
        sizes = limits(
            max_rows=max_rows,
            max_concepts=max_concepts,
            max_marks=max_marks,
            mark_contents=mark_contents,
            history=history,
            undo=undo,
        )
        chosen = options(isa=isa, architecture=architecture, prefix=prefix)
        texts = (text_bytes(loss, "loss"), text_bytes(optimizer, "optimizer"))
        destroy = _c.lib.lnsp_trainer_destroy
        if isinstance(source, Model):
            handle = source._live()
            self._handle = create(
                _c.lib.lnsp_trainer_create,
                handle.get(),
                *texts,
                ct.byref(sizes),
                ct.byref(chosen),
                destroy=destroy,
            )
        else:
            with File(source, progress=progress) as file:
                self._handle = create(
                    _c.lib.lnsp_trainer_open_file,
                    file._live().get(),
                    *texts,
                    ct.byref(sizes),
                    ct.byref(chosen),
                    destroy=destroy,
                )
        self._graph = Graph._of(self._handle, _c.lib.lnsp_trainer_graph)
        self._shapes: dict[str, tuple[int, ...]] | None = None
        self._echo: _Echo | None = None
        self._names = self._input_names()

    def close(self) -> None:
        """Lets go of the memory now; sessions on the trainer keep it until they are closed."""
        super().close()
        self._graph.close()

    # --- steps ---------------------------------------------------------------

    def _input_names(self) -> tuple[str, ...]:
        found: list[str] = []
        while True:
            name = self._live().read(_c.lib.lnsp_trainer_input_name, len(found))
            if name is None:
                return tuple(found)
            found.append(name.decode())

    @property
    def input_names(self) -> tuple[str, ...]:
        """What step and evaluate take, in this order: ("input", "target"), ..."""
        return self._names

    def _given(self, arrays: tuple[Any, ...], named: Mapping[str, Any]) -> Tensors:
        if len(arrays) > len(self._names):
            raise TypeError(
                f"{len(arrays)} arrays were given; this trainer takes {', '.join(self._names)}"
            )
        given = dict(zip(self._names, arrays))
        twice = given.keys() & named.keys()
        if twice:
            raise TypeError(f"'{sorted(twice)[0]}' was given twice")
        given.update(named)
        return inputs(given.items())

    def _evaluated(self, function: Any, *arguments: Any) -> float:
        loss = ct.c_float()
        echo = self._echo
        try:
            self._live().call(function, *arguments, ct.byref(loss))
        except RefusedError:
            error = echo.raised() if echo is not None else None
            if error is None:
                raise
            raise error from None  # what the function raised, rather than that it refused
        return loss.value

    def step(self, *arrays: Any, **named: Any) -> float:
        """One step on float32 arrays [rows, width] or [rows, concepts, width], given in the
        order of input_names or by name: forward, backward, gate, update. Returns the loss
        before the update. NotFiniteError, and nothing has changed, if anything is or could
        become non-finite."""
        given = self._given(arrays, named)
        return self._evaluated(_c.lib.lnsp_trainer_step, given.pointer, given.count)

    def compute_gradients(self, *arrays: Any, **named: Any) -> float:
        """The loss, without an update; gradient and apply may follow."""
        given = self._given(arrays, named)
        return self._evaluated(
            _c.lib.lnsp_trainer_compute_gradients, given.pointer, given.count
        )

    evaluate = compute_gradients  # the name until 0.1

    def validate(self, *arrays: Any, average: bool = False, **named: Any) -> float:
        """The loss alone, as a model that runs has it: no gradient, no dropout.
        average=True: with the weights of the moving average."""
        given = self._given(arrays, named)
        return self._evaluated(
            _c.lib.lnsp_trainer_validate, given.pointer, given.count, int(average)
        )

    def forward(
        self,
        input: Any,
        outputs: str | Iterable[str] = "output",
        *,
        out: Any = None,
    ) -> Any:
        """Your own loss, first part: outputs for an input, as Session.run."""
        given = inputs(input.items() if isinstance(input, Mapping) else [("input", input)])
        single = isinstance(outputs, str)
        names = (outputs,) if isinstance(outputs, str) else tuple(outputs)
        shape = given.arrays[0][1].shape
        results: dict[str, Any] = {}
        for name in names:
            to = out if single and not isinstance(out, Mapping) else (out or {}).get(name)
            if to is None:
                to = np.empty(self._graph.output_shape(name, shape), np.float32)
            results[name] = as_output(name, to)
        wanted = Tensors(results.items())
        self._live().call(
            _c.lib.lnsp_trainer_forward,
            given.pointer,
            given.count,
            wanted.pointer,
            wanted.count,
        )
        return results[names[0]] if single else results

    def backward(self, gradient: Any = None, **named: Any) -> None:
        """Your own loss, second part: dL/dy of "output", or by name (code=...)."""
        given = dict(named)
        if gradient is not None:
            given["output"] = gradient
        tensors = inputs(given.items())
        self._live().call(_c.lib.lnsp_trainer_backward, tensors.pointer, tensors.count)

    def apply(self) -> None:
        """The step that backward or evaluate prepared."""
        self._live().call(_c.lib.lnsp_trainer_apply)

    def apply_gradients(self, gradients: Mapping[str, Any]) -> None:
        """A step from gradients made elsewhere, by tensor name; others stay as they are."""
        tensors = inputs((name, _packed(name, value)) for name, value in gradients.items())
        self._live().call(_c.lib.lnsp_trainer_apply_gradients, tensors.pointer, tensors.count)

    def step_delta(self, delta: Delta) -> None:
        """A server's step: the delta, on the present weights, is minus the gradient.
        optimizer "sgd lr=1" is FedAvg, "adam lr=.01 betas=.9,.99 eps=1e-3" FedAdam."""
        other = delta._live()
        self._live().call(_c.lib.lnsp_trainer_step_delta, other.get())

    def set_weights(self, model: Model, *, reset: bool = False) -> None:
        """Takes over a model's weights, and goes on. reset=True: moments, average and step
        count start again, too. The residual, marks and settings stay."""
        other = model._live()
        self._live().call(_c.lib.lnsp_trainer_set_weights, other.get(), int(reset))

    adopt = set_weights  # the name until 0.1

    def gradient(self, name: str) -> Floats:
        """Gradient of a tensor after evaluate or backward, before clipping."""
        out = np.empty(self._shape(name), np.float32)
        self._live().call(_c.lib.lnsp_trainer_gradient, name.encode(), pointer(out), out.size)
        return out

    # --- settings ------------------------------------------------------------

    def freeze(self, pattern: str) -> None:
        """Freezes the tensors whose names match (* is any run of characters, ? any one)."""
        self._live().call(_c.lib.lnsp_trainer_freeze, text_bytes(pattern, "pattern"), 1)

    def thaw(self, pattern: str) -> None:
        """The opposite of freeze."""
        self._live().call(_c.lib.lnsp_trainer_freeze, text_bytes(pattern, "pattern"), 0)

    @property
    def learning_rate(self) -> float:
        """Rate of the next step, schedule included. Setting it sets the base rate, which
        the schedule multiplies."""
        return float(self._live().read(_c.lib.lnsp_trainer_learning_rate))

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        self._live().call(_c.lib.lnsp_trainer_set_learning_rate, float(rate))

    def report(self, value: float) -> bool:
        """A held-out value, the lower the better, for schedule=plateau in the optimizer text.
        Returns whether the learning rate fell. StateError with another schedule."""
        fell = ct.c_int32()
        self._live().call(_c.lib.lnsp_trainer_report, float(value), ct.byref(fell))
        return bool(fell.value)

    def set_noise_key(self, key: bytes) -> None:
        """The key of the noise that noise= in the optimizer text asks for: 32 secret bytes,
        secrets.token_bytes(32). It is in no state file: set it again after resuming, and a
        fresh one after a rollback (docs/privacy.md)."""
        if len(key) != 32:
            raise ValueError(f"the key has {len(key)} bytes, and must have 32")
        copy = (ct.c_uint8 * 32).from_buffer_copy(key)
        self._live().call(_c.lib.lnsp_trainer_set_noise_key, ct.cast(copy, ct.c_void_p))

    def set_replay(self, replay: Replay) -> None:
        """Statistics for a loss with a replay term; they are copied."""
        other = replay._live()
        with other.lock:
            self._live().call(_c.lib.lnsp_trainer_set_replay, other.get())

    def set_echo(self, function: Echo | None) -> None:
        """The function that makes echoes for a loss with an echo term ("mse + .1*echo"): it
        gets the output's rows, read-only, float32 [rows, width], and returns as many vectors,
        encode(decode(row)) or the nearest concept of each; they are constants to the gradient.
        With it, step, evaluate and validate need no array "echo", until None takes it back.
        What it raises comes out of them, and nothing has changed. It must not use this
        trainer. "echo every=10 rows=1" asks for the first row of every tenth batch."""
        made = None if function is None else _Echo(function)
        given = None if made is None else ct.byref(made.c)
        self._live().call(_c.lib.lnsp_trainer_set_echo, given)
        self._echo = made
        self._live().keep = self._echo
        self._names = self._input_names()

    # --- what it holds -------------------------------------------------------

    @property
    def gradient_norm(self) -> float:
        """Norm of the last update's gradient before it was clipped; 0 without clip=."""
        return float(self._live().read(_c.lib.lnsp_trainer_gradient_norm))

    @property
    def step_count(self) -> int:
        """Steps made: with accumulate=N, updates."""
        return int(self._live().read(_c.lib.lnsp_trainer_step_count))

    def flops(self, rows: int = 1, concepts: int = 1) -> int:
        """Floating-point operations of one step of rows of this many concepts; 0 for sizes
        that the trainer does not take."""
        return int(self._live().read(_c.lib.lnsp_trainer_flops, rows, concepts))

    @property
    def graph(self) -> Graph:
        """The network."""
        return Graph._of(self._live(), _c.lib.lnsp_trainer_graph)

    @property
    def isa(self) -> str:
        """Kernel set in use."""
        name: bytes = self._live().read(_c.lib.lnsp_trainer_isa)
        return name.decode()

    @property
    def memory(self) -> Memory:
        """Bytes of the trainer."""
        found = empty_memory()
        self._live().call(_c.lib.lnsp_trainer_memory, ct.byref(found))
        return memory(found)

    def _shape(self, name: str) -> tuple[int, ...]:
        if self._shapes is None:
            self._shapes = self.graph.shapes
        if name not in self._shapes:
            raise MissingError(f"there is no tensor '{name}' in this trainer", name=name)
        return self._shapes[name]

    def tensor(self, name: str, *, average: bool = False) -> Floats:
        """A tensor of the live weights, or of their moving average, as float32."""
        out = np.empty(self._shape(name), np.float32)
        self._live().call(
            _c.lib.lnsp_trainer_tensor_read, name.encode(), int(average), pointer(out), out.size
        )
        return out

    __getitem__ = tensor

    def hash(self, what: str = "weights") -> str:
        """Hash of the "weights" (that of what publish gives), "average" or whole "state"."""
        out = (ct.c_uint8 * _c.HASH_BYTES)()
        self._live().call(_c.lib.lnsp_trainer_hash, _what(what), out)
        return bytes(out).hex()

    def publish(self, *, average: bool = False, storage: str | None = None) -> Model:
        """A model of the present weights, or of their moving average."""
        handle = self._live()
        with handle.lock:
            return Model._from(
                create(
                    _c.lib.lnsp_trainer_publish,
                    handle.get(),
                    int(average),
                    ct.byref(options(storage=storage)),
                    destroy=_c.lib.lnsp_model_destroy,
                )
            )

    def session(self, **arguments: Any) -> Session:
        """A session on the live weights: Session(self, ...)."""
        return Session(self, **arguments)

    def save(
        self, path: Path, what: str = "weights", *, metadata: Mapping[str, str] | None = None
    ) -> None:
        """Writes a model file of the "weights" or the "average", or the whole "state", from
        which Trainer(path) goes on to the same bits. metadata: up to 64 texts of your own,
        such as where in the data a run is, which File(path).metadata gives back."""
        self._live().call(
            _c.lib.lnsp_trainer_save_metadata,
            path_bytes(path),
            _what(what),
            *pairs_of(metadata),
        )

    def to_bytes(
        self, what: str = "weights", *, metadata: Mapping[str, str] | None = None
    ) -> bytes:
        """The bytes that save would write."""
        return save_bytes(
            self._live(),
            _c.lib.lnsp_trainer_save_metadata_sink,
            _what(what),
            *pairs_of(metadata),
        )

    # --- going back ----------------------------------------------------------

    def mark(self) -> None:
        """Remembers the present state; needs max_marks=1 or more."""
        self._live().call(_c.lib.lnsp_trainer_mark)

    @property
    def mark_count(self) -> int:
        """Marks held."""
        return int(self._live().read(_c.lib.lnsp_trainer_mark_count))

    def rollback(self, back: int = 0) -> None:
        """Goes back to a mark, to the bit: 0 is the newest, 1 the one before."""
        self._live().call(_c.lib.lnsp_trainer_rollback, back)

    def __repr__(self) -> str:
        if self.closed:
            return "<lnsp.Trainer closed>"
        return f"<lnsp.Trainer {self._graph.architecture!r} step {self.step_count}>"

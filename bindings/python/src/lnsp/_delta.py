"""Deltas: what changed between two models."""

from __future__ import annotations

import ctypes as ct
from collections.abc import Sequence
from typing import Any, Callable

from . import _c
from ._errors import ArgumentError
from ._handle import Handle, Owner, Progress, create
from ._model import Model
from ._options import Path, options, path_bytes, text_bytes
from ._trainer import Trainer

Verify = Callable[[bytes, str, int], bool]
Judge = Callable[[Model], bool]


class Rules:
    """lnsp_delta_check_options, and what its callbacks raised."""

    def __init__(
        self,
        key: bytes,
        max_norm: float,
        max_change: float,
        verify: Verify | None,
        judge: Judge | None,
    ) -> None:
        self.error: BaseException | None = None
        self.key = ct.create_string_buffer(key, max(1, len(key)))
        self.c = _c.DeltaRules()
        self.c.struct_size = ct.sizeof(_c.DeltaRules)
        self.c.key_bytes = len(key)
        self.c.key = ct.cast(self.key, ct.c_void_p) if key else None
        self.c.max_norm = max_norm
        self.c.max_change = max_change
        if verify is not None:
            self.c.verify = _c.VERIFY(self._verify(verify))
        if judge is not None:
            self.c.judge = _c.JUDGE(self._judge(judge))

    def _verify(self, verify: Verify) -> Callable[..., int]:
        def call(_user: Any, digest: Any, sender: bytes | None, nonce: int) -> int:
            try:
                known = bytes(digest[: _c.HASH_BYTES])
                return 0 if verify(known, (sender or b"").decode(), nonce) else 1
            except BaseException as error:
                self.error = error
                return 1

        return call

    def _judge(self, judge: Judge) -> Callable[..., int]:
        def call(_user: Any, candidate: int) -> int:
            try:
                pointer = _c.lib.lnsp_model_retain(candidate)
                handle = Handle(pointer, _c.lib.lnsp_model_destroy)
                return 0 if judge(Model._from(handle)) else 1
            except BaseException as error:
                self.error = error
                return 1

        return call

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: Any, error: BaseException | None, _trace: Any) -> None:
        if self.error is not None:  # what the callback raised, rather than that it refused
            raise self.error from None


class Delta(Owner):
    """What changed between two models.

    >>> delta = lnsp.Delta.create(base, better)
    >>> delta.save("change.safetensors")
    >>> lnsp.Delta("change.safetensors").apply(base).hash == better.hash

    `source` is the path of a delta file or its bytes."""

    def __init__(self, source: Path | bytes) -> None:
        destroy = _c.lib.lnsp_delta_destroy
        chosen = ct.byref(options())
        if isinstance(source, (bytes, bytearray, memoryview)):
            data = bytes(source)
            self._handle = create(
                _c.lib.lnsp_delta_open_memory, data, len(data), chosen, destroy=destroy
            )
        else:
            self._handle = create(
                _c.lib.lnsp_delta_open, path_bytes(source), chosen, destroy=destroy
            )

    @classmethod
    def _from(cls, handle: Handle) -> Delta:
        delta = cls.__new__(cls)
        delta._handle = handle
        return delta

    @classmethod
    def create(
        cls,
        base: Model,
        next: Model,
        codec: str | None = None,
        *,
        progress: Progress | None = None,
    ) -> Delta:
        """What leads from base to next, two models of one architecture: exactly, or with
        another codec ("int4 block=64", "sparse share=.1", "exact only=*.bias") in fewer
        bytes, the result then being close to next. progress(done, total) is told how far it
        is; what it raises comes out."""
        old, new = base._live(), next._live()
        chosen = options(progress=progress)
        return cls._from(
            create(
                _c.lib.lnsp_delta_create,
                old.get(),
                new.get(),
                text_bytes(codec, "codec"),
                ct.byref(chosen),
                destroy=_c.lib.lnsp_delta_destroy,
                keep=chosen,
            )
        )

    make = create  # the name until 0.1

    @classmethod
    def create_live(
        cls,
        base: Model,
        trainer: Trainer,
        codec: str | None = None,
        *,
        snap: bool = True,
        progress: Progress | None = None,
    ) -> Delta:
        """What leads from base to a trainer's live weights. With residual=1 in its optimizer
        text, the trainer keeps what this codec leaves out and owes it to the next delta.
        snap: its weights become those of the result, the same bits as on the other side;
        without, adopt a model before the next delta. progress: as for make."""
        old, live = base._live(), trainer._live()
        chosen = options(progress=progress)
        with live.lock:
            return cls._from(
                create(
                    _c.lib.lnsp_delta_create_live,
                    old.get(),
                    live.get(),
                    text_bytes(codec, "codec"),
                    int(snap),
                    ct.byref(chosen),
                    destroy=_c.lib.lnsp_delta_destroy,
                    keep=chosen,
                )
            )

    make_live = create_live  # the name until 0.1

    @classmethod
    def merge(cls, deltas: Sequence[Delta]) -> Delta:
        """Deltas that follow each other as one, to the same bits."""
        handles = [delta._live() for delta in deltas]
        array = (ct.c_void_p * max(1, len(handles)))(*(handle.get() for handle in handles))
        return cls._from(
            create(
                _c.lib.lnsp_delta_merge,
                array,
                len(handles),
                ct.byref(options()),
                destroy=_c.lib.lnsp_delta_destroy,
            )
        )

    def apply(
        self, base: Model, *, storage: str | None = None, progress: Progress | None = None
    ) -> Model:
        """A new model: base with the delta applied. MismatchError unless base is the one
        that the delta was made from. progress: as for make."""
        handle, old = self._live(), base._live()
        chosen = options(storage=storage, progress=progress)
        return Model._from(
            create(
                _c.lib.lnsp_delta_apply,
                handle.get(),
                old.get(),
                ct.byref(chosen),
                destroy=_c.lib.lnsp_model_destroy,
                keep=chosen,
            )
        )

    def invert(self) -> Delta:
        """The delta that leads back."""
        handle = self._live()
        return self._from(
            create(
                _c.lib.lnsp_delta_invert,
                handle.get(),
                ct.byref(options()),
                destroy=_c.lib.lnsp_delta_destroy,
            )
        )

    @classmethod
    def aggregate(
        cls,
        base: Model,
        deltas: Sequence[Delta],
        weights: Sequence[float] | None = None,
        rule: str = "mean",
        *,
        progress: Progress | None = None,
    ) -> tuple[Delta, dict[int, str]]:
        """One delta of many on one base, and which of them were left out, with the status
        that says why ({3: "LNSP_E_NOT_FINITE"}).

        weights: of the mean, e.g. examples of each; None: equal.
        rule: "mean", "median", "trimmed share=.1"; with clip=median (or a number) a longer
            delta is scaled down; with skip=1 a delta that is damaged, not finite or of
            another base is left out, without it the first one is named and refused.
        progress: as for make."""
        chosen = options(progress=progress)
        old = base._live()
        handles = [delta._live() for delta in deltas]
        count = len(handles)
        if weights is not None and len(weights) != count:
            raise ArgumentError(f"there are {count} deltas and {len(weights)} weights")
        room = max(1, count)
        refused = (ct.c_int32 * room)()
        made = cls._from(
            create(
                _c.lib.lnsp_delta_aggregate,
                old.get(),
                (ct.c_void_p * room)(*(handle.get() for handle in handles)),
                None if weights is None else (ct.c_double * room)(*weights),
                count,
                text_bytes(rule, "rule"),
                ct.byref(chosen),
                refused,
                destroy=_c.lib.lnsp_delta_destroy,
                keep=chosen,
            )
        )
        names = _c.lib.lnsp_status_name
        return made, {i: names(refused[i]).decode() for i in range(count) if refused[i]}

    def stamp(self, sender: str, nonce: int, key: bytes = b"") -> None:
        """Signs a delta that is to be sent: whose it is, a number that grows with every
        delta, and with a key of up to 32 bytes an authentication code over all of it."""
        name = text_bytes(sender, "sender")
        self._live().call(_c.lib.lnsp_delta_stamp, name, nonce, key, len(key))

    def norm(self, base: Model) -> tuple[float, float]:
        """Euclidean norm of the change over all parameters, and the largest of one."""
        old = base._live()
        norm, most = ct.c_double(), ct.c_double()
        self._live().call(
            _c.lib.lnsp_delta_norm,
            old.get(),
            ct.byref(norm),
            ct.byref(most),
            ct.byref(options()),
        )
        return norm.value, most.value

    def check(
        self,
        base: Model,
        *,
        key: bytes = b"",
        max_norm: float = 0.0,
        max_change: float = 0.0,
        verify: Verify | None = None,
    ) -> None:
        """Raises unless a received delta is of this base, leads to finite values, and keeps
        to rules: it carries the code of this key, its norm and largest change are within
        bounds (0: none), and verify(digest, sender, nonce) returns True, e.g. for a signature
        over the digest."""
        rules = Rules(key, max_norm, max_change, verify, None)
        old = base._live()
        with rules:
            self._live().call(
                _c.lib.lnsp_delta_check, old.get(), ct.byref(rules.c), ct.byref(options())
            )

    def accept(
        self,
        base: Model,
        *,
        key: bytes = b"",
        max_norm: float = 0.0,
        max_change: float = 0.0,
        verify: Verify | None = None,
        judge: Judge | None = None,
        storage: str | None = None,
    ) -> Model:
        """apply for what a stranger sends: check, and then judge(model) must return True of
        the model that it leads to, e.g. on held-out data."""
        rules = Rules(key, max_norm, max_change, verify, judge)
        handle, old = self._live(), base._live()
        with rules, handle.lock:
            return Model._from(
                create(
                    _c.lib.lnsp_delta_accept,
                    handle.get(),
                    old.get(),
                    ct.byref(rules.c),
                    ct.byref(options(storage=storage)),
                    destroy=_c.lib.lnsp_model_destroy,
                )
            )

    def _facts(self) -> _c.DeltaFacts:
        facts = _c.DeltaFacts()
        facts.struct_size = ct.sizeof(_c.DeltaFacts)
        self._live().call(_c.lib.lnsp_delta_get_info, ct.byref(facts))
        return facts

    @property
    def exact(self) -> bool:
        """Whether it is exact, and can be inverted."""
        return bool(self._facts().exact)

    @property
    def codec(self) -> str:
        """The codec's text; those of merged stages are joined by "; "."""
        return str(self._facts().codec.decode())

    @property
    def sender(self) -> str:
        """Whose it is, as stamped, or ""."""
        return str(self._facts().sender.decode())

    @property
    def nonce(self) -> int:
        """The number that it was stamped with, or 0."""
        return int(self._facts().nonce)

    @property
    def authenticated(self) -> bool:
        """Whether it carries an authentication code, which check compares with a key's."""
        return bool(self._facts().authenticated)

    @property
    def stage_count(self) -> int:
        """1, or more after merge."""
        return int(self._facts().stage_count)

    @property
    def parameter_count(self) -> int:
        """Parameters of the two models."""
        return int(self._facts().parameter_count)

    @property
    def changed_count(self) -> int:
        """Parameters whose bits differ, as its maker says; -1 if not known (merged)."""
        return int(self._facts().changed_count)

    @property
    def encoded_bytes(self) -> int:
        """Size of the file that save writes."""
        return int(self._facts().encoded_bytes)

    @property
    def base_hash(self) -> str:
        """Hash of the model that it applies to."""
        return bytes(self._facts().base_hash).hex()

    @property
    def result_hash(self) -> str:
        """Hash of the model that apply gives."""
        return bytes(self._facts().result_hash).hex()

    def save(self, path: Path) -> None:
        """Writes a delta file, which appears whole or not at all."""
        self._live().call(_c.lib.lnsp_delta_save, path_bytes(path))

    def to_bytes(self) -> bytes:
        """The bytes that save would write; Delta(bytes) reads them."""
        handle = self._live()
        size = ct.c_size_t(self.encoded_bytes)
        buffer = bytearray(size.value)
        to = (ct.c_char * len(buffer)).from_buffer(buffer)
        handle.call(_c.lib.lnsp_delta_save_memory, to, len(buffer), ct.byref(size))
        del to
        return bytes(buffer[: size.value])

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.to_bytes(),))

    def __repr__(self) -> str:
        if self.closed:
            return "<lnsp.Delta closed>"
        return (
            f"<lnsp.Delta {self.base_hash[:8]} to {self.result_hash[:8]}, "
            f"{self.encoded_bytes} bytes>"
        )

"""Deltas: what changed between two models."""

from __future__ import annotations

import ctypes as ct
from collections.abc import Sequence
from typing import Any

from . import _c
from ._handle import Handle, Owner, create
from ._model import Model
from ._options import Path, options, path_bytes, text_bytes
from ._trainer import Trainer


class Delta(Owner):
    """What changed between two models.

    >>> delta = lnsp.Delta.make(base, better)
    >>> delta.save("change.safetensors")
    >>> lnsp.Delta("change.safetensors").apply(base).hash == better.hash

    `source` is the path of a delta file or its bytes."""

    def __init__(self, source: Path | bytes) -> None:
        destroy = _c.lib.lnsp_delta_destroy
        chosen = ct.byref(options())
        if isinstance(source, (bytes, bytearray, memoryview)):
            data = bytes(source)
            self._handle = create(
                _c.lib.lnsp_delta_decode, data, len(data), chosen, destroy=destroy
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
    def make(cls, base: Model, next: Model, codec: str | None = None) -> Delta:
        """What leads from base to next, two models of one architecture: exactly, or with
        another codec ("int4 block=64", "sparse share=.1", "exact only=*.bias") in fewer
        bytes, the result then being close to next."""
        old, new = base._live(), next._live()
        return cls._from(
            create(
                _c.lib.lnsp_delta_make,
                old.get(),
                new.get(),
                text_bytes(codec, "codec"),
                ct.byref(options()),
                destroy=_c.lib.lnsp_delta_destroy,
            )
        )

    @classmethod
    def make_live(
        cls, base: Model, trainer: Trainer, codec: str | None = None, *, snap: bool = True
    ) -> Delta:
        """What leads from base to a trainer's live weights. With residual=1 in its optimizer
        text, the trainer keeps what this codec leaves out and owes it to the next delta.
        snap: its weights become those of the result, the same bits as on the other side;
        without, adopt a model before the next delta."""
        old, live = base._live(), trainer._live()
        with live.lock:
            return cls._from(
                create(
                    _c.lib.lnsp_delta_make_live,
                    old.get(),
                    live.get(),
                    text_bytes(codec, "codec"),
                    int(snap),
                    ct.byref(options()),
                    destroy=_c.lib.lnsp_delta_destroy,
                )
            )

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

    def apply(self, base: Model, *, storage: str | None = None) -> Model:
        """A new model: base with the delta applied. MismatchError unless base is the one
        that the delta was made from."""
        handle, old = self._live(), base._live()
        return Model._from(
            create(
                _c.lib.lnsp_delta_apply,
                handle.get(),
                old.get(),
                ct.byref(options(storage=storage)),
                destroy=_c.lib.lnsp_model_destroy,
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

    def _facts(self) -> _c.DeltaFacts:
        facts = _c.DeltaFacts()
        facts.struct_size = ct.sizeof(_c.DeltaFacts)
        self._live().call(_c.lib.lnsp_delta_info, ct.byref(facts))
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
        handle.call(_c.lib.lnsp_delta_encode, to, len(buffer), ct.byref(size))
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

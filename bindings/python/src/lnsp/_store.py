"""Stores: versions that survive power cuts."""

from __future__ import annotations

import ctypes as ct
import time as clock
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from . import _c
from ._delta import Delta, Judge, Rules, Verify
from ._errors import ArgumentError
from ._handle import Handle, Owner, Progress, create
from ._model import Model
from ._options import Path, options, path_bytes, text_bytes
from ._trainer import Trainer

_KINDS = {
    _c.VERSION_SNAPSHOT: "snapshot",
    _c.VERSION_DELTA: "delta",
    _c.VERSION_ROLLBACK: "rollback",
}


@dataclass(frozen=True)
class Version:
    """One version in a store."""

    number: int
    """From 1; never given twice."""
    kind: str
    """"snapshot", "delta" or "rollback"."""
    origin: int
    """The version before it, or that it went back to; 0 for none."""
    time: int
    step: int
    bytes: int
    loss: float
    tag: str
    hash: str
    """Hash of its weights."""
    current: bool
    """Whether the present state is this version's."""


@dataclass(frozen=True)
class StoreFacts:
    """What a store holds and takes."""

    of_trainer: int
    snapshot_every: int
    damaged: int
    versions: int
    newest: int
    state_bytes: int
    size_bytes: int
    used_bytes: int
    bank_bytes: int
    compactions: int


def _settings(**values: int) -> _c.StoreSettings:
    made = _c.StoreSettings()
    made.struct_size = ct.sizeof(_c.StoreSettings)
    for name, value in values.items():
        if value < 0:
            raise ArgumentError(f"{name} is {value}: give 0, for the default, or more")
        setattr(made, name, value)
    return made


def _note(loss: float, time: int | None, tag: str | None) -> _c.StoreNote:
    made = _c.StoreNote()
    made.struct_size = ct.sizeof(_c.StoreNote)
    made.loss = loss
    made.time = int(clock.time()) if time is None else time
    made.tag = text_bytes(tag, "tag")
    return made


class Store(Owner):
    """Versions of a trainer's state, or of a model's weights, in a file.

    >>> store = lnsp.Store.create("app.store", trainer)
    >>> store.commit(trainer, loss=loss, tag="first day")
    >>> lnsp.Store("app.store").load(trainer)        # after a power cut

    A commit that returned is there after a power cut; one that did not is there whole or not
    at all. The file is locked until the store is closed, unless read_only=True. salvage=True
    reads what can be read of a damaged file. progress(done, total) is told how far opening
    and the store's own long calls are; what it raises comes out of them."""

    def __init__(
        self,
        path: Path,
        *,
        read_only: bool = False,
        salvage: bool = False,
        progress: Progress | None = None,
    ) -> None:
        chosen = options(progress=progress)
        self._handle = create(
            _c.lib.lnsp_store_open,
            path_bytes(path),
            ct.byref(_settings(read_only=int(read_only), salvage=int(salvage))),
            ct.byref(chosen),
            destroy=_c.lib.lnsp_store_destroy,
            keep=chosen,
        )

    @classmethod
    def create(
        cls,
        path: Path,
        of: Trainer | Model,
        *,
        size_bytes: int = 0,
        snapshot_every: int = 0,
        max_senders: int = 0,
        progress: Progress | None = None,
    ) -> Store:
        """A new file, without versions yet, for states of this trainer or weights of this
        model. size_bytes: what it may grow to; snapshot_every: versions from one that is
        written whole to the next; max_senders: who deltas are taken from. 0: the defaults."""
        settings = _settings(
            size_bytes=size_bytes, snapshot_every=snapshot_every, max_senders=max_senders
        )
        owner = of._live()
        chosen = options(progress=progress)
        trainer, model = cls._pair(of, owner)
        store = cls.__new__(cls)
        with owner.lock:
            store._handle = create(
                _c.lib.lnsp_store_create,
                path_bytes(path),
                trainer,
                model,
                ct.byref(settings),
                ct.byref(chosen),
                destroy=_c.lib.lnsp_store_destroy,
                keep=chosen,
            )
        return store

    @staticmethod
    def _pair(of: Trainer | Model, owner: Handle) -> tuple[int | None, int | None]:
        if isinstance(of, Trainer):
            return owner.get(), None
        return None, owner.get()

    def commit(
        self,
        of: Trainer | Model,
        *,
        loss: float = 0.0,
        time: int | None = None,
        tag: str | None = None,
    ) -> int:
        """A new version, and its number: a trainer's whole state, or a model's weights. It
        survives a power cut when this returns. time: seconds since 1970 (None: now); a
        tagged version is kept longer than others."""
        owner = of._live()
        function = (
            _c.lib.lnsp_store_commit
            if isinstance(of, Trainer)
            else _c.lib.lnsp_store_commit_model
        )
        number = ct.c_uint64()
        note = _note(loss, time, tag)
        with owner.lock:
            self._live().call(function, owner.get(), ct.byref(note), ct.byref(number))
        return number.value

    def apply(
        self,
        delta: Delta,
        trainer: Trainer | None = None,
        *,
        key: bytes = b"",
        max_norm: float = 0.0,
        max_change: float = 0.0,
        verify: Verify | None = None,
        judge: Judge | None = None,
        loss: float = 0.0,
        time: int | None = None,
        tag: str | None = None,
    ) -> int:
        """Takes in a delta that somebody stamped and sent, each once, whatever was rolled
        back since: checks it as Delta.accept, on the newest version, or on the live weights
        of the trainer that a trainer's store needs and that adopts the result; commits that,
        and returns the new version's number. As a whole or not at all."""
        rules = Rules(key, max_norm, max_change, verify, judge)
        number = ct.c_uint64()
        note = _note(loss, time, tag)
        handle, owner = delta._live(), None if trainer is None else trainer._live()
        with rules, handle.lock if owner is None else owner.lock:
            self._live().call(
                _c.lib.lnsp_store_apply,
                handle.get(),
                None if owner is None else owner.get(),
                ct.byref(rules.c),
                ct.byref(note),
                ct.byref(options()),
                ct.byref(number),
            )
        return number.value

    def load(self, trainer: Trainer, number: int = 0) -> None:
        """A version's state (0: the newest one's) into a trainer of the same architecture
        and optimizer, to the bit."""
        owner = trainer._live()
        with owner.lock:
            self._live().call(_c.lib.lnsp_store_load, number, owner.get(), ct.byref(options()))

    def trainer(self, number: int = 0, **arguments: Any) -> Trainer:
        """A new trainer that goes on from a version; arguments as for Trainer
        (max_rows, max_marks, ...)."""
        given = {"loss": self.loss or None, "optimizer": self.optimizer, **arguments}
        with self.model(number) as model:
            trainer = Trainer(model, **given)
        self.load(trainer, number)
        return trainer

    def checkout(self, number: int = 0, *, storage: str | None = None) -> Model:
        """A version's weights as a model."""
        handle = self._live()
        with handle.lock:
            return Model._from(
                create(
                    _c.lib.lnsp_store_checkout,
                    handle.get(),
                    number,
                    ct.byref(options(storage=storage)),
                    destroy=_c.lib.lnsp_model_destroy,
                )
            )

    model = checkout  # the name until 0.1

    def rollback(self, to: int, *, time: int | None = None) -> int:
        """Goes back: a new version that is the version `to`; its number. Then load it."""
        number = ct.c_uint64()
        note = _note(0.0, time, None)
        self._live().call(_c.lib.lnsp_store_rollback, to, ct.byref(note), ct.byref(number))
        return number.value

    def version(self, index: int) -> Version:
        """Version number index from the newest, 0."""
        if not 0 <= index < 2**63:
            raise ArgumentError(f"the index is {index}: give 0 or more")
        found = _c.StoreVersion()
        found.struct_size = ct.sizeof(_c.StoreVersion)
        self._live().call(_c.lib.lnsp_store_version_at, index, ct.byref(found))
        return Version(
            number=found.number,
            kind=_KINDS.get(found.kind, "?"),
            origin=found.parent,
            time=found.time,
            step=found.step,
            bytes=found.bytes,
            loss=found.loss,
            tag=found.tag.decode("utf-8", "replace"),
            hash=bytes(found.hash).hex(),
            current=bool(found.current),
        )

    def __len__(self) -> int:
        """Versions kept."""
        return self.facts.versions

    def __bool__(self) -> bool:
        return True  # also while there is no version

    def __iter__(self) -> Iterator[Version]:
        """The versions, the newest first."""
        return (self.version(index) for index in range(len(self)))

    @property
    def facts(self) -> StoreFacts:
        """What the store holds and takes."""
        found = _c.StoreFacts()
        found.struct_size = ct.sizeof(_c.StoreFacts)
        self._live().call(_c.lib.lnsp_store_get_info, ct.byref(found))
        return StoreFacts(
            **{name: getattr(found, name) for name in StoreFacts.__dataclass_fields__}
        )

    def _text(self, index: int) -> str:
        text: bytes | None = self._live().read(_c.lib.lnsp_store_text, index)
        return (text or b"").decode()

    @property
    def architecture(self) -> str:
        """Architecture of its models."""
        return self._text(0)

    @property
    def loss(self) -> str:
        """Loss of its trainers; "" for a model's store."""
        return self._text(1)

    @property
    def optimizer(self) -> str:
        """Optimizer of its trainers; "" for a model's store."""
        return self._text(2)

    def verify(self) -> int:
        """Reads everything; the number of good records, or MismatchError says where not."""
        records = ct.c_uint64()
        self._live().call(_c.lib.lnsp_store_verify, ct.byref(records))
        return records.value

    def compact(self) -> None:
        """Lets old versions go now, as a commit does when the file is full."""
        self._live().call(_c.lib.lnsp_store_compact)

    def check_sender(self, sender: str, number: int) -> None:
        """StateError unless number is above all that this sender has sent before."""
        name = text_bytes(sender, "sender")
        self._live().call(_c.lib.lnsp_store_check_sender, name, number)

    def add_sender(self, sender: str, number: int) -> None:
        """Remembers what a sender has sent, whatever is rolled back later."""
        name = text_bytes(sender, "sender")
        self._live().call(_c.lib.lnsp_store_add_sender, name, number)

    def __repr__(self) -> str:
        if self.closed:
            return "<lnsp.Store closed>"
        return f"<lnsp.Store {self.architecture!r}, {len(self)} versions>"

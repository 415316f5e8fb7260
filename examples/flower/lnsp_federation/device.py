"""What a device does; it knows nothing of Flower.

It has the model of the factory, and a file of its own: a trainer's state, whose weights are
the server's last model that it saw, and whose residual is what its coded deltas left out.
The file is replaced whole or not at all, so that it may lose its power at any time."""

from __future__ import annotations

import secrets
from pathlib import Path

import numpy as np

import lnsp

BATCH = 32


class Device:
    def __init__(self, folder: Path, base: str, optimizer: str, codec: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "state.safetensors"
        self.base = lnsp.Model(base, storage="f32")
        self.codec = codec
        source = self.path if self.path.is_file() else self.base
        self.trainer = lnsp.Trainer(
            source, loss="cosine", optimizer=f"{optimizer} residual=1", max_rows=BATCH
        )
        if "noise=" in optimizer:  # of no use to anyone who could foresee it
            self.trainer.set_noise_key(secrets.token_bytes(32))

    def update(self, downlink: bytes) -> lnsp.Model:
        """The server's model, from a delta to what this device has, or from the factory."""
        mine = self.trainer.publish()
        if not downlink:
            return self.base
        delta = lnsp.Delta(downlink)
        for known in (mine, self.base):
            if known.hash == delta.base_hash:
                return delta.apply(known)
        raise lnsp.MismatchError(f"this device has {mine.hash}, not {delta.base_hash}")

    def learn(self, model: lnsp.Model, rows: np.ndarray, seed: int) -> tuple[lnsp.Delta, float]:
        """One epoch from the server's model; the delta to send, and the mean loss."""
        trainer = self.trainer
        trainer.set_weights(model, reset=True)
        order = np.random.default_rng(seed).permutation(len(rows))
        losses = []
        for first in range(0, len(rows), BATCH):
            batch = rows[order[first : first + BATCH]]
            losses.append(trainer.step(batch, batch))
        delta = lnsp.Delta.create_live(model, trainer, self.codec, snap=False)
        return delta, float(np.mean(losses))

    def keep(self, model: lnsp.Model) -> None:
        """Remembers the server's model and the residual."""
        self.trainer.set_weights(model, reset=True)
        self.trainer.save(self.path, "state")

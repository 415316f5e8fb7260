"""What the server does; it knows nothing of Flower.

The server's model is a trainer, too: the mean of the clients' deltas is its gradient. What it
sends is a coded delta, and it takes over that coded delta itself ("snap"), so that server
and devices have the same bits; what the coding left out is its residual, which goes with
the next one."""

from __future__ import annotations

from dataclasses import dataclass

import lnsp

from .keys import key, name


@dataclass
class Update:
    """What a client sent."""

    client: int
    delta: bytes
    rows: int


class Server:
    def __init__(
        self, base: str, optimizer: str, rule: str, codec: str, secret: str = "demo"
    ) -> None:
        self.base = lnsp.Model(base, storage="f32")
        self.model = self.base
        self.rule = rule
        self.codec = codec
        self.secret = secret
        self.nonces: dict[str, int] = {}  # the last of each sender
        self.trainer = lnsp.Trainer(self.base, optimizer=f"{optimizer} residual=1")
        self.before: str | None = None  # hash of the model before
        self._last = b""  # from that to this one
        self._whole = b""  # from the factory's to this one, for those who missed some

    def downlink(self, has: str | None) -> bytes:
        """What leads a device to the present model: nothing if that is the factory's, the
        last delta if it has the model before, else an exact one from the factory's."""
        if self.model.hash == self.base.hash:
            return b""
        if has == self.before:
            return self._last
        if not self._whole:
            self._whole = lnsp.Delta.create(self.base, self.model, "exact").to_bytes()
        return self._whole

    def received(self, update: Update) -> lnsp.Delta:
        """A client's delta, if it is its own and newer than the last. (A server that may be
        restarted keeps these numbers in a store, lnsp.Store.check_sender.)"""
        delta = lnsp.Delta(update.delta)
        sender = name(update.client)
        delta.check(self.model, key=key(self.secret, update.client))
        if delta.sender != sender or delta.nonce <= self.nonces.get(sender, 0):
            raise lnsp.StateError(f"number {delta.nonce} of {delta.sender} was there before")
        self.nonces[sender] = delta.nonce
        return delta

    def combine(self, updates: list[Update]) -> dict[int, str]:
        """A round: the next model from the clients' deltas. Returns which clients were left
        out, and why. A rule without skip=1 raises what is wrong with the first bad delta, and
        the model stays."""
        left_out: dict[int, str] = {}
        deltas, weights, clients = [], [], []
        for update in updates:
            try:
                deltas.append(self.received(update))
            except lnsp.Error as error:
                if "skip=1" not in self.rule:
                    raise type(error)(f"{name(update.client)}: {error.message}") from error
                left_out[update.client] = error.status
                continue
            weights.append(float(update.rows))
            clients.append(update.client)
        mean, refused = lnsp.Delta.aggregate(self.model, deltas, weights, self.rule)
        left_out.update((clients[index], status) for index, status in refused.items())
        self.trainer.step_delta(mean)
        last = lnsp.Delta.create_live(self.model, self.trainer, self.codec)
        self._last, self.before, self._whole = last.to_bytes(), self.model.hash, b""
        self.model = self.trainer.publish()
        return left_out

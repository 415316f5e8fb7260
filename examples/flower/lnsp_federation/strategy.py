"""A Flower strategy whose arithmetic is done by liblnsp."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from logging import INFO, WARNING
from pathlib import Path

from flwr.app import (
    Array,
    ArrayRecord,
    ConfigRecord,
    Message,
    MessageType,
    MetricRecord,
    RecordDict,
)
from flwr.common.logger import log
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Strategy

import lnsp

from .server import Server, Update


class DeltaStrategy(Strategy):
    """Sends a delta down, takes deltas back, and combines them in the library."""

    def __init__(self, server: Server, min_nodes: int, out: Path) -> None:
        self.server = server
        self.min_nodes = min_nodes
        self.has: dict[int, str] = {}  # model of each node, as it said
        self.out = out
        self.rounds: list[dict[str, object]] = []
        self.down = 0  # bytes to a client that is up to date
        self.catch_up = 0  # and to one that is not

    def arrays(self) -> ArrayRecord:
        """The present model as Flower holds models; it stays on the server."""
        arrays = self.server.model.arrays()
        return ArrayRecord({name: Array(array) for name, array in arrays.items()})

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        while len(nodes := list(grid.get_node_ids())) < (
            self.min_nodes if server_round == 1 else 1
        ):
            time.sleep(0.5)
        messages = []
        self.down = self.catch_up = 0
        for node in nodes:
            has = self.has.get(node)
            downlink = self.server.downlink(has)
            if has == self.server.before:
                self.down = max(self.down, len(downlink))
            else:
                self.catch_up = max(self.catch_up, len(downlink))
            asked = ConfigRecord({"number": server_round, "downlink": downlink})
            messages.append(
                Message(
                    content=RecordDict({"round": asked}),
                    message_type=MessageType.TRAIN,
                    dst_node_id=node,
                )
            )
        return messages

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        updates, failed = [], 0
        for reply in replies:
            if reply.has_error():
                failed += 1
                log(WARNING, "node %s: %s", reply.metadata.src_node_id, reply.error.reason)
                continue
            sent, metrics = reply.content["delta"], reply.content["metrics"]
            self.has[reply.metadata.src_node_id] = sent["has"]
            updates.append(Update(sent["client"], sent["uplink"], metrics["num-examples"]))
        updates.sort(key=lambda update: update.client)  # replies come in any order
        left_out: dict[int, str] = {}
        refused = ""
        try:
            if updates:
                left_out = self.server.combine(updates)
        except lnsp.Error as error:  # the model stays as it is
            refused = str(error)
            log(WARNING, "refused: %s", refused)
        for client, reason in left_out.items():
            log(WARNING, "client %s left out: %s", client, reason)
        up = max((len(update.delta) for update in updates), default=0)
        self.rounds.append(
            {
                "round": server_round,
                "replies": len(updates),
                "failed": failed,
                "left_out": left_out,
                "refused": refused,
                "up": up,
                "down": self.down,
                "catch_up": self.catch_up,
                "up_mean": sum(len(u.delta) for u in updates) / max(1, len(updates)),
            }
        )
        return self.arrays(), MetricRecord(
            {"replies": len(updates), "up-bytes": up, "down-bytes": self.down}
        )

    def configure_evaluate(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        return []

    def aggregate_evaluate(
        self, server_round: int, replies: Iterable[Message]
    ) -> MetricRecord | None:
        return None

    def note(self, cosine: float) -> None:
        """Adds the round's cosine, and a line to progress.jsonl."""
        if not self.rounds:
            self.rounds.append({"round": 0, "up": 0, "down": 0})
        self.rounds[-1]["cosine"] = cosine
        self.rounds[-1]["hash"] = self.server.model.hash
        with open(self.out / "progress.jsonl", "a") as file:
            file.write(json.dumps(self.rounds[-1]) + "\n")

    def summary(self) -> None:
        log(INFO, "\t├── rule: %s", self.server.rule)
        log(INFO, "\t└── downlink: %s", self.server.codec)

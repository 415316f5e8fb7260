"""The ServerApp: rounds of the strategy, judged on sentences that no client has."""

from __future__ import annotations

import json
from pathlib import Path

from flwr.app import ArrayRecord, Context, MetricRecord
from flwr.serverapp import Grid, ServerApp

from .data import cosine, held_out
from .server import Server
from .strategy import DeltaStrategy

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    config = context.run_config
    out = Path(config["out"])
    rows = held_out(config["data"])
    server = Server(
        config["base"], config["server"], config["rule"], config["downlink"], config["secret"]
    )
    strategy = DeltaStrategy(server, config["min-nodes"], out)

    def evaluate(_round: int, _arrays: ArrayRecord) -> MetricRecord:
        value = cosine(server.model, rows)
        strategy.note(value)
        return MetricRecord({"cosine": value})

    strategy.start(
        grid,
        initial_arrays=strategy.arrays(),
        num_rounds=config["rounds"],
        timeout=config["timeout"],
        evaluate_fn=evaluate,
    )
    server.model.save(out / "model.safetensors")
    result = {"config": dict(config), "rounds": strategy.rounds}
    (out / "result.part").write_text(json.dumps(result, indent=1))
    (out / "result.part").rename(out / "result.json")

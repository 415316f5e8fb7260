"""The ClientApp: a message comes in, a device learns, its delta goes out."""

from __future__ import annotations

from pathlib import Path

from flwr.app import ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from .data import clients
from .device import Device
from .faults import spoil
from .keys import key, name

app = ClientApp()


@app.train()
def train(message: Message, context: Context) -> Message:
    config = context.run_config
    asked = message.content["round"]
    number = int(context.node_config["partition-id"])
    round_number = int(asked["number"])
    fault = config["fault"] if number == config["fault-client"] else ""
    if fault == "die" and round_number >= config["die-round"]:
        raise RuntimeError(f"client {number} is dead")

    rows = clients(config["data"], config["clients"], config["sentences"], config["seed"])[
        number
    ]
    device = Device(
        Path(config["out"]) / f"device-{number}",
        config["base"],
        config["optimizer"],
        config["uplink"],
    )
    model = device.update(asked["downlink"])
    seed = int(config["seed"]) * 1_000_000 + round_number * 1_000 + number
    delta, loss = device.learn(model, rows, seed)
    if fault in ("nan", "x100", "flip5"):
        delta = spoil(fault, delta, model, config["uplink"])
    delta.stamp(name(number), round_number, key(config["secret"], number))
    uplink = delta.to_bytes()
    if fault == "replay":
        uplink = first_time(device, uplink)
    device.keep(model)

    reply = RecordDict(
        {
            "delta": ConfigRecord({"uplink": uplink, "client": number, "has": model.hash}),
            "metrics": MetricRecord({"num-examples": len(rows), "loss": loss}),
        }
    )
    return Message(content=reply, reply_to=message)


def first_time(device: Device, uplink: bytes) -> bytes:
    """What the device sent when it was first asked, again and again."""
    path = device.path.with_name("first.safetensors")
    if not path.is_file():
        path.write_bytes(uplink)
    return path.read_bytes()

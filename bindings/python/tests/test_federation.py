"""What examples/flower does, without Flower: devices and a server on the demo's vectors."""

import sys
from pathlib import Path

import numpy as np
import pytest

import lnsp

ROOT = Path(__file__).resolve().parents[3]
APP = ROOT / "examples" / "flower"
BASE = ROOT / "examples" / "demo" / "base.safetensors"
pytestmark = pytest.mark.skipif(not APP.is_dir(), reason="no examples/flower here")

OPTIMIZER, SPARSE, SEED = "adam lr=1e-3", "sparse share=.1", 727
RULE = "mean clip=median skip=1"


@pytest.fixture(autouse=True)
def app(monkeypatch):
    monkeypatch.syspath_prepend(str(APP))
    yield
    for name in [name for name in sys.modules if name.startswith("lnsp_federation")]:
        del sys.modules[name]


def make(tmp_path, count=4, sentences=96, rule=RULE, uplink=SPARSE, downlink="int4"):
    from lnsp_federation import data, device, server

    rows = data.clients(str(BASE.parent), count, sentences, SEED)
    devices = [
        device.Device(tmp_path / f"device-{i}", str(BASE), OPTIMIZER, uplink)
        for i in range(count)
    ]
    return server.Server(str(BASE), "sgd lr=1", rule, downlink), devices, rows


def one_round(server, devices, rows, has, number, spoil=None):
    """A round; what was refused and the bytes up and down."""
    from lnsp_federation import keys
    from lnsp_federation.faults import spoil as spoil_delta
    from lnsp_federation.server import Update

    updates, down = [], 0
    for i, device in devices.items():
        downlink = server.downlink(has.get(i))
        model = device.update(downlink)
        assert model.hash == server.model.hash
        delta, loss = device.learn(model, rows[i], number * 100 + i)
        assert np.isfinite(loss)
        if spoil and i in spoil:
            delta = spoil_delta(spoil[i], delta, model, SPARSE)
        delta.stamp(keys.name(i), number, keys.key("demo", i))
        sent = delta.to_bytes()
        device.keep(model)
        has[i] = model.hash
        updates.append(Update(i, sent, len(rows[i])))
        down = max(down, len(downlink))
    refused = server.combine(updates)
    return refused, max(len(update.delta) for update in updates), down


def test_rounds(tmp_path):
    from lnsp_federation import data

    server, devices, rows = make(tmp_path)
    held_out = data.held_out(str(BASE.parent))
    cosines, has, alive = [data.cosine(server.model, held_out)], {}, dict(enumerate(devices))
    for number in range(1, 4):
        refused, up, down = one_round(server, alive, rows, has, number)
        assert refused == {}
        assert up < 40_000 and down <= 150_000
        cosines.append(data.cosine(server.model, held_out))
    assert all(after > before for before, after in zip(cosines, cosines[1:]))
    assert cosines[-1] > cosines[0] + 0.02


def test_a_device_that_was_off(tmp_path):
    """One joins late, one loses its power and comes back, one comes back without its file."""
    from lnsp_federation.device import Device

    server, devices, rows = make(tmp_path, sentences=32)
    has, alive = {}, dict(enumerate(devices))
    late = alive.pop(3)
    one_round(server, alive, rows, has, 1)
    one_round(server, alive, rows, has, 2)
    alive[3] = late
    _, _, down = one_round(server, alive, rows, has, 3)
    assert down > 150_000  # one exact delta from the factory's model
    twin = Device(tmp_path / "device-1", str(BASE), OPTIMIZER, SPARSE)
    assert twin.trainer.hash("state") == devices[1].trainer.hash("state")
    alive[1] = twin  # from its file
    alive[2] = Device(tmp_path / "another", str(BASE), OPTIMIZER, SPARSE)
    has.pop(2)
    one_round(server, alive, rows, has, 4)
    assert server.trainer.hash() == server.model.hash
    with pytest.raises(lnsp.MismatchError, match="this device has"):
        late.base = lnsp.Model.create(late.base.graph.architecture, seed=2)
        late.trainer.set_weights(late.base)
        late.update(server.downlink(None))


def test_nonsense_is_held(tmp_path):
    from lnsp_federation import data

    held_out = data.held_out(str(BASE.parent))
    found = {}
    for kind in ("", "nan", "x100", "flip5"):
        server, devices, rows = make(tmp_path / kind, count=3, sentences=64)
        has, alive = {}, dict(enumerate(devices))
        for number in range(1, 3):
            spoil = {2: kind} if kind else {}
            refused, _, _ = one_round(server, alive, rows, has, number, spoil)
            assert list(refused) == ([2] if kind == "nan" else [])
        found[kind] = data.cosine(server.model, held_out)
    for kind, cosine in found.items():
        assert abs(cosine - found[""]) < 0.02, kind


def test_a_plain_mean_refuses_by_name(tmp_path):
    server, devices, rows = make(tmp_path, count=3, sentences=32, rule="mean")
    before = server.model.hash
    with pytest.raises(lnsp.NotFiniteError, match="device-1: .*not finite"):
        one_round(server, dict(enumerate(devices)), rows, {}, 1, {1: "nan"})
    assert server.model.hash == before


def test_who_sent_it(tmp_path):
    """A delta without the device's code, under another's name, or that was there before."""
    from lnsp_federation import keys
    from lnsp_federation.server import Update

    server, devices, rows = make(tmp_path, count=1, sentences=32)
    delta, _ = devices[0].learn(server.model, rows[0], 1)
    with pytest.raises(lnsp.MissingError):
        server.received(Update(0, delta.to_bytes(), 1))
    for name, key, error in (
        (keys.name(0), keys.key("another", 0), lnsp.MismatchError),
        (keys.name(1), keys.key("demo", 0), lnsp.StateError),
    ):
        delta.stamp(name, 1, key)
        with pytest.raises(error):
            server.received(Update(0, delta.to_bytes(), 1))
    delta.stamp(keys.name(0), 5, keys.key("demo", 0))
    server.received(Update(0, delta.to_bytes(), 1))
    with pytest.raises(lnsp.StateError, match="before"):
        server.received(Update(0, delta.to_bytes(), 1))

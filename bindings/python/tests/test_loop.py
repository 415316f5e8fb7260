import numpy as np
import pytest

import lnsp


def test_shuffle():
    order = lnsp.shuffle(100, seed=4, epoch=2)
    assert order.dtype == np.int32 and sorted(order) == list(range(100))
    assert (order == lnsp.shuffle(100, seed=4, epoch=2)).all()
    assert (order != lnsp.shuffle(100, seed=4, epoch=3)).any()
    for rows in (0, -1, 2**31):
        with pytest.raises(lnsp.ArgumentError):
            lnsp.shuffle(rows, seed=1)


def test_draw():
    drawn = [lnsp.draw(1000, 0.1, seed=3, step=step) for step in range(50)]
    assert all((np.diff(rows) > 0).all() for rows in drawn)
    assert 90 < np.mean([len(rows) for rows in drawn]) < 110
    assert len({rows.tobytes() for rows in drawn}) == 50
    assert (lnsp.draw(1000, 0.1, seed=3, capacity=5) == drawn[0][:5]).all()
    assert lnsp.draw(9, 1.0, seed=1).tolist() == list(range(9))
    for share in (0, 1.5, float("nan")):
        with pytest.raises(lnsp.ArgumentError):
            lnsp.draw(10, share, seed=1)


def test_plateau(model):
    text = "sgd lr=1 schedule=plateau factor=.5 patience=1"
    trainer = lnsp.Trainer(model, loss="mse", optimizer=text)
    assert [trainer.report(v) for v in (3, 2, 2, 2)] == [False, False, False, True]
    assert trainer.learning_rate == 0.5
    plain = lnsp.Trainer(model, loss="mse", optimizer="sgd")
    with pytest.raises(lnsp.StateError):
        plain.report(1.0)


def test_early_stop():
    stop = lnsp.EarlyStop(2)
    assert stop.best is None and not stop.over
    assert [stop.report(v) for v in (3, 2, 2, 1, float("nan"))] == [1, 1, 0, 1, 0]
    assert not stop.over and stop.best == 1 and stop.bad == 1
    stop.report(4)
    assert stop.over and stop.reports == 6
    rises = lnsp.EarlyStop(1, rises=True)
    assert rises.report(1) and rises.report(2) and not rises.report(1) and rises.over
    with pytest.raises(lnsp.ArgumentError):
        lnsp.EarlyStop(-1)


def test_flops(model):
    trainer = lnsp.Trainer(model, loss="mse", optimizer="sgd", max_rows=6)
    assert trainer.flops(6) == 6 * trainer.flops() == 18 * model.graph.flops()
    assert trainer.flops(-1) == 0


def test_metadata(model, x, tmp_path):
    trainer = lnsp.Trainer(model, loss="mse", optimizer="sgd", max_rows=6)
    trainer.step(x, x)
    notes = {"epoch": "3", "row": "17"}
    trainer.save(tmp_path / "state", "state", metadata=notes)
    with lnsp.File(tmp_path / "state") as file:
        assert notes.items() <= file.metadata.items()
    assert (tmp_path / "state").read_bytes() == trainer.to_bytes("state", metadata=notes)
    assert lnsp.Trainer(tmp_path / "state", max_rows=6).hash("state") == trainer.hash("state")
    for bad in ({"lnsp.mine": "1"}, {"a\0b": "1"}, {"a": "1\0"}):
        with pytest.raises(lnsp.ArgumentError):
            trainer.to_bytes(metadata=bad)
    with pytest.raises(TypeError):
        trainer.to_bytes(metadata={"epoch": 3})


def test_reservoir(rng, tmp_path):
    items = rng.standard_normal((100, 6), dtype=np.float32)
    reservoir = lnsp.Reservoir(6, capacity=10, seed=2)
    with pytest.raises(lnsp.StateError):
        reservoir.sample(1)
    reservoir.add(items[:50])
    assert len(reservoir) == 10 and reservoir.seen == 50 and reservoir.capacity == 10
    reservoir.save(tmp_path / "kept")
    others = [
        lnsp.Reservoir(tmp_path / "kept"),
        lnsp.Reservoir((tmp_path / "kept").read_bytes()),
    ]
    for one in (reservoir, *others):
        one.add(items[50:])
    rows = {row.tobytes() for row in items}
    assert all(row.tobytes() in rows for row in reservoir.items)
    drawn = reservoir.sample(25)
    assert drawn.shape == (25, 6) and drawn.dtype == np.float32
    for other in others:
        assert (other.items == reservoir.items).all()
        assert (other.sample(25) == drawn).all()


def test_reservoir_of_integers_and_refusals():
    reservoir = lnsp.Reservoir(2, capacity=3, dtype=np.int32)
    reservoir.add([[1, 2], [3, 4]])
    assert reservoir.items.tolist() == [[1, 2], [3, 4]] and reservoir.dtype == np.int32
    with pytest.raises(lnsp.DtypeError):
        reservoir.add(np.zeros((1, 2), np.float32))
    with pytest.raises(lnsp.ShapeError):
        reservoir.add(np.zeros((1, 3), np.int32))
    with pytest.raises(lnsp.ArgumentError):
        reservoir.sample(-1)
    with pytest.raises(lnsp.ArgumentError):
        lnsp.Reservoir(2)
    reservoir.close()
    with pytest.raises(lnsp.StateError):
        len(reservoir)

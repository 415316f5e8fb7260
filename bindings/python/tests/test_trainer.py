import gc
import threading
import weakref

import numpy as np
import pytest

import lnsp


@pytest.fixture
def trainer(model):
    return lnsp.Trainer(
        model, loss="cosine", optimizer="adamw lr=1e-2 ema=.9", max_rows=6, max_marks=2
    )


def test_step_learns(trainer, x):
    assert trainer.input_names == ("input", "target")
    first = trainer.step(x, x)
    for _ in range(50):
        last = trainer.step(input=x, target=x)
    assert last < first * 0.7
    assert trainer.step_count == 51
    assert trainer.compute_gradients(x, x) < first
    assert trainer.step_count == 51


def test_the_models_weights_stay(trainer, model, x):
    before = model.hash
    trainer.step(x, x)
    assert model.hash == before != trainer.hash()
    assert trainer.publish().hash == trainer.hash("weights")
    assert trainer.publish(average=True).hash == trainer.hash("average")
    assert np.array_equal(trainer["up.bias"], trainer.publish()["up.bias"])
    assert trainer.publish(storage="bf16").graph.storage == "bf16"
    with pytest.raises(lnsp.MissingError):
        trainer.tensor("nothing")


def test_gradient_and_apply_make_a_step(model, x):
    one = lnsp.Trainer(model, loss="mse", optimizer="sgd lr=.1", max_rows=6)
    two = lnsp.Trainer(model, loss="mse", optimizer="sgd lr=.1", max_rows=6)
    assert one.step(x, x) == two.evaluate(x, x)
    gradient = two.gradient("up.weight")
    before = two.tensor("up.weight")
    two.apply()
    assert one.hash() == two.hash()
    assert np.allclose(two.tensor("up.weight"), before - 0.1 * gradient, atol=1e-6)
    with pytest.raises(lnsp.StateError):
        two.gradient("up.weight")


def test_own_loss(model, x):
    """mean square error by hand is the library's."""
    named = lnsp.Trainer(model, loss="mse", optimizer="adam lr=1e-2", max_rows=6)
    own = lnsp.Trainer(model, optimizer="adam lr=1e-2", max_rows=6)
    for _ in range(3):
        loss = named.step(x, x)
        both = own.forward(x, ["output", "code"])
        y = own.forward(x)
        assert np.array_equal(both["output"], y)
        assert np.isclose(np.mean((y - x) ** 2), loss)
        own.backward(2 * (y - x) / np.float32(y.size))
        own.apply()
    for name in model.graph.shapes:
        assert np.allclose(named[name], own[name], atol=1e-5)
    with pytest.raises(lnsp.StateError):
        own.apply()


def test_backward_by_name(model, x):
    trainer = lnsp.Trainer(model, optimizer="sgd", max_rows=6)
    trainer.forward(x)
    trainer.backward(code=np.ones((6, 8), np.float32))
    assert trainer.gradient("down.weight").any()
    with pytest.raises(lnsp.StateError):
        trainer.gradient("up.weight")  # the loss does not reach it


def test_gradients_from_elsewhere(model, x):
    one = lnsp.Trainer(model, loss="mse", optimizer="adam lr=1e-2", max_rows=6)
    two = lnsp.Trainer(model, optimizer="adam lr=1e-2", max_rows=6)
    one.evaluate(x, x)
    gradients = {}
    for name in model.graph.shapes:
        gradients[name] = np.asfortranarray(one.gradient(name))
    one.apply()
    two.apply_gradients(gradients)
    assert one.hash() == two.hash() and two.step_count == 1
    before = two.hash("state")
    with pytest.raises(lnsp.ShapeError):
        two.apply_gradients({"up.weight": np.zeros(3, np.float32)})
    with pytest.raises(lnsp.NotFiniteError):
        two.apply_gradients({"up.bias": np.full(12, np.nan, np.float32)})
    assert two.hash("state") == before


def test_adopt(model, net, x):
    trainer = lnsp.Trainer(model, loss="mse", optimizer="adam lr=1e-2", max_rows=6)
    trainer.step(x, x)
    other = lnsp.Model.create(net, seed=8)
    trainer.set_weights(other)
    assert trainer.hash() == other.hash and trainer.step_count == 1
    trainer.set_weights(model, reset=True)
    fresh = lnsp.Trainer(model, loss="mse", optimizer="adam lr=1e-2", max_rows=6)
    assert trainer.hash("state") == fresh.hash("state")


def test_noise_is_of_the_key(model, x):
    def learnt(key):
        trainer = lnsp.Trainer(
            model, loss="mse", optimizer="sgd clip_each=1 noise=1", max_rows=6
        )
        with pytest.raises(lnsp.Error):
            trainer.step(x, x)
        trainer.set_noise_key(key)
        trainer.step(x, x)
        return trainer.hash()

    assert learnt(b"1" * 32) == learnt(b"1" * 32) != learnt(b"2" * 32)
    with pytest.raises(ValueError):
        lnsp.Trainer(model, loss="mse", optimizer="sgd clip_each=1 noise=1").set_noise_key(b"1")


def test_mark_and_rollback(trainer, x):
    trainer.mark()
    start = trainer.hash("state")
    trainer.step(x, x)
    trainer.mark()
    middle = trainer.hash("state")
    trainer.step(x, x)
    after = trainer.hash("state")
    assert trainer.mark_count == 2
    trainer.rollback()
    assert trainer.hash("state") == middle and trainer.step_count == 1
    trainer.step(x, x)
    assert trainer.hash("state") == after
    trainer.rollback(1)
    assert trainer.hash("state") == start and trainer.step_count == 0
    with pytest.raises(lnsp.Error):
        trainer.rollback(5)


def test_state_goes_on_to_the_same_bits(trainer, x, tmp_path):
    for _ in range(3):
        trainer.step(x, x)
    trainer.freeze("norm.*")
    path = tmp_path / "state.safetensors"
    trainer.save(path, "state")
    assert path.read_bytes() == trainer.to_bytes("state")
    resumed = lnsp.Trainer(path, max_rows=6)
    from_bytes = lnsp.Trainer(trainer.to_bytes("state"), max_rows=6)
    for one in (trainer, resumed, from_bytes):
        one.step(x, x)
    assert trainer.hash("state") == resumed.hash("state") == from_bytes.hash("state")
    trainer.save(tmp_path / "model.safetensors")
    assert lnsp.Model(tmp_path / "model.safetensors").hash == trainer.hash()
    with pytest.raises(lnsp.ArgumentError, match="state"):
        trainer.save(path, "everything")


def test_freeze_and_learning_rate(trainer, x):
    trainer.freeze("up.*")
    before = trainer["up.weight"], trainer["down.weight"]
    trainer.step(x, x)
    assert np.array_equal(before[0], trainer["up.weight"])
    assert not np.array_equal(before[1], trainer["down.weight"])
    trainer.thaw("up.*")
    trainer.learning_rate = 0.5
    assert trainer.learning_rate == 0.5
    trainer.step(x, x)
    assert not np.array_equal(before[0], trainer["up.weight"])
    with pytest.raises(lnsp.MissingError):
        trainer.freeze("nothing*")
    with pytest.raises(lnsp.Error):
        trainer.learning_rate = float("nan")


def test_a_refused_step_changes_nothing(trainer, x):
    trainer.step(x, x)
    before = trainer.hash("state")
    bad = x.copy()
    bad[3, 3] = np.inf
    with pytest.raises(lnsp.NotFiniteError):
        trainer.step(bad, x)
    with pytest.raises(lnsp.ShapeError):
        trainer.step(x, x[:3])
    with pytest.raises(lnsp.DtypeError):
        trainer.step(x, x.astype(np.float64))
    with pytest.raises(lnsp.MissingError):
        trainer.step(x)
    with pytest.raises(TypeError, match="input, target"):
        trainer.step(x, x, x)
    with pytest.raises(TypeError, match="twice"):
        trainer.step(x, x, target=x)
    assert trainer.hash("state") == before


def test_accumulate(model, x):
    """Two halves make the step of the whole."""
    whole = lnsp.Trainer(model, loss="mse", optimizer="sgd lr=.1 clip=.01", max_rows=6)
    half = lnsp.Trainer(
        model, loss="mse", optimizer="sgd lr=.1 clip=.01 accumulate=2", max_rows=3
    )
    assert half.memory.gradient_bytes > 0 == whole.memory.gradient_bytes
    assert half.gradient_norm == 0
    whole.step(x[:6], x[:6])
    half.step(x[:3], x[:3])
    assert half.step_count == 0 and half["up.weight"].tolist() == model["up.weight"].tolist()
    half.step(x[3:6], x[3:6])
    assert half.step_count == whole.step_count == 1
    assert np.allclose(half["up.weight"], whole["up.weight"], atol=1e-6)
    assert half.gradient_norm == pytest.approx(whole.gradient_norm, rel=1e-5)


def test_validate(trainer, x):
    for _ in range(3):
        trainer.step(x, x)
    before = trainer.hash()
    loss = trainer.validate(x, x)
    assert trainer.hash() == before
    assert loss == trainer.compute_gradients(x, x) != trainer.validate(x, x, average=True)


def test_strided_batches(model, rng):
    data = rng.standard_normal((64, 24), dtype=np.float32)
    one = lnsp.Trainer(model, loss="cosine", optimizer="adamw", max_rows=8)
    two = lnsp.Trainer(model, loss="cosine", optimizer="adamw", max_rows=8)
    for i in range(8):
        strided = data[i::8, ::2]
        one.step(strided, strided)
        packed = np.ascontiguousarray(strided)
        two.step(packed, packed)
    assert one.hash("state") == two.hash("state")


def test_live_session_sees_every_step(trainer, x):
    session = trainer.session(max_rows=6)
    average = trainer.session(max_rows=6, average=True)
    for _ in range(3):
        trainer.step(x, x)
        assert np.array_equal(session.run(x), trainer.publish().run(x))
        assert np.array_equal(average.run(x), trainer.publish(average=True).run(x))
    with pytest.raises(lnsp.StateError, match="ema"):
        plain = lnsp.Trainer(trainer.publish(), loss="cosine", optimizer="sgd")
        plain.session(average=True)


def test_live_session_after_its_trainer_was_closed(trainer, x):
    session = trainer.session(max_rows=6)
    expected = trainer.publish().run(x)
    trainer.close()
    del trainer
    gc.collect()
    assert np.array_equal(session.run(x), expected)


def test_any_order_of_collection(net, x):
    """A trainer, its live session and a view in one cycle, found by the collector at once."""

    class Box:
        pass

    for order in range(6):
        trainer = lnsp.Trainer(
            lnsp.Model.create(net), loss="cosine", optimizer="adamw", max_rows=6
        )
        session = lnsp.Session(trainer, max_rows=6, keep_nodes=True)
        session.run(x)
        things = [trainer, session, session.node(1, copy=False)]
        boxes = [Box() for _ in things]
        for i, box in enumerate(boxes):
            box.thing = things[(i + order) % 3]
            box.next = boxes[(i + 1) % 3 if order < 3 else i - 1]
        alive = [weakref.ref(boxes[0]), weakref.ref(trainer), weakref.ref(session)]
        del trainer, session, things, boxes, box
        gc.collect()
        assert [ref() for ref in alive] == [None] * 3


def test_handles_are_destroyed_children_first(net, monkeypatch):
    """As the collector may do it in a cycle: the trainer's handle is finalised first."""
    from lnsp import _c

    order = []
    real = {}
    for name in ("session", "trainer"):
        real[name] = getattr(_c.lib, f"lnsp_{name}_destroy")

        def destroy(pointer, name=name):
            order.append(name)
            real[name](pointer)

        monkeypatch.setattr(_c.lib, f"lnsp_{name}_destroy", destroy)
    trainer = lnsp.Trainer(lnsp.Model.create(net), loss="cosine", optimizer="sgd")
    session = trainer.session()
    trainer._handle.__del__()
    assert order == []
    session._graph.close()
    session.close()
    trainer.close()
    del trainer, session
    gc.collect()
    assert order == ["session", "trainer"]


def test_threads_take_turns(model, x):
    trainer = lnsp.Trainer(model, loss="cosine", optimizer="sgd lr=1e-3", max_rows=6)
    session = trainer.session(max_rows=6)
    failed = []

    def work(call):
        try:
            for _ in range(200):
                call()
        except Exception as error:  # noqa: BLE001
            failed.append(error)

    calls = [lambda: trainer.step(x, x), lambda: session.run(x), trainer.publish]
    threads = [threading.Thread(target=work, args=(call,)) for call in calls * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed and trainer.step_count == 400
    alone = lnsp.Trainer(model, loss="cosine", optimizer="sgd lr=1e-3", max_rows=6)
    for _ in range(400):
        alone.step(x, x)
    assert alone.hash("state") == trainer.hash("state")


def test_replay(model, rng, tmp_path):
    old = rng.standard_normal((200, 12), dtype=np.float32)
    replay = lnsp.Replay.of(old)
    assert replay.width == 12
    drawn = replay.draw(5, seed=1, step=2)
    assert np.allclose(np.linalg.norm(drawn, axis=1), 1, atol=1e-5)
    assert np.array_equal(drawn, replay.draw(5, seed=1, step=2))
    assert not np.array_equal(drawn, replay.draw(5, seed=2, step=2))
    replay.save(tmp_path / "replay.safetensors")
    opened = lnsp.Replay(tmp_path / "replay.safetensors")
    assert np.array_equal(opened.draw(5, seed=1, step=2), drawn)
    gathered = lnsp.Replay(12)
    for part in np.split(old, 4):
        gathered.add(part)
    gathered.finish()
    assert np.array_equal(gathered.draw(5, seed=1, step=2), drawn)
    trainer = lnsp.Trainer(
        model, loss="cosine + 4*replay rows=3", optimizer="adamw", max_rows=4
    )
    with pytest.raises(lnsp.StateError):
        trainer.step(old[:1], old[:1])
    trainer.set_replay(replay)
    replay.close()
    trainer.step(old[:1], old[:1])
    assert trainer.step_count == 1


def test_echo(model, x):
    y = np.roll(x, 1, axis=0)
    plain = lnsp.Trainer(model, loss="mse + .5*echo", optimizer="sgd", max_rows=6)
    assert plain.input_names == ("input", "target", "echo")
    outputs = plain.forward(x)
    expected = plain.evaluate(x, y, np.tanh(outputs[:, ::-1]))

    seen = []

    def echo(rows):
        seen.append(rows.copy())
        assert not rows.flags.writeable
        return np.tanh(rows[:, ::-1])

    trainer = lnsp.Trainer(model, loss="mse + .5*echo", optimizer="sgd", max_rows=6)
    trainer.set_echo(echo)
    assert trainer.input_names == ("input", "target")
    assert np.isclose(trainer.compute_gradients(x, y), expected, atol=1e-6)
    assert np.allclose(seen[0], outputs, atol=1e-6)
    assert np.allclose(trainer.gradient("up.weight"), plain.gradient("up.weight"), atol=1e-6)

    before = trainer.hash("state")

    def fails(rows):
        raise KeyError("no such text")

    trainer.set_echo(fails)
    with pytest.raises(KeyError, match="no such text"):
        trainer.step(x, y)
    trainer.set_echo(lambda rows: rows[:, :3])  # another shape
    with pytest.raises(ValueError):
        trainer.step(x, y)
    trainer.set_echo(lambda rows: rows * np.inf)
    with pytest.raises(lnsp.NotFiniteError):
        trainer.step(x, y)
    assert trainer.hash("state") == before
    trainer.set_echo(None)
    assert trainer.input_names == ("input", "target", "echo")
    trainer.step(x, y, y)
    with pytest.raises(lnsp.StateError):
        lnsp.Trainer(model, loss="mse").set_echo(echo)


def test_evaluate_loss(rng):
    p, t = rng.standard_normal((2, 4, 6), dtype=np.float32)
    value, gradient = lnsp.evaluate_loss("mse", p=p, t=t)
    assert np.isclose(value, np.mean((p - t) ** 2))
    assert np.allclose(gradient, 2 * (p - t) / p.size, atol=1e-6)
    with pytest.raises(lnsp.UnknownNameError):
        lnsp.evaluate_loss("nonsense", p=p)

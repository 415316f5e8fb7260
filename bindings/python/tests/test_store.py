import multiprocessing

import numpy as np
import pytest

import lnsp


@pytest.fixture
def trainer(model):
    return lnsp.Trainer(model, loss="cosine", optimizer="adamw lr=1e-2 ema=.9", max_rows=6)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "app.store"


def test_commit_and_load(trainer, x, path):
    store = lnsp.Store.create(path, trainer)
    assert len(store) == 0 and store
    hashes = []
    for i in range(5):
        loss = trainer.step(x, x)
        assert (
            store.commit(trainer, loss=loss, time=1000 + i, tag="third" if i == 2 else None)
            == i + 1
        )
        hashes.append(trainer.hash("state"))
    assert [version.number for version in store] == [5, 4, 3, 2, 1]
    newest = store.version(0)
    assert newest.current and newest.time == 1004 and newest.step == 5
    assert newest.hash == trainer.hash() and np.isclose(newest.loss, loss)
    assert store.version(2).tag == "third" and store.version(4).kind == "snapshot"
    store.close()
    with lnsp.Store(path) as store:
        again = store.trainer(max_rows=6)
        assert again.hash("state") == hashes[4]
        store.load(again, 2)
        assert again.hash("state") == hashes[1]
        assert store.checkout(3).hash == store.version(2).hash
        assert store.checkout(3, storage="bf16").graph.storage == "bf16"
        assert store.architecture and store.loss == "cosine" and "ema" in store.optimizer
        assert store.verify() >= 5
        for one in (again,):
            one.step(x, x), one.step(x, x), one.step(x, x)
            assert one.hash("state") == hashes[4]


def test_rollback(trainer, x, path):
    store = lnsp.Store.create(path, trainer)
    for _ in range(3):
        trainer.step(x, x)
        store.commit(trainer)
    assert store.rollback(1, time=77) == 4
    newest = store.version(0)
    assert newest.kind == "rollback" and newest.origin == 1 and newest.time == 77
    assert [version.current for version in store] == [False, False, False, True]
    store.load(trainer)
    assert trainer.step_count == 1 and trainer.hash() == store.version(3).hash


def test_model_store(model, net, path):
    store = lnsp.Store.create(path, model)
    store.commit(model)
    other = lnsp.Model.create(net, seed=5)
    store.commit(other, tag="other")
    assert store.checkout().hash == other.hash and store.checkout(1).hash == model.hash
    assert store.optimizer == "" and not store.facts.of_trainer
    trainer = lnsp.Trainer(model, loss="mse", optimizer="sgd")
    with pytest.raises(lnsp.Error):
        store.commit(trainer)
    with pytest.raises(lnsp.Error):
        store.load(trainer)


def test_size_is_bounded(trainer, x, path):
    store = lnsp.Store.create(path, trainer, size_bytes=256 * 1024, snapshot_every=4)
    for _ in range(120):
        trainer.step(x, x)
        store.commit(trainer)
    assert path.stat().st_size <= 256 * 1024
    assert store.facts.compactions > 0 and 0 < len(store) < 120
    before = store.checkout().hash
    store.compact()
    assert store.checkout().hash == before == trainer.hash()


def test_senders(model, path):
    store = lnsp.Store.create(path, model)
    store.commit(model)
    store.check_sender("device-1", 7)
    store.add_sender("device-1", 7)
    store.check_sender("device-1", 8)
    store.check_sender("device-2", 1)
    for number in (7, 3):
        with pytest.raises(lnsp.StateError):
            store.check_sender("device-1", number)


def test_apply(trainer, model, x, path):
    key = b"k" * 32
    store = lnsp.Store.create(path, trainer)
    first = store.commit(trainer)
    other = lnsp.Trainer(model, loss="cosine", optimizer="sgd lr=.1", max_rows=6)
    other.step(x, x)
    delta = lnsp.Delta.create(model, other.publish())
    with pytest.raises(lnsp.MissingError):
        store.apply(delta, trainer)  # nobody's
    delta.stamp("device-1", 7, key)
    before = trainer.hash("state")
    with pytest.raises(lnsp.RefusedError):
        store.apply(delta, trainer, key=key, judge=lambda candidate: False)
    with pytest.raises(ZeroDivisionError):
        store.apply(delta, trainer, key=key, judge=lambda candidate: 1 / 0)
    with pytest.raises(lnsp.MismatchError):
        store.apply(delta, trainer, key=b"j" * 32)
    assert trainer.hash("state") == before and len(store) == 1
    seen = []
    number = store.apply(
        delta, trainer, key=key, judge=lambda candidate: not seen.append(candidate.hash)
    )
    assert number == 2 and seen == [trainer.hash()] == [delta.result_hash]
    store.rollback(first)
    store.load(trainer)
    assert trainer.hash() == model.hash
    with pytest.raises(lnsp.StateError):
        store.apply(delta, trainer, key=key)  # once is enough, also after a rollback


def test_refusals(model, path):
    with pytest.raises(lnsp.Error):
        lnsp.Store(path)
    store = lnsp.Store.create(path, model)
    with pytest.raises(lnsp.Error):
        lnsp.Store.create(path, model)
    with pytest.raises(lnsp.Error):
        store.checkout()  # no version yet
    store.commit(model)
    for bad in (-1, 99):
        with pytest.raises(lnsp.ArgumentError):
            store.version(bad)
    with pytest.raises(lnsp.ArgumentError):
        lnsp.Store.create(path, model, size_bytes=-1)
    store.close()
    with pytest.raises(lnsp.StateError):
        store.verify()
    data = bytearray(path.read_bytes())
    reader = lnsp.Store(path, read_only=True)
    with pytest.raises(lnsp.Error):
        reader.commit(model)
    reader.close()
    path.write_bytes(b"\0" * len(data))
    with pytest.raises(lnsp.Error):
        lnsp.Store(path)


def _opens(path, queue):
    try:
        lnsp.Store(path).close()
        queue.put("opened")
    except lnsp.StateError as error:
        queue.put(str(error))


def test_one_process_at_a_time(model, path):
    store = lnsp.Store.create(path, model)
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    answers = []
    for held in (True, False):
        if not held:
            store.close()
        process = context.Process(target=_opens, args=(path, queue))
        process.start()
        answers.append(queue.get(timeout=60))
        process.join()
    assert answers[0] != "opened" and answers[1] == "opened"

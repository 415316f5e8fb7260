"""Progress functions: what they are told, and that what they raise comes out."""

import gc

import numpy as np
import pytest

import lnsp


class Seen:
    """Remembers what it is told, and raises after some calls."""

    def __init__(self, after=None):
        self.calls = []
        self.after = after

    def __call__(self, done, total):
        self.calls.append((done, total))
        if self.after is not None and len(self.calls) > self.after:
            raise KeyError("enough")

    def plausible(self):
        """Told often, and never of more than there is; some calls end before total."""
        return len(self.calls) > 5 and all(0 < done <= total for done, total in self.calls)


def changed(model, x):
    trainer = lnsp.Trainer(model, loss="mse", optimizer="sgd lr=.1", max_rows=6)
    trainer.step(x, x)
    return trainer.publish()


def calls(model, x, folder):
    """Long calls by name, each with a progress function."""
    other = changed(model, x)
    delta = lnsp.Delta.create(model, other)
    other.save(folder / "model")
    vectors = np.random.default_rng(1).standard_normal((500, 12), dtype=np.float32)
    store = folder / "store"
    with lnsp.Store.create(store, model) as made:
        made.commit(other)

    def add(progress):
        lnsp.Index(12, progress=progress).add(vectors)

    def verify(progress):
        with lnsp.Store(store, progress=progress) as opened:
            opened.verify()

    return {
        "model": lambda p: lnsp.Model(folder / "model", progress=p),
        "model of bytes": lambda p: lnsp.Model(other.to_bytes(), progress=p),
        "trainer": lambda p: lnsp.Trainer(
            folder / "model", loss="mse", optimizer="sgd", progress=p
        ),
        "load": lambda p: lnsp.load(folder / "model", progress=p),
        "make": lambda p: lnsp.Delta.create(model, other, progress=p),
        "apply": lambda p: delta.apply(model, progress=p),
        "aggregate": lambda p: lnsp.Delta.aggregate(model, [delta, delta], progress=p),
        "rank": lambda p: lnsp.metrics.rank(vectors, vectors, range(500), progress=p),
        "add": add,
        "verify": verify,
    }


NAMES = "model,model of bytes,trainer,load,make,apply,aggregate,rank,add,verify".split(",")


@pytest.mark.parametrize("name", NAMES)
def test_told_and_cancelled(name, model, x, tmp_path):
    call = calls(model, x, tmp_path)[name]
    seen = Seen()
    call(seen)
    assert seen.plausible()
    with pytest.raises(KeyError, match="enough"):
        call(Seen(after=0))
    call(None)


def test_a_cancelled_add_changes_nothing_and_goes_on_later():
    x = np.eye(3, dtype=np.float32)
    seen = Seen()
    index = lnsp.Index(3, progress=seen)
    index.add(x)
    gc.collect()
    seen.after = 0
    with pytest.raises(KeyError):
        index.add(x)
    assert len(index) == 3
    seen.after = None
    index.add(x)
    assert len(index) == 6


def test_own_cancelled_error(model):
    def stop(done, total):
        raise lnsp.CancelledError("the user pressed a key")

    with pytest.raises(lnsp.CancelledError, match="pressed"):
        lnsp.Model(model.to_bytes(), progress=stop)


def test_interrupts_come_out(model):
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lnsp.Model(model.to_bytes(), progress=stop)

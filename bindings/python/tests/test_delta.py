import pickle

import numpy as np
import pytest

import lnsp


@pytest.fixture
def pair(model, x):
    trainer = lnsp.Trainer(model, loss="cosine", optimizer="adamw lr=1e-2", max_rows=6)
    trainer.step(x, x)
    return model, trainer.publish()


def test_exact(pair, tmp_path):
    base, better = pair
    delta = lnsp.Delta.create(base, better)
    assert delta.exact
    assert delta.base_hash == base.hash and delta.result_hash == better.hash
    assert 0 < delta.changed_count <= delta.parameter_count == base.parameter_count
    assert delta.apply(base).hash == better.hash
    assert delta.invert().apply(better).hash == base.hash
    path = tmp_path / "delta.safetensors"
    delta.save(path)
    assert path.read_bytes() == delta.to_bytes()
    assert len(delta.to_bytes()) == delta.encoded_bytes
    for again in (lnsp.Delta(path), lnsp.Delta(delta.to_bytes())):
        assert again.apply(base).hash == better.hash
    assert pickle.loads(pickle.dumps(delta)).result_hash == better.hash


@pytest.mark.parametrize(
    "codec", ["int8", "int4 block=32", "sparse share=.2", "sign", "float16"]
)
def test_codecs(pair, codec):
    base, better = pair
    delta = lnsp.Delta.create(base, better, codec)
    assert not delta.exact and delta.codec.split()[0] == codec.split()[0]
    result = delta.apply(base)
    assert result.hash == delta.result_hash != better.hash
    back = lnsp.Delta.create(result, base)
    both = lnsp.Delta.merge([delta, back])
    assert both.apply(base).hash == base.hash
    assert both.changed_count == -1 and both.codec == f"{delta.codec}; exact"
    with pytest.raises(lnsp.Error):
        delta.invert()


def test_refusals(pair, net):
    base, better = pair
    delta = lnsp.Delta.create(base, better)
    with pytest.raises(lnsp.MismatchError):
        delta.apply(better)
    with pytest.raises(lnsp.ShapeError):
        lnsp.Delta.create(base, lnsp.Model.create("ln_min d=12 s=4"))
    data = bytearray(delta.to_bytes())
    data[-3] ^= 1
    with pytest.raises((lnsp.MismatchError, lnsp.FormatError)):
        lnsp.Delta(bytes(data))
    delta.close()
    with pytest.raises(lnsp.StateError):
        delta.apply(base)


@pytest.mark.parametrize(
    "codec", ["int8 block=64", "int5", "int4", "sparse share=.25", "sign", "float16", "float32"]
)
def test_every_codec(pair, codec):
    base, better = pair
    delta = lnsp.Delta.create(base, better, codec)
    assert delta.codec.split()[0] == codec.split()[0] and delta.stage_count == 1
    result = delta.apply(base)
    assert result.hash == delta.result_hash
    assert lnsp.Delta(delta.to_bytes()).apply(base).hash == result.hash
    wanted = {name: better[name] - base[name] for name in base.graph.shapes}
    left = {name: better[name] - result[name] for name in base.graph.shapes}
    norm = {
        k: sum(float((d**2).sum()) for d in v.values()) for k, v in (("w", wanted), ("l", left))
    }
    assert norm["l"] < norm["w"]
    assert delta.exact == (codec == "exact")
    with pytest.raises(lnsp.UnsupportedError):
        delta.invert()
    assert base.graph.measure_delta(codec).total_bytes > 0


def test_subset(pair):
    base, better = pair
    delta = lnsp.Delta.create(base, better, "exact only=up.*")
    result = delta.apply(base)
    assert np.array_equal(result["up.weight"], better["up.weight"])
    assert np.array_equal(result["down.weight"], base["down.weight"])


def test_merge(pair, net):
    base, better = pair
    far = lnsp.Model.create(net, seed=11)
    first = lnsp.Delta.create(base, better, "int8")
    middle = first.apply(base)
    second = lnsp.Delta.create(middle, far)
    both = lnsp.Delta.merge([first, second])
    assert both.stage_count == 2 and both.codec.count(";") == 1
    assert both.apply(base).hash == far.hash
    with pytest.raises(lnsp.MismatchError):
        lnsp.Delta.merge([second, first])
    with pytest.raises(lnsp.ArgumentError):
        lnsp.Delta.merge([])
    with pytest.raises(lnsp.UnknownNameError):
        lnsp.Delta.create(base, better, "morse")


def test_live(model, x):
    trainer = lnsp.Trainer(model, loss="cosine", optimizer="sgd lr=.1 residual=1", max_rows=6)
    far = model
    for _ in range(3):
        trainer.step(x, x)
        far = lnsp.Delta.create_live(far, trainer, "sparse").apply(far)
        assert trainer.publish().hash == far.hash
    assert lnsp.Delta.create_live(far, trainer, "float32", snap=False).changed_count > 0
    assert trainer.publish().hash == far.hash


def near(base, rng, size):
    """Another model, this far from base in every parameter."""
    arrays = {
        name: array + np.float32(size) * rng.choice([-1, 1], array.shape).astype(np.float32)
        for name, array in base.arrays().items()
    }
    return lnsp.Model.from_arrays(base.graph.architecture, arrays)


def test_aggregate(model, rng):
    others = [near(model, rng, size) for size in (0.01, 0.02, 0.01, 5.0)]
    deltas = [lnsp.Delta.create(model, other) for other in others]
    weights = [1.0, 2.0, 3.0, 0.0]
    mean, refused = lnsp.Delta.aggregate(model, deltas, weights)
    assert refused == {} and mean.codec.split()[0] == "float32"
    expected = sum(w * o["up.weight"] for w, o in zip(weights, others)) / 6
    assert np.allclose(mean.apply(model)["up.weight"], expected, atol=1e-5)
    median = lnsp.Delta.aggregate(model, deltas[:3], rule="median")[0].apply(model)
    expected = np.median([other["up.weight"] for other in others[:3]], axis=0)
    assert np.allclose(median["up.weight"], expected, atol=1e-6)
    clipped, _ = lnsp.Delta.aggregate(model, deltas, rule="mean clip=median")
    assert clipped.norm(model)[0] < 0.1 * deltas[3].norm(model)[0]
    norm, most = deltas[0].norm(model)
    assert np.isclose(norm, 0.01 * model.parameter_count**0.5, rtol=1e-3)
    assert np.isclose(most, 0.01, rtol=1e-3)
    with pytest.raises(lnsp.ArgumentError, match="weights"):
        lnsp.Delta.aggregate(model, deltas, [1.0])
    with pytest.raises(lnsp.LimitError):
        lnsp.Delta.aggregate(model, [])


def test_aggregate_leaves_out_what_does_not_fit(model, net, rng):
    other = lnsp.Model.create(net, seed=20)
    deltas = [
        lnsp.Delta.create(model, near(model, rng, 0.01)),
        lnsp.Delta.create(other, near(other, rng, 0.01)),
    ]
    with pytest.raises(lnsp.MismatchError):
        lnsp.Delta.aggregate(model, deltas)
    one, refused = lnsp.Delta.aggregate(model, deltas, rule="mean skip=1")
    assert refused == {1: "LNSP_E_MISMATCH"}
    alone, _ = lnsp.Delta.aggregate(model, deltas[:1])
    assert one.result_hash == alone.result_hash


def test_server_step(model, rng):
    delta = lnsp.Delta.create(model, near(model, rng, 0.01), "int8")
    server = lnsp.Trainer(model, optimizer="sgd lr=1")
    server.step_delta(delta)
    assert np.allclose(server["up.weight"], delta.apply(model)["up.weight"], atol=1e-7)
    adam = lnsp.Trainer(model, optimizer="adam lr=.01 betas=.9,.99 eps=1e-3")
    adam.step_delta(delta)
    assert adam.hash() != server.hash() and adam.step_count == 1


def test_check_and_accept(model, rng):
    key = b"k" * 32
    delta = lnsp.Delta.create(model, near(model, rng, 0.01))
    assert (delta.sender, delta.nonce, delta.authenticated) == ("", 0, False)
    with pytest.raises(lnsp.MissingError):
        delta.check(model, key=key)
    delta.stamp("device-3", 7, key)
    delta = lnsp.Delta(delta.to_bytes())
    assert (delta.sender, delta.nonce, delta.authenticated) == ("device-3", 7, True)
    delta.check(model, key=key, max_norm=10, max_change=0.02)
    delta.check(model)
    with pytest.raises(lnsp.MismatchError):
        delta.check(near(model, rng, 0.01), key=key)
    with pytest.raises(lnsp.MismatchError):
        delta.check(model, key=b"j" * 32)
    for bound in ({"max_norm": 1e-3}, {"max_change": 1e-3}):
        with pytest.raises(lnsp.LimitError):
            delta.check(model, **bound)
    asked = []

    def verify(digest, sender, nonce):
        asked.append((len(digest), sender, nonce))
        return len(asked) == 1

    delta.check(model, verify=verify)
    with pytest.raises(lnsp.RefusedError):
        delta.check(model, verify=verify)
    assert asked == [(32, "device-3", 7)] * 2
    candidates = []

    def judge(candidate):
        candidates.append(candidate)
        return len(candidates) == 1

    accepted = delta.accept(model, key=key, judge=judge)
    with pytest.raises(lnsp.RefusedError):
        delta.accept(model, judge=judge)
    assert accepted.hash == candidates[0].hash == candidates[1].hash == delta.result_hash
    with pytest.raises(ZeroDivisionError):
        delta.accept(model, judge=lambda candidate: 1 / 0)

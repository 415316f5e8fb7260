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
    delta = lnsp.Delta.make(base, better)
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
    delta = lnsp.Delta.make(base, better, codec)
    assert not delta.exact and delta.codec.split()[0] == codec.split()[0]
    result = delta.apply(base)
    assert result.hash == delta.result_hash != better.hash
    back = lnsp.Delta.make(result, base)
    both = lnsp.Delta.merge([delta, back])
    assert both.apply(base).hash == base.hash
    assert both.changed_count == -1 and both.codec == f"{delta.codec}; exact"
    with pytest.raises(lnsp.Error):
        delta.invert()


def test_refusals(pair, net):
    base, better = pair
    delta = lnsp.Delta.make(base, better)
    with pytest.raises(lnsp.MismatchError):
        delta.apply(better)
    with pytest.raises(lnsp.ShapeError):
        lnsp.Delta.make(base, lnsp.Model.new("ln_min d=12 s=4"))
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
    delta = lnsp.Delta.make(base, better, codec)
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
    delta = lnsp.Delta.make(base, better, "exact only=up.*")
    result = delta.apply(base)
    assert np.array_equal(result["up.weight"], better["up.weight"])
    assert np.array_equal(result["down.weight"], base["down.weight"])


def test_merge(pair, net):
    base, better = pair
    far = lnsp.Model.new(net, seed=11)
    first = lnsp.Delta.make(base, better, "int8")
    middle = first.apply(base)
    second = lnsp.Delta.make(middle, far)
    both = lnsp.Delta.merge([first, second])
    assert both.stage_count == 2 and both.codec.count(";") == 1
    assert both.apply(base).hash == far.hash
    with pytest.raises(lnsp.MismatchError):
        lnsp.Delta.merge([second, first])
    with pytest.raises(lnsp.ArgumentError):
        lnsp.Delta.merge([])
    with pytest.raises(lnsp.UnknownNameError):
        lnsp.Delta.make(base, better, "morse")


def test_live(model, x):
    trainer = lnsp.Trainer(model, loss="cosine", optimizer="sgd lr=.1 residual=1", max_rows=6)
    far = model
    for _ in range(3):
        trainer.step(x, x)
        far = lnsp.Delta.make_live(far, trainer, "sparse").apply(far)
        assert trainer.publish().hash == far.hash
    assert lnsp.Delta.make_live(far, trainer, "float32", snap=False).changed_count > 0
    assert trainer.publish().hash == far.hash

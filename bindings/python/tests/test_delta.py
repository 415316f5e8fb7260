import pickle

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


@pytest.mark.parametrize("codec", ["int8", "int4 block=32", "sparse share=.2", "sign", "float16"])
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

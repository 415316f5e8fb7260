import copy
import pickle

import numpy as np
import pytest

import lnsp


def test_new_is_a_function_of_the_seed(net):
    one, same, other = (lnsp.Model.create(net, seed) for seed in (1, 1, 2))
    assert one.hash == same.hash != other.hash
    assert len(bytes.fromhex(one.hash)) == 32


def test_graph(model, net):
    graph = model.graph
    assert graph.text.strip() == net.strip()
    assert graph.outputs == {"output": 12, "code": 8}
    assert graph.input_width == 12
    assert graph.shapes["down.weight"] == (8, 12)
    assert graph.parameter_count == sum(int(np.prod(s)) for s in graph.shapes.values())
    assert graph.storage == "f32"
    assert graph.convert("bf16").storage == "bf16"
    assert graph.flops(2) > graph.flops(1) > 0
    assert lnsp.Graph("student").parameter_count == 545088


def test_graph_outlives_its_model(net):
    graph = lnsp.Model.create(net).graph
    assert graph.parameter_count > 0


def test_measure(net):
    graph = lnsp.Graph(net)
    assert graph.measure_model().total_bytes > 4 * graph.parameter_count
    small = graph.measure_session(max_rows=1).total_bytes
    assert graph.measure_session(max_rows=64).total_bytes > small
    measured = graph.measure_trainer("cosine", "adamw", max_rows=4, max_marks=1)
    trainer = lnsp.Trainer(
        lnsp.Model.create(net), loss="cosine", optimizer="adamw", max_rows=4, max_marks=1
    )
    assert trainer.memory == measured
    assert measured.mark_bytes > 0


def test_save_and_open(model, tmp_path):
    path = tmp_path / "model.safetensors"
    model.save(path)
    assert lnsp.Model(path).hash == model.hash
    assert lnsp.Model(str(path)).hash == model.hash
    assert lnsp.Model(path.read_bytes()).hash == model.hash
    assert model.to_bytes() == path.read_bytes()


def test_arrays(model):
    arrays = model.arrays()
    assert list(arrays) == list(model.graph.shapes)
    assert np.array_equal(arrays["up.bias"], model["up.bias"])
    again = lnsp.Model.from_arrays(model.graph.text, arrays)
    assert again.hash == model.hash
    prefixed = {"net." + name: array for name, array in arrays.items()}
    assert lnsp.Model.from_arrays(model.graph.text, prefixed, prefix="net.").hash == model.hash
    with pytest.raises(lnsp.MissingError, match="nothing"):
        model["nothing"]


def test_storage(model, x, tmp_path):
    half = model.convert("f16")
    assert half.graph.storage == "f16"
    assert np.allclose(half.run(x), model.run(x), atol=1e-2)
    model.save(tmp_path / "m.safetensors", "bf16")
    assert lnsp.Model(tmp_path / "m.safetensors").graph.storage == "bf16"
    assert lnsp.Model(tmp_path / "m.safetensors", storage="f32").graph.storage == "f32"
    with pytest.raises(lnsp.DtypeError, match="f64"):
        model.convert("f64")


def test_pickle_and_copy(model):
    assert pickle.loads(pickle.dumps(model)).hash == model.hash
    assert copy.deepcopy(model).hash == model.hash


def test_close(model):
    graph = model.graph
    with model as same:
        assert same is model and not model.closed
    assert model.closed
    model.close()
    assert graph.parameter_count > 0
    assert "closed" in repr(model)
    with pytest.raises(lnsp.StateError, match="closed"):
        model.hash  # noqa: B018


def test_run_in_batches(model, rng):
    x = rng.standard_normal((37, 12), dtype=np.float32)
    whole = model.run(x)
    assert whole.shape == (37, 12) and whole.dtype == np.float32
    parts = model.run(x, ["output", "code"], batch=5)
    assert np.array_equal(parts["output"], whole)
    assert np.array_equal(parts["code"], model.run(x, "code"))
    assert model.run(x[:0]).shape == (0, 12)
    assert np.array_equal(model.run(x.tolist(), batch=9), whole)


def test_errors(net, tmp_path):
    with pytest.raises(lnsp.UnknownNameError) as caught:
        lnsp.Model.create("lnsp 1; x = input 4; y = glu x; output output=y")
    assert (caught.value.line, caught.value.column) == (1, 26)
    assert caught.value.status == "LNSP_E_UNKNOWN" and caught.value.code == 6
    assert "glu" in str(caught.value)
    with pytest.raises(lnsp.Error) as caught:
        lnsp.Model(tmp_path / "none.safetensors")
    assert isinstance(caught.value, (lnsp.FileError, lnsp.MissingError))
    with pytest.raises(lnsp.FormatError) as caught:
        lnsp.Model(b"\xff" * 64)
    assert caught.value.offset >= 0
    with pytest.raises(lnsp.ArgumentError, match="zero byte"):
        lnsp.Model.create(net + "\0")
    with pytest.raises(TypeError):
        lnsp.Model.create(7)


def test_names():
    assert "student" in lnsp.names("architectures")
    assert "exact" in lnsp.names("codecs")
    assert lnsp.best_isa() in lnsp.names("isas")
    with pytest.raises(lnsp.ArgumentError):
        lnsp.names("planets")
    assert lnsp.__version__.count(".") == 2


def test_keys():
    adamw = {key.name: key for key in lnsp.keys("optimizers", "adamw")}
    assert adamw["betas"].default == ".9,.999" and adamw["betas"].count == 2
    assert adamw["weights"].words == ("f32", "bf16") and adamw["weights"].type == "word"
    assert adamw["warmup"].percent and adamw["noise"].needs == "clip_each"
    assert adamw["clip"].high == 1e30 and not adamw["clip"].required
    w = next(key for key in lnsp.keys("layers", "linear") if key.name == "w")
    assert w.type == "name" and w.required and w.default is None
    assert any(key.depends for key in lnsp.keys("architectures", "lstm"))
    assert lnsp.keys("losses", "student") == []
    with pytest.raises(lnsp.UnknownNameError):
        lnsp.keys("losses", "adamw")
    with pytest.raises(lnsp.ArgumentError):
        lnsp.keys("planets", "venus")

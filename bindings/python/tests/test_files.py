import numpy as np
import pytest

import lnsp


def test_save_and_load(tmp_path, rng):
    arrays = {
        "a": rng.standard_normal((3, 4), dtype=np.float32),
        "b": np.arange(6, dtype=np.int32).reshape(2, 3).T,  # not contiguous
        "c": np.array([True, False]),
        "d": rng.standard_normal(5).astype(np.float16),
        "e": np.float64(7.5),
    }
    path = tmp_path / "data.safetensors"
    lnsp.save(path, arrays, {"what": "a test"})
    for source in (path, path.read_bytes()):
        found = lnsp.load(source)
        assert list(found) == list(arrays)
        for name, array in arrays.items():
            assert found[name].dtype == np.asarray(array).dtype
            assert np.array_equal(found[name], array)
    with lnsp.File(path) as file:
        assert file.metadata == {"what": "a test"}
        assert file.shape("b") == (3, 2) and len(file) == 5 and "a" in file
        assert file.read("d", np.float32).dtype == np.float32
        with pytest.raises(KeyError):
            file["z"]
        with pytest.raises(lnsp.DtypeError):
            file.read("a", np.int32)
    with pytest.raises(lnsp.StateError):
        file["a"]


def test_refusals(tmp_path):
    with pytest.raises(TypeError):
        lnsp.save(tmp_path / "x", {"a": np.zeros(2, np.complex64)})
    with pytest.raises(lnsp.Error):
        lnsp.save(tmp_path / "no" / "folder", {"a": np.zeros(2, np.float32)})
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(lnsp.FormatError):
        lnsp.load(b"not a file of this kind")

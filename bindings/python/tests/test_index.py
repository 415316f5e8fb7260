import numpy as np
import pytest

import lnsp


@pytest.fixture
def vectors(rng):
    return rng.standard_normal((300, 40), dtype=np.float32)


def nearest(vectors, queries, results):
    v = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    q = queries / np.linalg.norm(queries, axis=1, keepdims=True)
    scores = q @ v.T
    ids = np.argsort(-scores, axis=1)[:, :results]
    return ids, np.take_along_axis(scores, ids, 1)


def test_finds_the_nearest(vectors, rng):
    queries = rng.standard_normal((300, 80), dtype=np.float32)[:, ::2]
    index = lnsp.Index(40)
    index.add(vectors)
    ids, scores = index.search(queries, 7)
    expected, products = nearest(vectors, queries, 7)
    assert (ids == expected).all()
    assert np.allclose(scores, products, atol=1e-6)
    one, score = index.search(queries[5])
    assert one.shape == score.shape == (10,)
    assert (one[:7] == ids[5]).all() and (score[:7] == scores[5]).all()
    assert len(index) == 300 and index.width == 40 and index.dtype == "f32"


@pytest.mark.parametrize("dtype", ["f32", "f16", "int8"])
def test_files(vectors, tmp_path, dtype):
    index = lnsp.Index(40, dtype=dtype, capacity=300)
    index.add(vectors, ids=np.arange(300) * 3 + 1)
    expected = index.search(vectors[:9], 5)
    assert expected[0][:, 0].tolist() == [3 * i + 1 for i in range(9)]
    index.save(tmp_path / "index")
    opened = lnsp.Index(tmp_path / "index")
    mapped = lnsp.Index(tmp_path / "index", mapped=True, trust=True)
    copied = lnsp.Index(index.to_bytes())
    for other in (opened, mapped, copied):
        got = other.search(vectors[:9], 5)
        assert (got[0] == expected[0]).all() and (got[1] == expected[1]).all()
        assert (other[4] == index[4]).all()
    assert mapped.memory_bytes < 1000 < opened.memory_bytes
    with pytest.raises(lnsp.StateError):
        mapped.add(vectors)
    assert (lnsp.load(tmp_path / "index")["ids"] == index.ids).all()


def test_changes(vectors):
    index = lnsp.Index(40, dtype="f16")
    for i in range(0, 300, 50):
        index.add(vectors[i : i + 50])
    assert sorted(index) == list(range(300))
    index.remove([3, 77, 299])
    index.remove(5)
    assert 3 not in index and 4 in index and len(index) == 296
    assert index.search(vectors[3], 1)[0] != 3
    index.add(vectors[3:4], ids=[3])
    assert index.search(vectors[3], 1)[0] == 3
    with pytest.raises(lnsp.MissingError):
        index.remove([4, 77])
    with pytest.raises(lnsp.MissingError):
        index[77]
    with pytest.raises(lnsp.ArgumentError):
        index.add(vectors[:2], ids=[500, 4])
    with pytest.raises(lnsp.ShapeError):
        index.add(vectors[:2], ids=[500])
    assert len(index) == 297


def test_leaves_out(vectors):
    index = lnsp.Index(40)
    index.add(vectors)
    ids, _ = index.search(vectors[:20], 4)
    got, _ = index.search(vectors[:20], 2, without=ids[:, [0, 2]])
    assert (got == ids[:, [1, 3]]).all()
    assert index.search(vectors[0], 1, without=ids[0])[0] not in ids[0]
    with pytest.raises(lnsp.ShapeError):
        index.search(vectors[:20], 2, without=ids[:3])
    with pytest.raises(TypeError):
        index.search(vectors[:20], 2, without=ids.astype(float))


def test_few_and_none(vectors):
    index = lnsp.Index(40)
    assert index.search(vectors[0], 3)[0].tolist() == [-1, -1, -1]
    index.add(vectors[:2])
    assert index.search(vectors[1], 3)[0].tolist() == [1, 0, -1]
    with pytest.raises(lnsp.ArgumentError):
        index.add(np.zeros((1, 40), np.float32))
    with pytest.raises(lnsp.NotFiniteError):
        index.search(np.full(40, np.nan, np.float32))
    with pytest.raises(lnsp.DtypeError):
        index.add(vectors.astype(float))
    with pytest.raises(lnsp.LimitError):
        index.search(vectors[0], 0)
    kept = lnsp.Index(40, keep=True)
    kept.add(np.eye(3, 40, dtype=np.float32) * 5)
    ids, scores = kept.search(np.eye(3, 40, dtype=np.float32)[1] * 7, 2)
    assert ids[0] == 1 and scores[0] == 5
    index.close()
    with pytest.raises(lnsp.StateError):
        index.search(vectors[0])

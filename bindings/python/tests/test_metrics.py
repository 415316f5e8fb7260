import numpy as np
import pytest

import lnsp
from lnsp import metrics


def unit(rng, *shape):
    x = rng.standard_normal(shape).astype(np.float32)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def by_numpy(queries, candidates, truth, without=None):
    scores = queries @ candidates.T
    true = scores[np.arange(len(queries)), truth]
    for i in range(len(queries) if without is not None else 0):
        scores[i, [w for w in without[i] if w not in (-1, truth[i])]] = -np.inf
    return 1 + (scores > true[:, None]).sum(1), scores.argmax(1)


def test_rank_and_summary(rng):
    candidates = unit(rng, 50, 24)
    truth = rng.integers(0, 50, 300)
    queries = candidates[truth] + unit(rng, 300, 24) * 2
    ranks = metrics.rank(queries, candidates, truth)
    expected, best = by_numpy(queries, candidates, truth)
    assert ranks.dtype == metrics.RANK and ranks.shape == (300,)
    assert (ranks["rank"] == expected).all() and (ranks["best_id"] == best).all()
    found = metrics.summarize(ranks)
    assert found.count == 300 and 0 < found.recall_1 < found.recall_5 < found.recall_10 < 1
    assert found.recall_5 == metrics.recall(ranks, 5) == np.mean(expected <= 5)
    assert metrics.recall(ranks, 50) == 1 and metrics.recall(ranks[:0], 1) == 0
    assert found.mrr == metrics.mrr(ranks) == pytest.approx(np.mean(1 / expected))
    assert metrics.mrr(ranks[::3]) == pytest.approx(np.mean(1 / expected[::3]))


def test_rank_leaves_out(rng):
    candidates, queries = unit(rng, 20, 8), unit(rng, 30, 8)
    truth = rng.integers(0, 20, 30)
    without = rng.integers(-1, 20, (30, 3))
    ranks = metrics.rank(queries, candidates, truth, without=without)
    expected, best = by_numpy(queries, candidates, truth, without)
    assert (ranks["rank"] == expected).all() and (ranks["best_id"] == best).all()


def test_refusals(rng):
    x = unit(rng, 4, 8)
    with pytest.raises(lnsp.ShapeError):
        metrics.rank(x, x, [0, 1])
    with pytest.raises(lnsp.ShapeError):
        metrics.rank(x[0], x, [0])
    with pytest.raises(lnsp.ShapeError):
        metrics.rank(x, x, range(4), without=[[1]])
    with pytest.raises(lnsp.Error):
        metrics.rank(x, x, [0, 1, 2, 4])
    with pytest.raises(lnsp.DtypeError):
        metrics.rank(x.astype(float), x, range(4))
    with pytest.raises(TypeError):
        metrics.rank(x, x, [0.0, 1.0, 2.0, 3.0])
    with pytest.raises(TypeError):
        metrics.summarize(np.arange(3))
    with pytest.raises(lnsp.ArgumentError):
        metrics.summarize(np.empty(0, metrics.RANK))
    with pytest.raises(lnsp.ShapeError):
        metrics.score(x, x[:2])


def test_score_adds(rng):
    p, t = unit(rng, 10, 3, 8), unit(rng, 10, 3, 8)
    whole = metrics.score(p, t)
    assert whole.count == 30
    assert whole.cosine == pytest.approx((p * t).sum(-1).mean(), abs=1e-6)
    assert whole.mse == pytest.approx(((p - t) ** 2).mean(), rel=1e-6)
    assert metrics.score(p[4:], t[4:], metrics.score(p[:4], t[:4])) == whole
    strided = metrics.score(p[::2], t[::2])
    assert strided.count == 15 and strided.mse_sum == pytest.approx(15 * strided.mse)


def test_triplets_collapse_direction(rng):
    a, p, n = unit(rng, 40, 8), unit(rng, 40, 8), unit(rng, 40, 8)
    assert metrics.triplets(a, p, n) == np.mean((a * p).sum(1) > (a * n).sum(1))
    assert metrics.triplets(a, a, n) == 1
    spread = metrics.collapse(a)
    assert not spread.collapsed
    assert spread.variance == pytest.approx(1 - np.linalg.norm(a.mean(0)) ** 2, abs=1e-6)
    same = metrics.collapse(np.repeat(a[:1], 5, 0))
    assert same.collapsed is True and same.median_cosine == pytest.approx(1)
    contexts = np.stack([a, p, n], 1)
    found = metrics.direction(contexts, n)
    assert found.rows == 40 and found.last_cosine == pytest.approx(1)
    assert found.first_cosine == pytest.approx((a * n).sum(1).mean(), abs=1e-6)
    assert found.delta == found.last_cosine - found.first_cosine
    with pytest.raises(lnsp.Error):
        metrics.collapse(a[:1])


def test_index_rank(rng):
    vectors, queries = unit(rng, 300, 40), unit(rng, 270, 40)
    index = lnsp.Index(40)
    index.add(vectors, ids=np.arange(300) * 2)
    truth = rng.integers(0, 300, 270)
    ranks = index.rank(queries, truth * 2)
    expected = metrics.rank(queries, vectors, truth)
    assert (ranks["rank"] == expected["rank"]).all()
    assert (ranks["best_id"] == 2 * expected["best_id"]).all() and not ranks["alike"].any()
    best = index.search(queries, 1)[0]
    left = index.rank(queries, truth * 2, without=best)
    assert (left["rank"] <= ranks["rank"]).all() and (left["rank"] < ranks["rank"]).any()
    with pytest.raises(lnsp.MissingError):
        index.rank(queries[:1], [1])
    with pytest.raises(lnsp.ShapeError):
        index.rank(queries, truth[:5])


def test_session_score(model, rng):
    x, t = unit(rng, 11, 12), unit(rng, 11, 12)
    session = model.session(max_rows=4)
    found = session.score(x, t)
    assert found.count == 11
    assert found == metrics.score(model.run(x), t)
    assert session.score(x[6:], t[6:], session.score({"input": x[:6]}, t[:6])) == found
    with pytest.raises(lnsp.ShapeError):
        session.score(x, t[:3])

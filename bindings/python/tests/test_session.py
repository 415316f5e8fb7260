import gc

import numpy as np
import pytest

import lnsp


@pytest.fixture
def session(model):
    return lnsp.Session(model, max_rows=8, max_concepts=3, keep_nodes=True)


def test_every_kernel_set_gives_the_same_bits(model, x):
    expected = model.run(x, isa="scalar")
    for isa in lnsp.names("isas"):
        try:
            assert np.array_equal(model.run(x, isa=isa), expected)
        except lnsp.UnsupportedError:
            pass
    with pytest.raises(lnsp.UnknownNameError):
        model.run(x, isa="abacus")


def test_strided_input_is_not_copied(session, x):
    expected = session.run(x)
    big = np.full((20, 30), np.nan, np.float32)
    for strided in (big[1:19:3, 2:26:2], big[5::-1, 20:8:-1], big.T[:12, :6].T):
        strided[...] = x
        assert not strided.flags.c_contiguous
        assert np.array_equal(session.run(strided), expected)
    fortran = np.asfortranarray(x)
    assert np.array_equal(session.run(fortran), expected)
    given = lnsp._arrays.as_input("input", fortran)
    assert given is fortran


def test_broadcast_and_odd_strides(session, x):
    row = np.broadcast_to(x[0], (6, 12))
    assert np.array_equal(session.run(row), session.run(np.ascontiguousarray(row)))
    same = np.broadcast_to(np.float32(0.5), (6, 12))  # all strides zero
    assert np.array_equal(session.run(same), session.run(np.full((6, 12), 0.5, np.float32)))
    record = np.zeros((6, 12), np.dtype([("a", np.int8), ("v", np.float32)]))
    record["v"] = x  # strides of 5 bytes, not of whole floats
    assert np.array_equal(session.run(record["v"]), session.run(x))


def test_lists_and_mappings(session, x):
    assert np.array_equal(session.run(x.tolist()), session.run(x))
    assert np.array_equal(session.run({"input": x}), session.run(x))


def test_out(session, x):
    expected = session.run(x, ["output", "code"])
    out = np.zeros((6, 12), np.float32)
    assert session.run(x, out=out) is out
    assert np.array_equal(out, expected["output"])
    big = np.zeros((12, 40), np.float32)
    view = big[::2, 4:28:2]
    assert session.run(x, out=view) is view
    assert np.array_equal(view, expected["output"])
    assert not big[1::2].any() and not big[:, 5::2].any()
    code = np.zeros((6, 8), np.float32)
    both = session.run(x, ("output", "code"), out={"code": code})
    assert both["code"] is code and np.array_equal(code, expected["code"])
    assert np.array_equal(both["output"], expected["output"])


def test_bad_out(session, x):
    frozen = np.zeros((6, 12), np.float32)
    frozen.flags.writeable = False
    with pytest.raises(TypeError, match="read-only"):
        session.run(x, out=frozen)
    with pytest.raises(lnsp.DtypeError, match="float64"):
        session.run(x, out=np.zeros((6, 12)))
    with pytest.raises(TypeError, match="NumPy"):
        session.run(x, out=[0.0] * 72)
    with pytest.raises(lnsp.ShapeError):
        session.run(x, out=np.zeros((6, 11), np.float32))
    with pytest.raises(TypeError, match="strides"):
        overlap = np.lib.stride_tricks.as_strided(np.zeros(12, np.float32), (6, 12), (0, 4))
        session.run(x, out=overlap)


def test_bad_input(session, x):
    with pytest.raises(lnsp.DtypeError, match="astype"):
        session.run(x.astype(np.float64))
    assert issubclass(lnsp.DtypeError, TypeError)
    with pytest.raises(lnsp.DtypeError):
        session.run(x.astype(">f4"))
    with pytest.raises(lnsp.ShapeError):
        session.run(x[:, :11])
    with pytest.raises(lnsp.ShapeError):
        session.run(np.zeros((1, 1, 1, 1, 12), np.float32))
    with pytest.raises(lnsp.LimitError):
        session.run(np.zeros((9, 12), np.float32))
    with pytest.raises(lnsp.NotFiniteError):
        session.run(np.full((1, 12), np.nan, np.float32))
    with pytest.raises(lnsp.Error):
        session.run(x, "nonsense")


def test_sequences(session, rng):
    x = rng.standard_normal((4, 3, 12), dtype=np.float32)
    got = session.run(x, ["output", "code"])
    assert got["output"].shape == (4, 3, 12) and got["code"].shape == (4, 3, 8)
    assert np.array_equal(session.run(x[2:3]), got["output"][2:3])


def test_nodes(session, x):
    got = session.run(x, "code")
    nodes = [session.node(i) for i in range(8)]
    assert np.array_equal(nodes[0][:, 0], x)
    assert np.array_equal(nodes[5][:, 0], got)
    view = session.node(5, copy=False)
    assert not view.flags.writeable and np.array_equal(view, nodes[5])
    session.run(-x)
    assert not np.array_equal(view, nodes[5])  # it is the session's memory
    session.close()
    gc.collect()
    assert np.isfinite(view).all()  # which the view keeps
    with pytest.raises(lnsp.StateError):
        session.node(0)


def test_node_errors(model, session, x):
    with pytest.raises(lnsp.StateError):
        session.node(0)
    session.run(x)
    with pytest.raises(lnsp.ArgumentError):
        session.node(99)
    with lnsp.Session(model) as plain:
        plain.run(x[:1])
        with pytest.raises(lnsp.StateError):
            plain.node(0)


def test_rebind(session, net, x):
    other = lnsp.Model.create(net, seed=9)
    expected = other.run(x)
    session.rebind(other)
    other.close()
    del other
    gc.collect()
    assert np.array_equal(session.run(x), expected)
    with pytest.raises(lnsp.MismatchError):
        session.rebind(lnsp.Model.create("ln_min d=12 s=4"))


def test_session_keeps_its_model(net, x):
    session = lnsp.Session(lnsp.Model.create(net, seed=3), max_rows=6)
    gc.collect()
    assert np.isfinite(session.run(x)).all()


def test_limits(model):
    for bad in ({"max_rows": 0}, {"max_rows": 2**40}, {"max_concepts": -1}):
        with pytest.raises(lnsp.ArgumentError):
            lnsp.Session(model, **bad)
    with pytest.raises(TypeError):
        lnsp.Session(model, average=True)


def test_networks_that_join_a_sequence() -> None:
    model = lnsp.Model.create("amn in=24 d=8 hidden=12", seed=1)
    rows = np.random.default_rng(1).standard_normal((5, 4, 24)).astype(np.float32)
    assert model.graph.output_shape("output", rows.shape) == (5, 24)
    assert model.graph.output_shape("attention", rows.shape) == (5, 4, 1)
    with lnsp.Session(model, max_rows=5, max_concepts=4) as session:
        found = session.run(rows, ["output", "attention"])
        assert found["output"].shape == (5, 24)
        assert np.allclose(found["attention"].sum(axis=1), 1)
        whole = session.run(rows[:, :3])
        mask = np.ones((5, 4), np.int32)
        mask[:, 3] = 0
        assert np.array_equal(session.run({"input": rows, "mask": mask}), whole)
    assert np.array_equal(model.run(rows, batch=2), found["output"])
    with pytest.raises(lnsp.ShapeError):
        lnsp.Model.create("mlp in=24 concepts=3", seed=1).run(rows)


def test_networks_of_ids() -> None:
    text = "lnsp 1; i = ids count=9; x = embedding i 9 6 w=e; o = mean x; output output=o"
    model = lnsp.Model.create(text, seed=1)
    assert model.graph.input_name == "ids"
    ids = np.array([[1, 8, 0], [2, 2, 2]])
    table = model.arrays()["e"]
    assert np.allclose(model.run(ids), table[ids].mean(axis=1))
    assert np.allclose(
        model.run({"ids": [[1, 8, 0]], "mask": [[1, 1, 0]]}),
        table[[1, 8]].mean(axis=0),
        atol=1e-7,
    )
    with lnsp.Trainer(model, loss="mse", max_rows=2, max_concepts=3) as trainer:
        target = np.zeros((2, 6), np.float32)
        first = trainer.step(ids, target)
        for _ in range(50):
            last = trainer.step(ids=ids, target=target)
        assert last < first
    with pytest.raises(lnsp.ArgumentError):
        model.run(np.array([[9]]))

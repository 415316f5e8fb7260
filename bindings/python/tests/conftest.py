import numpy as np
import pytest

import lnsp

NET = """lnsp 1
x = input 12
h = layernorm x w=norm
h = linear h 8 w=down
h = gelu h
a = attention h heads=2 w=look
c = add h a
o = linear c 12 w=up
o = l2norm o
output output=o code=c
"""


@pytest.fixture
def net():
    return NET


@pytest.fixture
def model():
    return lnsp.Model.create(NET, seed=3)


@pytest.fixture
def rng():
    return np.random.default_rng(5)


@pytest.fixture
def x(rng):
    return rng.standard_normal((6, 12), dtype=np.float32)

"""The works of lnsp-bench for other libraries: networks as lists of steps, weights by a
fixed seed, and a plain numpy run that every peer must agree with before it is timed.

Steps: ("linear", IN, OUT), ("relu",), ("gelu",), ("layernorm", WIDTH),
("attention", WIDTH, HEADS) with its residual, ("unit",), and ("heads", [steps], [steps]),
which ends a network with two outputs. Each step has a list of arrays as weights, in the
order of PyTorch: matrices are [out, in].
"""
import math

import numpy as np

LR, BETA1, BETA2, EPS = 1e-7, 0.9, 0.999, 1e-8
UNIT_EPS = 1e-12
LN_EPS = 1e-5


def _mlp(widths, act, norm=False):
    steps = []
    for i, (a, b) in enumerate(zip(widths, widths[1:])):
        steps.append(("linear", a, b))
        if i < len(widths) - 2:
            steps += [("layernorm", b)] if norm else []
            steps.append((act,))
    return steps


def _student():
    return [
        ("layernorm", 384),
        ("linear", 384, 256), ("gelu",), ("layernorm", 256),
        ("linear", 256, 192), ("gelu",), ("layernorm", 192),
        ("attention", 192, 8),
        ("linear", 192, 256), ("gelu",), ("layernorm", 256),
        ("heads", [("linear", 256, 384), ("unit",)], [("linear", 256, 384)]),
    ]


def network(name):
    """The steps of W1, W1g, W2, W3, S1 or L:IN:OUT."""
    wide = [384, 256, 192, 256, 384]
    if name.startswith("L:"):
        _, a, b = name.split(":")
        return _mlp([int(a), int(b)], "relu")
    return {
        "W1": lambda: _mlp(wide, "relu"),
        "W1g": lambda: _mlp(wide, "gelu"),
        "W2": lambda: _mlp(wide, "relu", True),
        "W3": lambda: _mlp([768, 1536, 768], "relu"),
        "S1": _student,
    }[name]()


def input_width(steps):
    return steps[0][1]


def output_width(steps):
    last = steps[-1]
    if last[0] == "heads":
        return output_width(last[1])
    return last[2] if last[0] == "linear" else output_width(steps[:-1])


def is_plain(steps):
    """Only linear and relu, the last of them linear."""
    return all(s[0] in ("linear", "relu") for s in steps) and steps[-1][0] == "linear"


def _step_weights(step, random):
    if step[0] == "linear":
        a, b = step[1:]
        return [(random.standard_normal((b, a)) / math.sqrt(a)).astype("f4"),
                (0.1 * random.standard_normal(b)).astype("f4")]
    if step[0] == "layernorm":
        return [(1 + 0.1 * random.standard_normal(step[1])).astype("f4"),
                (0.1 * random.standard_normal(step[1])).astype("f4")]
    if step[0] == "attention":
        d = step[1]
        return (_step_weights(("linear", d, 3 * d), random)
                + _step_weights(("linear", d, d), random))
    if step[0] == "heads":
        return [[_step_weights(s, random) for s in head] for head in step[1:]]
    return []


def weights(steps):
    random = np.random.default_rng(1)
    return [_step_weights(s, random) for s in steps]


def vectors(steps, batch):
    random = np.random.default_rng(2)
    return (random.standard_normal((batch, input_width(steps))).astype("f4"),
            random.standard_normal((batch, output_width(steps))).astype("f4"))


def _run_step(step, w, x):
    kind = step[0]
    if kind == "linear":
        return x @ w[0].T + w[1]
    if kind == "relu":
        return np.maximum(x, 0)
    if kind == "gelu":
        return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))
    if kind == "layernorm":
        centred = x - x.mean(-1, keepdims=True)
        variance = (centred * centred).mean(-1, keepdims=True)
        return centred / np.sqrt(variance + LN_EPS) * w[0] + w[1]
    if kind == "attention":  # over one concept: every weight is 1
        d = step[1]
        return x + (x @ w[0][2 * d:].T + w[1][2 * d:]) @ w[2].T + w[3]
    if kind == "unit":
        return x / np.maximum(np.sqrt((x * x).sum(-1, keepdims=True)), UNIT_EPS)
    raise KeyError(kind)


def run(steps, w, x):
    """The outputs, in float64."""
    x = x.astype("f8")
    for step, sw in zip(steps, w):
        if step[0] == "heads":
            return [run(head, hw, x)[0] for head, hw in zip(step[1:], sw)]
        x = _run_step(step, [a.astype("f8") for a in sw], x)
    return [x]


def check(steps, w, x, outputs, worst_cosine=0.999999):
    """Refuses a peer whose outputs are not those of this network."""
    for ours, theirs in zip(run(steps, w, x), outputs):
        theirs = np.asarray(theirs, "f8").reshape(ours.shape)
        cosine = ((ours * theirs).sum(-1)
                  / np.sqrt((ours ** 2).sum(-1) * (theirs ** 2).sum(-1)))
        if not cosine.min() >= worst_cosine:
            raise ValueError(f"the outputs differ: cosine {cosine.min()}")

"""JAX, compiled by XLA, one thread."""
import os

os.environ["XLA_FLAGS"] = (os.environ.get("XLA_FLAGS", "")
                           + " --xla_cpu_multi_thread_eigen=false")
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp

import networks


def step_forward(step, w, x):
    kind = step[0]
    if kind == "linear":
        return x @ w[0].T + w[1]
    if kind == "relu":
        return jax.nn.relu(x)
    if kind == "gelu":
        return jax.nn.gelu(x, approximate=False)
    if kind == "layernorm":
        centred = x - x.mean(-1, keepdims=True)
        variance = (centred * centred).mean(-1, keepdims=True)
        return centred * jax.lax.rsqrt(variance + networks.LN_EPS) * w[0] + w[1]
    if kind == "unit":
        norm = jnp.sqrt((x * x).sum(-1, keepdims=True))
        return x / jnp.maximum(norm, networks.UNIT_EPS)
    raise NotImplementedError(kind)


def forward(steps, weights, x):
    for step, w in zip(steps, weights):
        x = step_forward(step, w, x)
    return x


class Peer:
    def __init__(self, folder):
        self.version = "jax " + jax.__version__

    def make(self, network, kind, batch):
        steps = networks.network(network)
        if any(s[0] in ("heads", "attention") for s in steps):
            raise NotImplementedError(network)
        arrays = networks.weights(steps)
        weights = [[jnp.array(a) for a in w] for w in arrays]
        x, y = (jnp.array(v) for v in networks.vectors(steps, batch))
        run = jax.jit(lambda w, x: forward(steps, w, x))
        networks.check(steps, arrays, networks.vectors(steps, batch)[0], [run(weights, x)])
        if kind == "fwd":
            return lambda: run(weights, x).block_until_ready()
        return self.step(steps, weights, x, y)

    def step(self, steps, weights, x, y):
        b1, b2 = networks.BETA1, networks.BETA2
        each = jax.tree_util.tree_map

        def loss(w, x, y):
            return ((forward(steps, w, x) - y) ** 2).mean()

        def update(state, x, y):
            w, m, v, t = state
            g = jax.grad(loss)(w, x, y)
            t = t + 1
            m = each(lambda m, g: b1 * m + (1 - b1) * g, m, g)
            v = each(lambda v, g: b2 * v + (1 - b2) * g * g, v, g)
            w = each(lambda w, m, v: w - networks.LR / (1 - b1 ** t) * m
                     / (jnp.sqrt(v / (1 - b2 ** t)) + networks.EPS), w, m, v)
            return w, m, v, t

        compiled = jax.jit(update, donate_argnums=0)
        state = [(weights, each(jnp.zeros_like, weights), each(jnp.zeros_like, weights),
                  jnp.float32(0))]

        def call():
            state[0] = compiled(state[0], x, y)
            jax.block_until_ready(state[0])
        return call

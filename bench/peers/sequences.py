"""The works over sequences (amn, gru, transformer, mamba) in PyTorch's own modules, and a
plain numpy run of each in float64, which the PyTorch one must agree with before it is timed.

A network takes [batch, CONCEPTS, WIDTH] and gives the raw output: a vector a sequence, or
the whole sequence (mamba). Its result is that divided by its length. Parameters have the
names that the networks' files have; dropout is off.
"""
import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional

NAMES = ("amn", "gru", "transformer", "mamba")
CONCEPTS, WIDTH = 5, 768
DECAY = 0.01  # AdamW's, which trains these


def head(a, b):
    return nn.Sequential(nn.Linear(a, a), nn.GELU(), nn.LayerNorm(a), nn.Linear(a, b))


class Amn(nn.Module):
    def __init__(self, code=256, hidden=512):
        super().__init__()
        self.context_encoder = nn.Linear(WIDTH, code)
        self.query_encoder = nn.Linear(WIDTH, code)
        self.residual_net = nn.Sequential(
            nn.Linear(2 * WIDTH, hidden), nn.GELU(), nn.LayerNorm(hidden),
            nn.Linear(hidden, hidden // 2), nn.GELU(), nn.LayerNorm(hidden // 2),
            nn.Linear(hidden // 2, WIDTH))

    def forward(self, x):
        mean = x.mean(1)
        keys, query = self.context_encoder(x), self.query_encoder(mean)
        scores = torch.bmm(keys, query[:, :, None]) / math.sqrt(query.shape[1])
        mixed = (scores.softmax(1) * x).sum(1)
        return mean + self.residual_net(torch.cat((mean, mixed), 1))


class GruBlock(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.gru = nn.GRU(d, d, batch_first=True)
        self.norm = nn.LayerNorm(d)

    def forward(self, h):
        return self.norm(h + self.gru(h)[0])


class Gru(nn.Module):
    def __init__(self, d=512, layers=4):
        super().__init__()
        self.input_proj = nn.Linear(WIDTH, d)
        self.blocks = nn.Sequential(*(GruBlock(d) for _ in range(layers)))
        self.output_proj = nn.Linear(d, WIDTH)

    def forward(self, x):
        return self.output_proj(self.blocks(self.input_proj(x))[:, -1])


def waves(length, d):
    angles = np.arange(length)[:, None] * 10000.0 ** (-np.arange(0, d, 2) / d)
    return np.stack((np.sin(angles), np.cos(angles)), -1).reshape(length, d)


class Transformer(nn.Module):
    """A decoder whose memory is its own input, causal in both attentions."""

    def __init__(self, d=512, layers=4, heads=8, length=100):
        super().__init__()
        self.input_proj = nn.Linear(WIDTH, d)
        self.register_buffer("pe", torch.from_numpy(waves(length, d)).float())
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(CONCEPTS))
        layer = nn.TransformerDecoderLayer(d, heads, 4 * d, dropout=0, batch_first=True)
        self.transformer_decoder = nn.TransformerDecoder(layer, layers)
        self.head = head(d, WIDTH)

    def forward(self, x):
        h = self.input_proj(x) + self.pe[:x.shape[1]]
        h = self.transformer_decoder(h, h, tgt_mask=self.mask, memory_mask=self.mask,
                                     tgt_is_causal=True, memory_is_causal=True)
        return self.head(h[:, -1])


class Scan(nn.Module):
    """A block of mamba_s: all steps' factors at once, then a step at a time."""

    def __init__(self, d, state, kernel=4):
        super().__init__()
        e, self.state, self.e = 2 * d, state, 2 * d
        self.A_log = nn.Parameter(torch.randn(e, state) - 4)
        self.D = nn.Parameter(torch.ones(e))
        self.norm = nn.RMSNorm(d, eps=1e-6)
        self.in_proj = nn.Linear(d, 2 * e, bias=False)
        self.conv1d = nn.Conv1d(e, e, kernel, groups=e, padding=kernel - 1)
        self.x_proj = nn.Linear(e, 2 * state, bias=False)
        self.dt_proj = nn.Linear(e, e)
        self.out_proj = nn.Linear(e, d, bias=False)

    def forward(self, x):
        u, gate = self.in_proj(self.norm(x)).split(self.e, -1)
        u = self.conv1d(u.transpose(1, 2))[:, :, :x.shape[1]].transpose(1, 2)
        u = functional.silu(u)
        drive = self.x_proj(u)[..., self.state:]
        step = functional.softplus(self.dt_proj(u))
        keep = torch.exp(-torch.exp(self.A_log) * step.unsqueeze(-1))
        add = u.unsqueeze(-1) * drive.unsqueeze(-2)
        h = add[:, 0]
        sums = [h.sum(-1)]
        for t in range(1, x.shape[1]):
            h = keep[:, t] * h + add[:, t]
            sums.append(h.sum(-1))
        y = torch.stack(sums, 1) + self.D * u
        return x + self.out_proj(y * functional.silu(gate))


class Mamba(nn.Module):
    def __init__(self, d=256, layers=8, state=128):
        super().__init__()
        self.input_proj = nn.Linear(WIDTH, d)
        self.layers = nn.Sequential(*(Scan(d, state) for _ in range(layers)))
        self.output_head = nn.Linear(d, WIDTH, bias=False)

    def forward(self, x):
        return self.output_head(self.layers(self.input_proj(x)))


def build(name):
    torch.manual_seed(1)
    return {"amn": Amn, "gru": Gru, "transformer": Transformer, "mamba": Mamba}[name]()


def vectors(name, batch):
    random = np.random.default_rng(2)
    shape = (batch, CONCEPTS, WIDTH)
    return (random.standard_normal(shape).astype("f4"),
            random.standard_normal(shape if name == "mamba" else (batch, WIDTH)).astype("f4"))


# ---- the same in numpy: w maps names to arrays ----

def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _silu(x):
    return x * _sigmoid(x)


def _softmax(x, axis):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def _linear(w, name, x):
    return x @ w[name + ".weight"].T + w.get(name + ".bias", 0)


def _norm(w, name, x):
    c = x - x.mean(-1, keepdims=True)
    return (c / np.sqrt((c * c).mean(-1, keepdims=True) + 1e-5) * w[name + ".weight"]
            + w[name + ".bias"])


def _gelu(x):
    return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def _run_amn(w, x):
    mean = x.mean(1)
    keys, query = _linear(w, "context_encoder", x), _linear(w, "query_encoder", mean)
    weights = _softmax((keys @ query[:, :, None])[..., 0] / math.sqrt(query.shape[1]), 1)
    h = np.concatenate((mean, (weights[:, :, None] * x).sum(1)), 1)
    for linear, norm in (("residual_net.0", "residual_net.2"),
                         ("residual_net.3", "residual_net.5")):
        h = _norm(w, norm, _gelu(_linear(w, linear, h)))
    return mean + _linear(w, "residual_net.6", h)


def _run_gru(w, x):
    h = _linear(w, "input_proj", x)
    for block in ("blocks.%d." % i for i in range(4)):
        d = h.shape[-1]
        state, out = np.zeros((len(x), d)), []
        for t in range(x.shape[1]):
            a = h[:, t] @ w[block + "gru.weight_ih_l0"].T + w[block + "gru.bias_ih_l0"]
            b = state @ w[block + "gru.weight_hh_l0"].T + w[block + "gru.bias_hh_l0"]
            r, z = _sigmoid(a[:, :d] + b[:, :d]), _sigmoid(a[:, d:2 * d] + b[:, d:2 * d])
            new = np.tanh(a[:, 2 * d:] + r * b[:, 2 * d:])
            state = (1 - z) * new + z * state
            out.append(state)
        h = _norm(w, block + "norm", h + np.stack(out, 1))
    return _linear(w, "output_proj", h[:, -1])


def _attend(w, name, x, memory, heads=8):
    d, length = x.shape[-1], x.shape[1]
    matrix, bias = w[name + ".in_proj_weight"], w[name + ".in_proj_bias"]
    q, k, v = ((source @ matrix[i * d:(i + 1) * d].T + bias[i * d:(i + 1) * d])
               .reshape(len(x), length, heads, -1).transpose(0, 2, 1, 3)
               for i, source in enumerate((x, memory, memory)))
    scores = q @ k.transpose(0, 1, 3, 2) / math.sqrt(d // heads)
    scores = np.where(np.tri(length, dtype=bool), scores, -np.inf)
    out = (_softmax(scores, -1) @ v).transpose(0, 2, 1, 3).reshape(x.shape)
    return _linear(w, name + ".out_proj", out)


def _run_transformer(w, x):
    p = h = _linear(w, "input_proj", x) + waves(x.shape[1], w["input_proj.bias"].size)
    for layer in ("transformer_decoder.layers.%d." % i for i in range(4)):
        h = _norm(w, layer + "norm1", h + _attend(w, layer + "self_attn", h, h))
        h = _norm(w, layer + "norm2", h + _attend(w, layer + "multihead_attn", h, p))
        f = _linear(w, layer + "linear2", np.maximum(_linear(w, layer + "linear1", h), 0))
        h = _norm(w, layer + "norm3", h + f)
    h = _norm(w, "head.2", _gelu(_linear(w, "head.0", h[:, -1])))
    return _linear(w, "head.3", h)


def _run_mamba(w, x):
    h = _linear(w, "input_proj", x)
    for layer in ("layers.%d." % i for i in range(8)):
        rows = h / np.sqrt((h * h).mean(-1, keepdims=True) + 1e-6) * w[layer + "norm.weight"]
        u, gate = np.split(_linear(w, layer + "in_proj", rows), 2, -1)
        kernel = w[layer + "conv1d.weight"][:, 0]
        taps, length = kernel.shape[1], x.shape[1]
        padded = np.pad(u, ((0, 0), (taps - 1, 0), (0, 0)))
        u = _silu(sum(padded[:, j:j + length] * kernel[:, j] for j in range(taps))
                  + w[layer + "conv1d.bias"])
        drive = np.split(_linear(w, layer + "x_proj", u), 2, -1)[1]
        step = np.log1p(np.exp(_linear(w, layer + "dt_proj", u)))
        rate, state, y = np.exp(w[layer + "A_log"]), 0, []
        for t in range(length):
            state = (np.exp(-rate * step[:, t, :, None]) * state
                     + u[:, t, :, None] * drive[:, t, None, :])
            y.append(state.sum(-1) + w[layer + "D"] * u[:, t])
        h = h + _linear(w, layer + "out_proj", np.stack(y, 1) * _silu(gate))
    return _linear(w, "output_head", h)


def check(name, model, x, output, worst=1e-5):
    """Refuses a model whose output is not that of the network."""
    w = {key: value.double().numpy() for key, value in model.state_dict().items()}
    run = {"amn": _run_amn, "gru": _run_gru, "transformer": _run_transformer,
           "mamba": _run_mamba}[name]
    ours = run(w, x.astype("f8"))
    error = np.abs(ours - output.double().numpy()).max() / np.abs(ours).max()
    if not error <= worst:
        raise ValueError(f"{name}: the outputs differ by {error} of the greatest")

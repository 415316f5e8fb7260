"""tests/data/terms.safetensors: PyTorch's values and gradients of whole objectives on small
networks. For network N: its tensors as N.<name>, what the loss reads as in.N.<name>, and for
each text value.N.<key> and grad.N.<key>.<name>. The texts are in tests/train/test_loss_terms.c."""
import math

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

B, L, D = 7, 5, 12
torch.manual_seed(8)
torch.set_default_dtype(torch.float64)


def made(*shape):
    return F.normalize(torch.randn(*shape), dim=-1).float().double()


def unit(x):
    return F.normalize(x, dim=-1)


def cos(a, b):
    return (unit(a) * unit(b)).sum(-1)


def masked_nce(p, t, x, tau):
    s = unit(p) @ unit(t).T / tau
    mask = (t[:, None] == t[None]).all(-1) | (x[:, :, None] == t[None, None]).all(-1).any(1)
    mask &= ~torch.eye(len(p), dtype=torch.bool)
    return F.cross_entropy(s.masked_fill(mask, -torch.inf), torch.arange(len(p)))


def margin(p, t, prev, m=0.07):
    return F.relu(m - (cos(p, t) - cos(p, prev))).mean()


def direction_gate(x, t, prev, least, weak=0.25):
    gap = cos(x[:, -1], t) - cos(x[:, -1], prev)
    assert 0 < (gap >= least).sum() < len(x)
    return torch.where(gap >= least, 1.0, weak).mean()


class Amn(nn.Module):
    """The attention mixture of mean and attended context."""

    def __init__(self, d=8, hidden=10):
        super().__init__()
        self.context_encoder, self.query_encoder = nn.Linear(D, d), nn.Linear(D, d)
        self.residual_net = nn.ModuleDict({
            "0": nn.Linear(2 * D, hidden), "2": nn.LayerNorm(hidden),
            "3": nn.Linear(hidden, hidden // 2), "5": nn.LayerNorm(hidden // 2),
            "6": nn.Linear(hidden // 2, D)})

    def forward(self, x):
        net, mean = self.residual_net, x.mean(1)
        score = torch.einsum("bd,btd->bt", self.query_encoder(mean), self.context_encoder(x))
        w = (score / math.sqrt(self.query_encoder.out_features)).softmax(-1)
        h = torch.cat((mean, torch.einsum("bt,btd->bd", w, x)), -1)
        h = net["5"](F.gelu(net["3"](net["2"](F.gelu(net["0"](h))))))
        return mean + net["6"](h)


class Order(nn.Module):
    """A prediction, and a verifier's logit that it follows the last vector."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c, self.d = (nn.Linear(i, o) for i, o in
                                          ((L * D, 9), (9, D), (4 * D, 6), (6, 1)))

    def forward(self, x):
        y, last = unit(self.b(F.gelu(self.a(x.flatten(1))))), x[:, -1]
        pair = torch.cat((last, y, last * y, last - y), -1)
        return y, self.d(F.relu(self.c(pair)))


class Heads(nn.Module):
    """A trunk, and one head for predictions and targets."""

    def __init__(self):
        super().__init__()
        self.trunk, self.head = nn.Linear(L * D, D), nn.Linear(D, 8, bias=False)

    def forward(self, x):
        return torch.tanh(self.trunk(x.flatten(1)))


def windows():
    x, t = made(B, L, D), made(B, D)
    t[4] = t[1]  # a duplicate, and contexts that hold others' targets
    x[:, -1] = (x[:, -1] + 0.8 * t).float().double()
    x[2, 0], x[5, 3] = t[0], t[6]
    return x, t


out = {}


def keep(net, name, inputs, losses):
    with torch.no_grad():
        for w in net.parameters():
            w.copy_(w.float().double())
    for key, w in net.state_dict().items():
        out[f"{name}.{key}"] = w
    for key, x in inputs.items():
        out[f"in.{name}.{key}"] = x
    for key, loss in losses.items():
        net.zero_grad()
        value = loss()
        value.backward()
        out[f"value.{name}.{key}"] = value.detach().reshape(1)
        for weight, w in net.named_parameters():
            if w.grad is not None:
                out[f"grad.{name}.{key}.{weight}"] = w.grad.clone()
        net.zero_grad(set_to_none=True)


def p7(p, x, t, prev, neg, floor):
    s = torch.cat((cos(p, t)[:, None], cos(p[:, None], neg)), 1) / 0.07
    explicit = (torch.logsumexp(s, 1) - s[:, 0]).mean()
    c = cos(p, t)
    assert 0 < (c < floor).sum() < len(c)
    gate = direction_gate(x, t, prev, 0.6)
    return gate * (explicit + 0.5 * margin(p, t, prev)) + 0.2 * (1 - c[c < floor]).mean()


def p8(net, x, t, prev, neg, label):
    y, logit = net(x)
    s = torch.einsum("bd,bld->bl", y, torch.cat((t[:, None], neg), 1)) / 0.07
    return (-F.log_softmax(s, -1)[:, 0].mean() + 0.5 * margin(y, t, prev)
            + 0.2 * F.binary_cross_entropy_with_logits(logit, label))


def projected(net, x, t):
    p = net(x)
    with torch.no_grad():
        k = net.head(t)
    s = unit(net.head(p)) @ unit(k).T / 0.07
    return 0.7 * F.cross_entropy(s, torch.arange(B)) + 0.3 * (1 - cos(p, t).mean())


def towers(net, x, t):
    return F.cross_entropy(unit(net.head(net(x))) @ unit(net.head(t)).T / 0.07, torch.arange(B))


x, t = windows()
prev, neg = made(B, D), made(B, 3, D)
amn = Amn()
keep(amn, "amn", {"input": x, "target": t, "prev": prev, "neg": neg}, {
    "masked": lambda: masked_nce(amn(x), t, x, 0.1),
    "p7": lambda: p7(amn(x), x, t, prev, neg, 0.05),
})
order = Order()
label = (torch.arange(B)[:, None] % 2).double()
keep(order, "order", {"input": x, "target": t, "prev": prev, "neg": neg, "label": label}, {
    "p8": lambda: p8(order, x, t, prev, neg, label),
})
heads = Heads()
positive = made(B, L, D)
positive[:, -1] = t  # the last one is what the head takes; the others are not looked at
keep(heads, "heads", {"anchor": x, "positive": positive, "target": t}, {
    "projected": lambda: projected(heads, x, t),
    "towers": lambda: towers(heads, x, t),
})
save_file({k: v.float().contiguous() for k, v in out.items()}, "tests/data/terms.safetensors")

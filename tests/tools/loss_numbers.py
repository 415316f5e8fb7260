"""tests/data/losses.safetensors: PyTorch's values and gradients, in float64, of losses and
arguments that the conformance cases do not have. The texts are in tests/train/test_losses.c."""
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

ROWS, WIDTH = 9, 21
torch.manual_seed(6)


def made(*shape, length=1.0):
    x = F.normalize(torch.randn(*shape, dtype=torch.float64), dim=-1)
    return (x * length).float().double()


t = made(ROWS, WIDTH)
t[4] = t[1]  # duplicate targets, and contexts that hold other rows' targets
t[7] = t[1]
p = (0.7 * t + 0.8 * made(ROWS, WIDTH) * torch.linspace(0.5, 1.5, ROWS)[:, None]).float().double()
prev, neg, future = made(ROWS, WIDTH), made(ROWS, 3, WIDTH), made(ROWS, 3, WIDTH)
ctx = made(ROWS, 5, WIDTH)
for i in range(1, ROWS):
    ctx[i, i % 5] = t[i - 1]
ctx[3, 0] = t[3]  # its own target stays the positive
ctx[:, 4] = (ctx[:, 4] + t).float().double()


def cos(a, b):
    return (F.normalize(a, dim=-1) * F.normalize(b, dim=-1)).sum(-1)


def nce(p, tau, duplicates=False, context=False, extra=False, both=False):
    u, v = F.normalize(p, dim=-1), F.normalize(t, dim=-1)
    mask = torch.zeros(ROWS, ROWS, dtype=torch.bool)
    if duplicates:
        mask |= (t[:, None] == t[None]).all(-1)
    if context:
        mask |= (ctx[:, :, None] == t[None, None]).all(-1).any(1)
    mask &= ~torch.eye(ROWS, dtype=torch.bool)
    s = (u @ v.T / tau).masked_fill(mask, -torch.inf)
    y = torch.arange(ROWS)
    loss = F.cross_entropy(s.T, y) if both else 0
    if extra:
        s = torch.cat((s, torch.einsum("bd,bnd->bn", u, F.normalize(neg, dim=-1)) / tau), 1)
    return loss + F.cross_entropy(s, y)


def ratio(p, m=0.05, r=0.05, gamma=4.0, part=0.7):
    a, b = cos(p, t), cos(p, prev)
    gap = a - b
    share = gap / (a.abs() + b.abs() + 1e-6)
    return (part * F.softplus(gamma * (m - gap)) / gamma
            + (1 - part) * F.softplus(gamma * (r - share)) / gamma).mean()


def hard(p, k, margin):
    s = F.normalize(p, dim=-1) @ F.normalize(t, dim=-1).T
    s = s.masked_fill(torch.eye(ROWS, dtype=torch.bool), -torch.inf)
    return F.relu(s.topk(k, 1).values - (1 - margin)).mean()


def below(p, floor):
    c = cos(p, t)
    return (1 - c[c < floor]).mean()


def spread(x):
    return F.relu(1 - x.std(0)).mean()


def moment(p):
    return (p.mean(0) - t.mean(0)).square().mean() + (p.std(0) - t.std(0)).square().mean()


def listwise(p, tau=0.07):
    candidates = torch.cat((t[:, None], neg), 1)
    return -F.log_softmax(torch.einsum("bd,bld->bl", p, candidates) / tau, -1)[:, 0].mean()


def mmd(p, sigma=None):
    if sigma is None:
        sigma = torch.pdist(t).median()

    def k(a, b):
        return torch.exp(-((a[:, None] - b[None]) ** 2).sum(-1) / (2 * sigma * sigma)).mean()

    return k(p, p) + k(t, t) - 2 * k(p, t)


def gate(least, weak=0.25):
    gap = cos(ctx[:, -1], t) - cos(ctx[:, -1], prev)
    assert 0 < (gap >= least).sum() < ROWS
    return torch.where(gap >= least, 1.0, weak).double().mean()


def explicit(p, tau=0.07):
    s = torch.cat((cos(p, t)[:, None], cos(p[:, None], neg)), 1) / tau
    return (torch.logsumexp(s, 1) - s[:, 0]).mean()


def margin(p, m):
    return F.relu(m - (cos(p, t) - cos(p, prev))).mean()


def balanced(p, share=0.1, low=1e-4, high=2e-2):
    first, other = F.mse_loss(p, t), margin(p, 0.5)
    return first + (share * first / other).detach().clamp(low, high) * other


LOSSES = {
    "margin_ratio": ratio,
    "micro_direction": lambda p: F.softplus(5 * (cos(p, ctx[:, -1]) - cos(p, t) + 0.02)).mean(),
    "positive_floor": lambda p: F.relu(0.9 - cos(p, t)).square().mean(),
    "teacher_floor": lambda p: below(p, 0.7),
    "future_margin": lambda p: sum(F.relu(0.6 - (cos(p, t) - cos(p, future[:, i]))).mean()
                                   for i in range(3)),
    "variance_raw": spread,
    "hard_negative": lambda p: hard(p, 3, 1.0),
    "listwise": listwise,
    "rehearsal": lambda p: (1 - cos(p, t) + 0.1 * (p - t).square().sum(-1)).mean(),
    "nce_extra": lambda p: nce(p, 0.07, extra=True),
    "nce_hot": lambda p: nce(p, 0.01),
    "nce_duplicates": lambda p: nce(p, 0.1, duplicates=True),
    "nce_context": lambda p: nce(p, 0.1, context=True),
    "nce_masked": lambda p: nce(p, 0.1, duplicates=True, context=True, extra=True),
    "nce_symmetric_masked": lambda p: nce(p, 0.07, duplicates=True, context=True, both=True),
    "unified": lambda p: (F.mse_loss(p, t) + 0.5 * nce(p, 0.07, both=True) + 0.3 * moment(p)
                          + 0.2 * spread(F.normalize(p, dim=-1))),
    "mmd": mmd,
    "mmd_given": lambda p: mmd(p, 0.6),
    "bce": lambda p: F.binary_cross_entropy_with_logits(p, t),
    "huber": lambda p: F.huber_loss(p, t, delta=0.1),
    "p7": lambda p: (gate(0.6) * (explicit(p) + 0.5 * margin(p, 0.07))
                     + 0.2 * below(p, 0.7)),
    "p8": lambda p: listwise(p) + 0.5 * margin(p, 0.07),
    "auto": lambda p: balanced(p, high=0.5),
    "auto_high": balanced,
    "auto_low": lambda p: balanced(p, 1e-3, 0.05, 0.1),
    "ramp": lambda p: (F.mse_loss(p, t) + margin(p, 0.5)
                       * ((cos(p, t).mean() - 0.3) / 0.6).clamp(0, 1).detach()),
    "echo_first": lambda p: 1 - cos(p[:2], t[:2]).mean(),
}

out = {"p": p, "t": t, "prev": prev, "neg": neg, "ctx": ctx, "future": future}
for name, loss in LOSSES.items():
    x = p.clone().requires_grad_()
    value = loss(x)
    value.backward()
    out["value." + name] = value.detach().reshape(1)
    out["grad." + name] = x.grad
save_file({k: v.float().contiguous() for k, v in out.items()}, "tests/data/losses.safetensors")

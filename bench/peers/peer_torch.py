"""PyTorch, with its usual or its fused Adam (AdamW for networks of sequences)."""
import torch
from torch import nn

import networks
import sequences


class Attention(nn.Module):
    """Self-attention over one concept, and the residual."""

    def __init__(self, width, heads):
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)

    def forward(self, x):
        z = x[:, None, :]
        return x + self.attention(z, z, z, need_weights=False)[0][:, 0]


class Unit(nn.Module):
    def forward(self, x):
        return nn.functional.normalize(x, dim=-1, eps=networks.UNIT_EPS)


class Heads(nn.Module):
    def __init__(self, heads):
        super().__init__()
        self.heads = nn.ModuleList(heads)

    def forward(self, x):
        return [head(x) for head in self.heads]


def set_weights(module, arrays):
    names = [p for p, _ in module.named_parameters()]
    if isinstance(module, Attention):
        names = ["attention.in_proj_weight", "attention.in_proj_bias",
                 "attention.out_proj.weight", "attention.out_proj.bias"]
    parameters = dict(module.named_parameters())
    for name, array in zip(names, arrays):
        parameters[name].data = torch.from_numpy(array.copy())


def build(steps, weights):
    modules = []
    for step, w in zip(steps, weights):
        kind = step[0]
        if kind == "heads":
            modules.append(Heads([build(h, hw) for h, hw in zip(step[1:], w)]))
            continue
        module = {"linear": nn.Linear, "relu": nn.ReLU, "gelu": nn.GELU, "unit": Unit,
                  "layernorm": nn.LayerNorm, "attention": Attention}[kind](*step[1:])
        set_weights(module, w)
        modules.append(module)
    return nn.Sequential(*modules)


class Peer:
    def __init__(self, folder, fused=False):
        torch.set_num_threads(1)
        self.fused = fused
        self.version = "torch " + torch.__version__ + (" fused Adam" if fused else "")

    def make(self, network, kind, batch):
        if network in sequences.NAMES:
            return self.make_sequence(network, kind, batch)
        steps = networks.network(network)
        weights = networks.weights(steps)
        model = build(steps, weights)
        x, y = (torch.from_numpy(v) for v in networks.vectors(steps, batch))
        with torch.inference_mode():
            outputs = model(x)
        outputs = outputs if isinstance(outputs, list) else [outputs]
        networks.check(steps, weights, x.numpy(), outputs)
        if kind == "fwd":
            return self.forward(model.eval(), x)
        return self.step(model, x, y)

    def make_sequence(self, network, kind, batch):
        model = sequences.build(network)
        x, y = (torch.from_numpy(v) for v in sequences.vectors(network, batch))
        with torch.inference_mode():
            sequences.check(network, model.eval(), x.numpy(), model(x))
        if kind == "fwd":
            return self.forward(nn.Sequential(model, Unit()).eval(), x)
        return self.step(model.train(), x, y, torch.optim.AdamW, weight_decay=sequences.DECAY)

    def forward(self, model, x):
        if self.fused:
            raise NotImplementedError("a run is the same as with torch")

        def call():
            with torch.inference_mode():
                return model(x)
        return call

    def step(self, model, x, y, kind=torch.optim.Adam, **more):
        adam = kind(model.parameters(), lr=networks.LR, eps=networks.EPS,
                    betas=(networks.BETA1, networks.BETA2),
                    **({"fused": True} if self.fused else {}), **more)

        def call():
            adam.zero_grad(set_to_none=True)
            out = model(x)
            out = out[0] if isinstance(out, list) else out
            nn.functional.mse_loss(out, y).backward()
            adam.step()
        return call

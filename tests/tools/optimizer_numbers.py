"""Writes tests/train/optimizer_numbers.h: what torch.optim makes of fixed gradients.

Needs PyTorch (any CPU build). Run from the repository root:
    python3 tests/tools/optimizer_numbers.py > tests/train/optimizer_numbers.h
"""
import torch

STEPS, N = 5, 6
START = [0.5, -0.25, 1.5, 0.0, -2.0, 1e-3]
GRADIENTS = [[0.1, -0.2, 3.0, 0.0, 1e-4, -50.0], [0.2, 0.1, -3.0, 0.0, 1e-4, 20.0],
             [-0.3, 0.4, 1.0, 0.0, -2e-4, 0.0], [0.05, 0.0, 0.5, 0.0, 3e-4, 1.0],
             [0.7, -0.6, 0.25, 0.0, 0.0, -1.0]]
CASES = [
    ("sgd lr=.1", torch.optim.SGD, dict(lr=.1)),
    ("sgd lr=.05 momentum=.9", torch.optim.SGD, dict(lr=.05, momentum=.9)),
    ("sgd lr=.05 momentum=.9 dampening=.3 weight_decay=.02", torch.optim.SGD,
     dict(lr=.05, momentum=.9, dampening=.3, weight_decay=.02)),
    ("sgd lr=.05 momentum=.8 nesterov=1 weight_decay=.1", torch.optim.SGD,
     dict(lr=.05, momentum=.8, nesterov=True, weight_decay=.1)),
    ("adam lr=.01", torch.optim.Adam, dict(lr=.01)),
    ("adam lr=.02 betas=.8,.99 eps=1e-4 weight_decay=.1", torch.optim.Adam,
     dict(lr=.02, betas=(.8, .99), eps=1e-4, weight_decay=.1)),
    ("adamw lr=.01", torch.optim.AdamW, dict(lr=.01)),
    ("adamw lr=.03 betas=.5,.9 eps=1e-6 weight_decay=.3", torch.optim.AdamW,
     dict(lr=.03, betas=(.5, .9), eps=1e-6, weight_decay=.3)),
    ("adamw lr=.03 schedule=cosine steps=4 min_lr=.001 weight_decay=0", "cosine",
     dict(lr=.03, weight_decay=0)),
]


def rows(values):
    return "{" + ", ".join("%.9g" % v for v in values) + "}"


def floats(values):
    return "{" + ", ".join("%#.9gf" % v for v in values) + "}"


print("/* Made by tests/tools/optimizer_numbers.py with PyTorch %s; do not edit. */"
      % torch.__version__.split("+")[0])
print("#define OPTIMIZER_STEPS %d\n#define OPTIMIZER_N %d\n" % (STEPS, N))
print("static const float optimizer_start[OPTIMIZER_N] = %s;\n" % floats(START))
print("static const float optimizer_gradient[OPTIMIZER_STEPS][OPTIMIZER_N] = {\n    %s};\n"
      % ",\n    ".join(floats(g) for g in GRADIENTS))
print("static const struct {\n  const char *text;\n"
      "  double weight[OPTIMIZER_STEPS][OPTIMIZER_N];\n} optimizer_cases[] = {")
for text, kind, arguments in CASES:
    w = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    schedule = None
    if kind == "cosine":
        optimizer = torch.optim.AdamW([w], **arguments)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 4, eta_min=.001)
    else:
        optimizer = kind([w], **arguments)
    out = []
    for step, g in enumerate(GRADIENTS[:STEPS]):
        w.grad = torch.tensor(g, dtype=torch.float64)
        if schedule and step >= 4:  # past the end PyTorch rises again; here it stays
            optimizer.param_groups[0]["lr"] = .001
        optimizer.step()
        if schedule and step < 4:
            schedule.step()
        out.append(rows(w.tolist()))
    print('    {"%s",\n     {%s}},' % (text, ",\n      ".join(out)))
print("};")

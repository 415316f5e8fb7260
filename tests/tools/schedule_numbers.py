"""Writes tests/train/schedule_numbers.h: learning rates of torch.optim.lr_scheduler.

Needs PyTorch (any CPU build). Run from the repository root:
    python3 tests/tools/schedule_numbers.py > tests/train/schedule_numbers.h
"""
import warnings

import torch
from torch.optim import lr_scheduler as schedules

warnings.simplefilter("ignore")
STEPS = 24


def fresh(lr):
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)


def follow(optimizer, schedule, count):
    rates = []
    for _ in range(count):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rates


def warmed(lr, warmup, after):
    """A rise lr/warmup, 2 lr/warmup, ..., lr, and then what after makes of the optimizer."""
    optimizer = fresh(lr)
    rise = schedules.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / warmup))
    rates = follow(optimizer, rise, warmup)
    optimizer = fresh(lr)
    return rates + follow(optimizer, after(optimizer), STEPS - warmup)


def cut(rates, end, least):
    """Past its end PyTorch's cosine rises again, and here the rate stays."""
    return [r if step < end else least for step, r in enumerate(rates)]


def cosine(lr, steps, least):
    optimizer = fresh(lr)
    return follow(optimizer, schedules.CosineAnnealingLR(optimizer, steps, eta_min=least), STEPS)


CASES = [
    ("sgd lr=.5 schedule=cosine steps=16 min_lr=.01", cut(cosine(.5, 16, .01), 16, .01)),
    ("sgd lr=.5 schedule=cosine steps=20 warmup=4 min_lr=1%",
     cut(warmed(.5, 4, lambda o: schedules.CosineAnnealingLR(o, 16, eta_min=.005)), 20, .005)),
    ("sgd lr=.5 schedule=cosine steps=20 warmup=25%",
     cut(warmed(.5, 5, lambda o: schedules.CosineAnnealingLR(o, 15)), 20, 0)),
    ("sgd lr=.5 schedule=linear steps=16 warmup=6",
     warmed(.5, 6, lambda o: schedules.LinearLR(o, 1, 0, 10))),
    ("sgd lr=.5 schedule=linear steps=12 min_lr=10%",
     follow(*(lambda o: (o, schedules.LinearLR(o, 1, .1, 12)))(fresh(.5)), STEPS)),
    ("sgd lr=.5 schedule=step every=5", follow(*(lambda o: (o, schedules.StepLR(o, 5)))(fresh(.5)),
                                               STEPS)),
    ("sgd lr=.5 schedule=step every=3 factor=.7 warmup=4",
     warmed(.5, 4, lambda o: schedules.StepLR(o, 3, .7))),
    ("sgd lr=.5 warmup=3", warmed(.5, 3, lambda o: schedules.ConstantLR(o, 1, 0))),
]

LOSSES = [1, .9, .91, .92, .90001, .93, .95, .8, .79995, .85, .85, .85, .85, .85, .85, .85, .85,
          .85, .7, .71, .72, .73, .74, .75]
PLATEAUS = [
    ("factor=.5 patience=3", dict(factor=.5, patience=3)),
    ("factor=.5 patience=0", dict(factor=.5, patience=0)),
    ("factor=.1 patience=2 cooldown=2", dict(factor=.1, patience=2, cooldown=2)),
    ("factor=.5 patience=1 threshold=.05", dict(factor=.5, patience=1, threshold=.05)),
    ("factor=.5 patience=1 min_lr=.1", dict(factor=.5, patience=1, min_lr=.1)),
]


def numbers(values):
    return "{" + ", ".join("%.17g" % v for v in values) + "}"


print("/* Made by tests/tools/schedule_numbers.py with PyTorch %s; do not edit. */"
      % torch.__version__.split("+")[0])
print("#define SCHEDULE_STEPS %d\n" % STEPS)
print("static const struct {\n  const char *text;\n  double rate[SCHEDULE_STEPS];\n"
      "} schedule_cases[] = {")
for text, rates in CASES:
    assert len(rates) == STEPS
    print('    {"%s",\n     %s},' % (text, numbers(rates)))
print("};\n\n/* Rates after each loss, from .5 on. */")
print("static const double plateau_loss[%d] = %s;\n" % (len(LOSSES), numbers(LOSSES)))
print("static const struct {\n  const char *text;\n  double rate[%d];\n} plateau_cases[] = {"
      % len(LOSSES))
for text, arguments in PLATEAUS:
    optimizer = fresh(.5)
    schedule = schedules.ReduceLROnPlateau(optimizer, **arguments)
    rates = []
    for loss in LOSSES:
        schedule.step(loss)
        rates.append(optimizer.param_groups[0]["lr"])
    print('    {"%s",\n     %s},' % (text, numbers(rates)))
print("};")

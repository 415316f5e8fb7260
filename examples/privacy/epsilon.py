"""The epsilon of training with clip_each, noise and lot, by the accountants of dp-accounting.

Needs dp-accounting (PyPI). What is protected is one row of the data: it is there or not.
    python3 examples/privacy/epsilon.py --rows 25308 --lot 512 --steps 1000 --noise 1
"""
import argparse

import dp_accounting
from dp_accounting import pld, rdp

options = argparse.ArgumentParser()
options.add_argument("--rows", type=int, required=True, help="rows of data")
options.add_argument("--lot", type=int, required=True, help="expected rows of a step")
options.add_argument("--steps", type=int, required=True)
options.add_argument("--noise", type=float, required=True, help="noise= of the optimizer text")
options.add_argument("--delta", type=float, default=1e-5, help="default 1e-5")
a = options.parse_args()

steps = dp_accounting.SelfComposedDpEvent(
    dp_accounting.PoissonSampledDpEvent(
        a.lot / a.rows, dp_accounting.GaussianDpEvent(a.noise)), a.steps)
for name, accountant in (("privacy loss distributions", pld.PLDAccountant()),
                         ("Renyi", rdp.RdpAccountant())):
    accountant.compose(steps)
    print("epsilon %.3f, delta %g (%s)" % (accountant.get_epsilon(a.delta), a.delta, name))

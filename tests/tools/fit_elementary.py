"""Fits the polynomials of lib/kernels/elementary.h and random.c.

Each is a weighted minimax fit (Lawson's iteration on Chebyshev nodes) whose
coefficients are rounded to float32 one after the other, the most important
first, refitting the rest each time. Needs numpy and mpmath.
Run: python3 tests/tools/fit_elementary.py
"""
import mpmath as mp
import numpy as np

mp.mp.dps = 40


def solve(columns, target, weight, rounds=60):
    w = np.ones_like(target)
    best, best_error = None, np.inf
    for _ in range(rounds):
        s = np.sqrt(w) * weight
        a = columns * s[:, None]
        norm = np.linalg.norm(a, axis=0)
        c = np.linalg.lstsq(a / norm, target * s, rcond=None)[0] / norm
        error = np.abs(columns @ c - target) * weight
        if error.max() < best_error:
            best, best_error = c, error.max()
        w = w * (error / error.max() + 1e-6)
        w /= w.sum()
    return best, best_error


def fit(name, f, low, high, powers, weight, nodes=801):
    """Prints float32 coefficients of sum c[i] z**powers[i], close to f on the interval."""
    k = np.arange(nodes)
    z = (low + high) / 2 + (high - low) / 2 * np.cos(np.pi * (2 * k + 1) / (2 * nodes))
    target = np.array([float(f(mp.mpf(v))) for v in z])
    columns = np.array([[v ** p for p in powers] for v in z])
    w = np.array([float(weight(v)) for v in z])
    done = []
    while len(done) < len(powers):
        n = len(done)
        rest = target - columns[:, :n] @ np.array(done) if n else target
        c, _ = solve(columns[:, n:], rest, w)
        done.append(float(np.float32(c[0])))
    error = np.abs(columns @ np.array(done) - target) * w
    print(f"{name}: error {error.max():.3g}")
    for p, c in zip(powers, done):
        print(f"  z^{p}: {c.hex()}  {c:.9g}")


def mills(p):
    """Q(z) exp(z*z/2) / t with t = 1/(1 + p z), as a function of t."""
    def f(t):
        z = (1 / t - 1) / p
        return mp.erfc(z / mp.sqrt(2)) / 2 * mp.exp(z * z / 2) / t
    return f


def main():
    half = float(mp.log(2) / 2) * 1.0001
    fit("exp: (exp(r)-1-r)/r^2", lambda r: (mp.exp(r) - 1 - r) / r ** 2, -half, half,
        range(5), lambda r: r * r)
    fit("power: (2^r-1)/r",
        lambda r: (mp.mpf(2) ** r - 1) / r if r else mp.log(2), -0.50005, 0.50005,
        range(6), lambda r: abs(r) + 1e-9)
    fit("log: (log(1+f)-f+f^2/2)/f^3",
        lambda r: (mp.log(1 + r) - r + r * r / 2) / r ** 3, -0.29290, 0.41422,
        range(9), lambda r: r * r)
    fit("tanh: (tanh(x)/x-1)/z, z=x^2",
        lambda z: (mp.tanh(mp.sqrt(z)) / mp.sqrt(z) - 1) / z, 1e-9, 0.625 ** 2,
        range(5), lambda z: z)
    fit("erf: erf(x)/x-1, z=x^2",
        lambda z: mp.erf(mp.sqrt(z)) / mp.sqrt(z) - 1, 1e-9, 0.85 ** 2,
        range(7), lambda z: 1.0)
    p = 0.30
    fit(f"normal tail: Q(z) exp(z^2/2)/t, t=1/(1+{p}z)", mills(mp.mpf(p)),
        1 / (1 + 14.0 * p), 1.0, range(10), lambda t: 1 / 0.4)
    fit("sin(pi/2 f)/f, z=f^2",
        lambda z: mp.sin(mp.pi / 2 * mp.sqrt(z)) / mp.sqrt(z), 1e-9, 0.25,
        range(5), lambda z: 1 / 1.5)
    fit("cos(pi/2 f), z=f^2", lambda z: mp.cos(mp.pi / 2 * mp.sqrt(z)), 0.0, 0.25,
        range(5), lambda z: 1.0)


if __name__ == "__main__":
    main()

"""Writes tests/metrics/metric_numbers.h: ranks, collapse and 5CAT as PyTorch and NumPy have them.

Needs PyTorch (any CPU build) and NumPy. Run from the repository root:
    python3 tests/tools/metric_numbers.py > tests/metrics/metric_numbers.h
tests/metrics/test_metrics.c makes the same vectors from the same formula.
"""
import random

import numpy as np
import torch
import torch.nn.functional as F

WIDTH, POOL, QUERIES, WITHOUT = 12, 50, 37, 3
BANK, ARTICLES, HORIZON = 120, 5, 3
WEIGHTS = [.05, .1, .15, .25, .45]


def vectors(rows, seed):
    i = np.arange(rows * WIDTH, dtype=np.int64)
    x = (i * i * 31 + i * 7919 + seed * 104729) % 2003 / 1001 - 1
    return x.astype(np.float32).reshape(rows, WIDTH)


def show(name, values):
    print(f"static const double {name}[] = {{{', '.join('%.12g' % float(v) for v in values)}}};")


def number(name, value):
    print(f"#define {name} {float(value):.12g}")


def unit(x, eps=0.0):
    return x / (np.linalg.norm(x, axis=-1, keepdims=True) + eps)


def retrieval():
    pool = F.normalize(torch.from_numpy(vectors(POOL, 1)).double(), dim=-1)
    truth = torch.tensor([(7 * q + 3) % POOL for q in range(QUERIES)])
    query = F.normalize(torch.from_numpy(vectors(QUERIES, 2)).double(), dim=-1)
    query = F.normalize(query + .7 * pool[truth], dim=-1)
    scores = query @ pool.T
    left = scores.clone()
    for q in range(QUERIES):
        for j in range(WITHOUT):
            place = (q * 5 + 11 * j) % (POOL + 4) - 4
            if place >= 0 and place != truth[q]:
                left[q, place] = -np.inf
    for name, s in (("ALL", scores), ("LEFT", left)):
        own = s.gather(1, truth[:, None])
        rank = (1 + (s > own).sum(1)).double()
        show("metric_rank_" + name.lower(), rank)
        for k in (1, 5, 10):
            number(f"METRIC_{name}_R{k}", (rank <= k).double().mean())
        number(f"METRIC_{name}_MRR", (1 / rank).mean())
        number(f"METRIC_{name}_MRR10", torch.where(rank <= 10, 1 / rank, 0.).mean())
        number(f"METRIC_{name}_MEDIAN", rank.median())
        show("metric_best_" + name.lower(), s.argmax(1))
    cos = F.cosine_similarity(query, pool[truth], dim=-1, eps=0)
    number("METRIC_COSINE", cos.mean())
    number("METRIC_MSE", ((query - pool[truth]) ** 2).mean())
    upper = torch.triu_indices(QUERIES, QUERIES, 1)
    pairs = (query @ query.T)[upper[0], upper[1]]
    number("METRIC_COLLAPSE_MEDIAN", np.median(pairs.numpy()))
    number("METRIC_COLLAPSE_VARIANCE", query.var(0, unbiased=False).sum())


class Bank:
    """Rows of the bank by article, in reading order."""

    def __init__(self, x, article):
        self.x, self.article = unit(x.astype(np.float64), 1e-9), article
        self.rows = {a: [i for i in range(len(article)) if article[i] == a]
                     for a in set(article.tolist()) if a >= 0}

    def after(self, row, k):
        rows = self.rows.get(int(self.article[row]))
        at = rows.index(row) + k if rows else -1
        return rows[at] if rows and 0 <= at < len(rows) else None


def cosine(a, b):
    return float(unit(a, 1e-9) @ unit(b, 1e-9))


def predict(context):
    return unit(np.array(WEIGHTS) @ context, 1e-9)


def five_cat(bank, windows, base):
    shift = 0 if base == "target" else -1
    offsets, ranks, steps, bins = [], [], [], {"low": [], "normal": []}
    changed = {name: [] for name in ("shuffled", "reversed", "left_out", "repeated", "cross")}
    rng = random.Random(17)
    for window in windows:
        x, target = bank.x[window[:5]], window[5]
        t, y = bank.x[target], predict(bank.x[window[:5]])
        own = cosine(y, t)
        near = [bank.after(target, k + shift) for k in range(-3, 4)]
        if None not in near:
            offsets.append([cosine(y, bank.x[n]) for n in near])
        rows = bank.rows[int(bank.article[target])]
        if len(rows) >= 6:
            ranks.append(1 + sum(bank.x[r] @ y > t @ y for r in rows if r != target))
        order = list(range(5))
        rng.shuffle(order)
        changed["shuffled"].append(cosine(predict(x[order]), t) - own)
        changed["reversed"].append(cosine(predict(x[::-1]), t) - own)
        changed["left_out"].append(np.mean([
            cosine(predict(np.vstack([np.delete(x, i, 0), x[-1:]])), t) - own
            for i in range(5)]))
        changed["repeated"].append(cosine(predict(np.repeat(x[-1:], 5, 0)), t) - own)
        changed["cross"].append(cosine(predict(np.vstack([x[:4], x[:1]])), t) - own)
        future = [bank.after(target, h + shift) for h in range(1, HORIZON + 1)]
        if None not in future:
            c, got = x, []
            for row in future:
                got.append(cosine(predict(c), bank.x[row]))
                c = np.vstack([c[1:], predict(c)])
            steps.append(got)
        together = np.mean([cosine(x[i], x[i + 1]) for i in range(4)])
        if together <= .55:
            bins["low" if together < .45 else "normal"].append(own)
    mean = np.mean(offsets, 0)
    rank = np.array(ranks, dtype=float)
    name = "FIVE_" + base.upper()
    show(name.lower() + "_offset", mean)
    number(name + "_MARGIN", mean[4] - max(np.delete(mean, 4)))
    number(name + "_OFFSET_ROWS", len(offsets))
    show(name.lower() + "_within", [(rank <= 1).mean(), (rank <= 5).mean(), (1 / rank).mean(),
                                    len(rank)])
    show(name.lower() + "_ablation", [np.mean(v) for v in changed.values()])
    show(name.lower() + "_step", np.mean(steps, 0))
    number(name + "_ROLLOUT", np.mean(steps))
    number(name + "_ROLLOUT_ROWS", len(steps))
    show(name.lower() + "_bins", [np.mean(bins["low"]), len(bins["low"]),
                                  np.mean(bins["normal"]), len(bins["normal"])])


MASK = 2 ** 64 - 1


def splitmix64(state):
    while True:
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        yield z ^ (z >> 31)


def reservoir(capacity=7, stream=60, drawn=9, seed=97):
    # Vitter's algorithm R, then draws with replacement.
    numbers, kept = splitmix64(seed), []
    for item in range(stream):
        if len(kept) < capacity:
            kept.append(item)
        else:
            at = next(numbers) % (item + 1)
            if at < capacity:
                kept[at] = item
    draws = [kept[next(numbers) % capacity] for _ in range(drawn)]
    print(f"#define RESERVOIR_CAPACITY {capacity}\n#define RESERVOIR_STREAM {stream}")
    print(f"#define RESERVOIR_SEED {seed}")
    for name, values in (("kept", kept), ("drawn", draws)):
        print(f"static const int reservoir_{name}[] = {{{', '.join(map(str, values))}}};")


def orders(rows=29, seed=20261201):
    # The first numbers for seed 1234567, as the reference implementation prints them.
    known = splitmix64(1234567)
    assert [next(known) for _ in range(2)] == [6457827717110365317, 3203168211198807973]
    order, numbers = list(range(rows)), splitmix64((seed + 3 * 0x9E3779B97F4A7C15) & MASK)
    for i in range(rows - 1, 0, -1):
        j = next(numbers) % (i + 1)
        order[i], order[j] = order[j], order[i]
    numbers = splitmix64(seed ^ (6 * 0xD1342543DE82EF95 & MASK))
    drawn = [r for r in range(rows) if next(numbers) / 2 ** 64 < .4]
    print(f"#define ORDER_ROWS {rows}\n#define ORDER_SEED {seed}")
    for name, values in (("shuffled", order), ("drawn", drawn)):
        print(f"static const int order_{name}[] = {{{', '.join(map(str, values))}}};")


print(f"/* Made by tests/tools/metric_numbers.py with PyTorch {torch.__version__.split('+')[0]}"
      f" and NumPy {np.__version__}; do not edit. */")
for key in ("WIDTH", "POOL", "QUERIES", "WITHOUT", "BANK", "ARTICLES", "HORIZON"):
    print(f"#define METRIC_{key} {globals()[key]}")
print()
retrieval()
print()
x = vectors(BANK, 3) * .9
article = np.array([-1 if i % 29 == 28 else i * i // 3 % ARTICLES for i in range(BANK)])
topic = vectors(ARTICLES, 4)
for i in range(BANK):
    if article[i] >= 0:
        x[i] += topic[article[i]] * (.5 + .1 * article[i])
bank = Bank(x, article)
windows = [rows[i - 5:i + 1] for rows in bank.rows.values() for i in range(5, len(rows))]
print(f"#define METRIC_WINDOWS {len(windows)}")
print("static const int metric_windows[METRIC_WINDOWS][6] = {")
print(",\n".join("    {" + ", ".join(map(str, w)) + "}" for w in windows) + "};")
for base in ("last_context", "target"):
    five_cat(bank, windows, base)
rng = random.Random(17)
orders = []
for n in (5, 5, 30):
    order = list(range(n))
    rng.shuffle(order)
    orders += order
print(f"static const int five_orders[] = {{{', '.join(map(str, orders))}}};")
orders()
reservoir()

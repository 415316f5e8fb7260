"""The cost of a text by tokens and by concepts against its length: the chart and table of docs/cost.md.

    python3 docs/drawings/cost.py build/lnsp docs/drawings     writes cost.svg, prints the table

Every number is `lnsp info --json ARCH --concepts N`, "flop": multiplies and adds of one row forward.
"""

import json
import math
import subprocess
import sys
from html import escape
from pathlib import Path

TOKENS = 16  # a concept: a short sentence
LENGTHS = [64 * 2**i for i in range(9)]
LEFT, RIGHT, TOP, BOTTOM = 90, 640, 70, 430
LOW, HIGH = 7, 14  # powers of ten

STYLE = """
  .paper { fill: #ffffff; stroke: #d0d7de }
  text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; font-size: 13px; fill: #1f2328 }
  .head { font-size: 15px; font-weight: 600 }
  .grid { stroke: #d0d7de }
  .l0 { stroke: #cf222e } .l1 { stroke: #bc4c00 } .l2 { stroke: #0969da } .l3 { stroke: #1a7f37 }
  .line { fill: none; stroke-width: 2.2 }
"""
DARK = """
    .paper { fill: #0d1117; stroke: #30363d }
    text { fill: #e6edf3 }
    .grid { stroke: #30363d }
    .l0 { stroke: #ff7b72 } .l1 { stroke: #f0883e } .l2 { stroke: #4493f8 } .l3 { stroke: #3fb950 }
"""


def flop(lnsp, arch, concepts):
    run = subprocess.run(
        [lnsp, "info", "--json", arch, "--concepts", str(concepts)], capture_output=True, check=True
    )
    return json.loads(run.stdout)["flop"]


def main():
    lnsp, folder = sys.argv[1], Path(sys.argv[2])
    most = LENGTHS[-1]
    sentence = flop(lnsp, "encoder", TOKENS)
    lines = [
        ("encoder, whole text", [flop(lnsp, f"encoder positions={most}", n) for n in LENGTHS]),
        (f"encoder, {TOKENS} tokens at a time", [n // TOKENS * sentence for n in LENGTHS]),
        ("transformer, concepts", [flop(lnsp, f"transformer positions={most}", n // TOKENS) for n in LENGTHS]),
        ("mamba_s, concepts", [flop(lnsp, "mamba_s", n // TOKENS) for n in LENGTHS]),
    ]

    def x(n):
        return LEFT + (RIGHT - LEFT) * math.log2(n / LENGTHS[0]) / math.log2(most / LENGTHS[0])

    def y(value):
        return BOTTOM - (BOTTOM - TOP) * (math.log10(value) - LOW) / (HIGH - LOW)

    out = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 880 490" width="880" height="490" role="img" '
        'aria-label="Operations against the length of a text">',
        f"<style>{STYLE}  @media (prefers-color-scheme: dark) {{{DARK}  }}\n</style>",
        '<rect class="paper" x="0.5" y="0.5" width="879" height="489" rx="8"/>',
        '<text class="head" x="20" y="30">Operations (FLOP) of one pass over a text, against its length</text>',
    ]
    for power in range(LOW, HIGH + 1):
        at = y(10**power)
        out.append(f'<line class="grid" x1="{LEFT}" y1="{at:.1f}" x2="{RIGHT}" y2="{at:.1f}"/>')
        out.append(f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">1e{power}</text>')
    for n in LENGTHS:
        out.append(f'<text x="{x(n):.1f}" y="{BOTTOM + 20}" text-anchor="middle">{n:,}</text>')
    out.append(f'<text x="{(LEFT + RIGHT) / 2}" y="{BOTTOM + 46}" text-anchor="middle">tokens</text>')
    for i, (name, values) in enumerate(lines):
        points = " ".join(f"{x(n):.1f},{y(v):.1f}" for n, v in zip(LENGTHS, values))
        out.append(f'<polyline class="line l{i}" points="{points}"/>')
        out.append(f'<text x="{RIGHT + 10}" y="{y(values[-1]) + 4:.1f}">{escape(name)}</text>')
    out.append("</svg>")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cost.svg").write_text("\n".join(out) + "\n", encoding="utf-8")

    print("| tokens | concepts | " + " | ".join(name for name, _ in lines) + " |")
    print("| ---: " * (2 + len(lines)) + "|")
    for i, n in enumerate(LENGTHS):
        print(f"| {n:,} | {n // TOKENS:,} | " + " | ".join(f"{v[i]:.3g}" for _, v in lines) + " |")


main()

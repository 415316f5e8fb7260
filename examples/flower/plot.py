"""Cosine against bytes sent: a table, and a drawing as SVG."""

from __future__ import annotations

import math
from typing import Any
from xml.sax.saxutils import escape

LEFT, RIGHT, TOP, BOTTOM, WIDTH, HEIGHT = 76, 590, 84, 372, 790, 440
COLOURS = [
    "#888888",
    "#0b6fb8",
    "#c2410c",
    "#15803d",
    "#7c3aed",
    "#b45309",
    "#be123c",
    "#0f766e",
    "#4d7c0f",
    "#a21caf",
    "#1e3a8a",
    "#78350f",
]


def series(result: dict[str, Any]) -> list[tuple[float, float]]:
    """(bytes a client has sent and received so far, cosine) of each round."""
    total, points = 0.0, []
    for line in result["rounds"]:
        total += line.get("up_mean", 0) + line["down"]
        points.append((total, line["cosine"]))
    return points


def table(results: dict[str, Any]) -> str:
    """A line for each run."""
    dense = results.get("dense")
    lines = ["run         cosine    gain  of dense  up bytes (most)  down bytes (most)"]
    for name, result in results.items():
        rounds = result["rounds"]
        gain = rounds[-1]["cosine"] - rounds[0]["cosine"]
        share = ""
        if dense:
            share = (
                f"{100 * gain / (dense['rounds'][-1]['cosine'] - rounds[0]['cosine']):.1f} %"
            )
        up, down = (max(line[key] for line in rounds) for key in ("up", "down"))
        cosine = rounds[-1]["cosine"]
        lines.append(f"{name:10}  {cosine:.4f}  {gain:.4f}  {share:>8}  {up:15,}  {down:17,}")
    return "\n".join(lines)


def draw(results: dict[str, Any]) -> str:
    """The SVG. Bytes are on a logarithmic scale, since dense is far to the right."""
    curves = {name: series(result) for name, result in results.items()}
    seen = [x for points in curves.values() for x, _ in points if x > 0]
    low, high = math.floor(math.log10(min(seen))), math.ceil(math.log10(max(seen)))
    values = [y for points in curves.values() for _, y in points]
    # from where all began; what falls below leaves the drawing
    start = min(points[0][1] for points in curves.values())
    bottom, top = math.floor(50 * start - 0.5) / 50, math.ceil(50 * max(values)) / 50

    def across(x: float) -> float:
        return LEFT + (RIGHT - LEFT) * (math.log10(x) - low) / max(1, high - low)

    def up(y: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * (y - bottom) / max(1e-9, top - bottom)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<clipPath id="inside"><rect x="{LEFT - 3}" y="{TOP - 3}" '
        f'width="{RIGHT - LEFT + 6}" height="{BOTTOM - TOP + 3}"/></clipPath>',
        f'<text x="{LEFT}" y="36" font-size="17">Cosine on sentences that no client has</text>',
        f'<text x="{LEFT}" y="58" fill="#555">'
        "against the bytes that a client has sent and received; a point is a round</text>",
    ]
    for i in range(round((top - bottom) * 50) + 1):
        value = bottom + i / 50
        y = up(value)
        parts.append(
            f'<line x1="{LEFT}" x2="{RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e3e3e3"/>'
            f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:.2f}</text>'
        )
    units = {3: "1 kB", 4: "10 kB", 5: "100 kB", 6: "1 MB", 7: "10 MB", 8: "100 MB", 9: "1 GB"}
    for power in range(low, high + 1):
        x = across(10.0**power)
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{BOTTOM}" y2="{BOTTOM + 5}" stroke="#888"/>'
            f'<text x="{x:.1f}" y="{BOTTOM + 22}" text-anchor="middle">'
            f"{units.get(power, f'1e{power} B')}</text>"
        )
    for i, (name, points) in enumerate(curves.items()):
        colour = COLOURS[i % len(COLOURS)]
        shown = [(across(x), up(y)) for x, y in points if x > 0]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in shown)
        parts.append(
            f'<g clip-path="url(#inside)"><polyline points="{path}" fill="none" '
            f'stroke="{colour}" stroke-width="2"/>'
        )
        parts += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>' for x, y in shown
        ]
        parts.append("</g>")
        y = TOP + 14 + 24 * i
        parts.append(
            f'<line x1="{RIGHT + 18}" x2="{RIGHT + 40}" y1="{y}" y2="{y}" stroke="{colour}" '
            f'stroke-width="2"/><text x="{RIGHT + 46}" y="{y + 4}">{escape(name)} '
            f"{points[-1][1]:.4f}</text>"
        )
    return "\n".join([*parts, "</svg>", ""])

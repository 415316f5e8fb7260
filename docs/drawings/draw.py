"""The drawings of docs/map.md, as SVG, with the standard library alone.

    python3 docs/drawings/draw.py build/lnsp docs/drawings

Sizes in the drawing of a trainer's block come from `lnsp info`. Each drawing is a function that
places boxes, arrows and texts. A text that is too wide for its box stops the script.
"""

import json
import subprocess
import sys
from html import escape
from pathlib import Path

STYLE = """
  .paper { fill: #ffffff; stroke: #d0d7de }
  text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif;
         font-size: 14px; fill: #1f2328 }
  .small { font-size: 12px; fill: #59636e }
  .head { font-size: 15px; font-weight: 600 }
  .mono { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: 12px }
  .box { fill: #f6f8fa; stroke: #59636e; stroke-width: 1.2 }
  .a { fill: #ddf4ff; stroke: #0969da; stroke-width: 1.4 }
  .b { fill: #dafbe1; stroke: #1a7f37; stroke-width: 1.4 }
  .c { fill: #fff1e5; stroke: #bc4c00; stroke-width: 1.4 }
  .d { fill: #fbefff; stroke: #8250df; stroke-width: 1.4 }
  .dash { stroke-dasharray: 5 4 }
  .line { fill: none; stroke: #59636e; stroke-width: 1.6 }
  .tip { fill: #59636e }
"""
DARK = """
    .paper { fill: #0d1117; stroke: #30363d }
    text { fill: #e6edf3 }
    .small { fill: #b7bec7 }
    .box { fill: #161b22; stroke: #9198a1 }
    .a { fill: #0c2d4d; stroke: #4493f8 }
    .b { fill: #12361d; stroke: #3fb950 }
    .c { fill: #4a2408; stroke: #f0883e }
    .d { fill: #341a5c; stroke: #ab7df8 }
    .line { stroke: #9198a1 }
    .tip { fill: #9198a1 }
"""
WIDTHS = {"": 7.6, "small": 6.6, "head": 8.8, "mono": 7.3}  # pixels a character, rather too many


class Drawing:
    def __init__(self, width, height, title):
        self.width, self.height, self.wide = width, height, []
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img" aria-label="{escape(title)}">',
            f"<style>{STYLE}  @media (prefers-color-scheme: dark) {{{DARK}  }}\n</style>",
            f'<rect class="paper" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8"/>',
        ]

    def text(self, x, y, words, kind="", anchor="middle", room=None):
        wide = len(words) * WIDTHS[kind]
        left = {"middle": x - wide / 2, "start": x, "end": x - wide}[anchor]
        if (room and wide > room) or left < 2 or left + wide > self.width - 2:
            self.wide.append(words)
        mark = f' class="{kind}"' if kind else ""
        self.parts.append(f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{mark}>{escape(words)}</text>')

    def rect(self, x, y, w, h, kind="box"):
        self.parts.append(f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" rx="5"/>')

    def box(self, x, y, w, h, lines, kind="box"):
        """Lines: text, or (text, kind); set in the middle."""
        self.rect(x, y, w, h, kind)
        top = y + h / 2 - (len(lines) - 1) * 9 + 5
        for i, line in enumerate(lines):
            words, style = line if isinstance(line, tuple) else (line, "")
            self.text(x + w / 2, top + 18 * i, words, style, room=w - 8)

    def arrow(self, *points, label=None, at=None, kind="small", anchor="middle"):
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        self.parts.append(f'<polyline class="line" points="{path}"/>')
        (x0, y0), (x1, y1) = points[-2:]
        long = max(abs(x1 - x0), abs(y1 - y0))
        dx, dy = (x1 - x0) / long, (y1 - y0) / long
        self.parts.append(
            f'<polygon class="tip" points="{x1:g},{y1:g} {x1 - 9 * dx - 5 * dy:g},{y1 - 9 * dy + 5 * dx:g} '
            f'{x1 - 9 * dx + 5 * dy:g},{y1 - 9 * dy - 5 * dx:g}"/>'
        )
        if label:
            self.text(*at, label, kind, anchor)

    def line(self, x0, y0, x1, y1, kind="line"):
        self.parts.append(f'<line class="{kind}" x1="{x0:g}" y1="{y0:g}" x2="{x1:g}" y2="{y1:g}"/>')

    def svg(self):
        return "\n".join([*self.parts, "</svg>"]) + "\n"


def step():
    d = Drawing(880, 524, "Data flow of a training step")
    d.text(20, 30, "lnsp_trainer_step: three phases", "head", "start")
    d.text(20, 62, "1  forward and backward", "", "start")
    d.text(20, 80, "no weight changes", "small", "start")
    d.box(20, 100, 120, 60, ["inputs", ("checked, copied", "small")], "a")
    for i, name in enumerate(["layer 1", "layer 2", "layer n"]):
        d.box(190 + 165 * i, 100, 105, 60, [name, ("forward", "small")])
        d.box(190 + 165 * i, 215, 105, 60, [name, ("backward", "small")])
        d.arrow((242 + 165 * i, 160), (242 + 165 * i, 213))
        d.arrow((242 + 165 * i, 275), (242 + 165 * i, 328))
    d.text(250, 190, "saved values", "small", "start")
    d.arrow((140, 130), (188, 130))
    d.arrow((295, 130), (353, 130), label="values", at=(324, 120))
    d.arrow((460, 130), (518, 130), label="values", at=(489, 120))
    d.box(690, 60, 130, 42, ["target"], "a")
    d.box(690, 160, 130, 60, ["loss", ("and its gradient", "small")], "c")
    d.arrow((625, 130), (730, 130), (730, 158), label="output", at=(672, 120))
    d.arrow((780, 102), (780, 158))
    d.arrow((755, 220), (755, 245), (627, 245), label="dL/dy", at=(690, 237))
    d.arrow((518, 245), (462, 245), label="dvalues", at=(490, 265))
    d.arrow((353, 245), (297, 245), label="dvalues", at=(325, 265))
    d.box(190, 330, 435, 64, ["uses: a list of where the input rows and the", ("gradient rows of each matrix are", "")], "box dash")
    d.text(20, 456, "2  finite check", "", "start")
    d.text(20, 474, "refuses, or goes on", "small", "start")
    d.text(520, 420, "3  update", "", "start")
    d.arrow((300, 394), (300, 428))
    d.box(190, 430, 220, 60, ["finite check", ("bounds from the rows' norms", "small")], "c")
    d.arrow((410, 460), (518, 460), label="good", at=(464, 452))
    d.box(520, 430, 300, 60, ["update: the optimizer", ("forms a tile of the gradient at a time", "small")], "b")
    d.text(190, 510, "else LNSP_E_NOT_FINITE: nothing has changed", "small", "start")
    return d


def trainer_block(lnsp):
    run = subprocess.run([lnsp, "info", "--json", "--memory", "student"], capture_output=True, check=True)
    bytes_of = json.loads(run.stdout)["trainer_memory"]
    parts = [
        ("plan_bytes", "handle, graph, plan", "struct lnsp_trainer, layers, texts, the list of uses", "box"),
        ("weight_bytes", "weights", "float32, matrices in panels of 64 outputs", "a"),
        ("moment_bytes", "moments", "two numbers a weight with Adam, laid out like weights", "a"),
        ("average_bytes", "average", "with ema=", "a dash"),
        ("residual_bytes", "residual", "with residual=1: what lossy deltas left out", "a dash"),
        ("gradient_bytes", "sum of gradients", "with accumulate=N", "d dash"),
        ("undo_bytes", "marks", "with history: each as large as the blue parts", "d dash"),
        ("activation_bytes", "values, gradients of values", "of every layer, for the most rows of a call", "b"),
        ("workspace_bytes", "workspace", "target, scratch of the loss, gradients of small tensors", "c"),
    ]
    d = Drawing(880, 536, "The memory block of a trainer")
    d.text(20, 30, "One block: the trainer of a student with Adam, one row a call", "head", "start")
    d.text(20, 52, "lnsp info --json --memory student", "mono", "start")
    d.text(120, 84, "offset", "small", "end")
    d.text(470, 84, "bytes", "small", "end")
    at, y = 0, 95
    for key, name, what, kind in parts:
        size = bytes_of[key]
        h = 62 if size > 1e6 else 42 if size else 34
        d.box(135, y, 230, h, [name], kind)
        if size:
            d.text(120, y + 16, f"{at:,}", "mono", "end")
        d.text(470, y + h / 2 + 4, f"{size:,}" if size else "not here", "mono" if size else "small", "end")
        d.text(484, y + h / 2 + 4, what, "small", "start")
        at += size
        y += h + 3
    d.text(120, y + 12, f"{at:,}", "mono", "end")
    if at != bytes_of["total_bytes"]:
        sys.exit("the parts of a trainer do not add up")
    return d


def panels():
    d = Drawing(880, 400, "Panels of a matrix")
    d.text(20, 30, "A matrix of 176 outputs and n inputs, in a file and in memory", "head", "start")
    d.text(150, 66, "file: row-major, [out][in]", "")
    kinds = ["a", "b", "c"]
    spans = [(0, 64), (64, 128), (128, 176)]
    y = 90
    for (low, high), kind in zip(spans, kinds):
        h = (high - low) * 1.4
        d.box(60, y, 180, h, [f"outputs {low} to {high - 1}", ("a row of n inputs each", "small")], kind)
        y += h
    d.arrow((60, 352), (240, 352), label="inputs, side by side", at=(150, 372))
    d.arrow((44, 90), (44, 336))
    d.text(24, 80, "out", "small", "start")
    d.arrow((260, 210), (350, 210), label="pack", at=(305, 200))
    d.text(610, 66, "memory: panels of 64 outputs, [out / 64][in][64]", "")
    x = 380
    for (low, high), kind in zip(spans, kinds):
        w = (high - low) * 2.5
        d.rect(x, 90, w, 190, kind)
        d.text(x + w / 2, 108, f"panel of {high - low}", "small")
        for r in range(5):
            y = 118 + 30 * r
            d.rect(x + 8, y, w - 16, 24, "box")
            name = ["in 0", "in 1", "in 2", "...", "in n-1"][r]
            d.text(x + w / 2, y + 16, f"{name}: {high - low}" if r != 3 else "...", "small", room=w - 18)
        x += w + 6
    lines = [
        "A kernel loads a line of a panel and multiplies it by one input. Each",
        "output is one lane of a register; its sum runs over the inputs in order.",
        "So neither the layout nor the width of registers changes a bit.",
        "The last panel has the outputs left, rounded up to 16, 32 or 48.",
    ]
    for i, line in enumerate(lines):
        d.text(380, 312 + 18 * i, line, "small", "start")
    return d


def marks():
    d = Drawing(880, 370, "The ring of marks")
    d.text(20, 30, "history = 3: a ring of three marks next to the live state", "head", "start")
    d.text(220, 64, "lnsp_trainer_mark copies", "")
    d.text(660, 64, "lnsp_trainer_rollback exchanges", "")
    d.line(440, 50, 440, 350)
    for i, (name, kind) in enumerate([("mark 0", "box"), ("mark 1", "box"), ("mark 2", "b")]):
        d.box(250, 90 + 76 * i, 150, 60, [name, (["step 100", "step 200", "step 300: newest"][i], "small")], kind)
    d.box(40, 166, 130, 60, ["live state", ("step 300", "small")], "a")
    d.arrow((170, 196), (210, 196), (210, 272), (248, 272))
    d.text(60, 252, "the next mark", "small", "start")
    d.text(60, 268, "goes to slot 0:", "small", "start")
    d.text(60, 284, "the oldest is", "small", "start")
    d.text(60, 300, "overwritten", "small", "start")
    d.arrow((400, 272), (420, 272), (420, 120), (402, 120))
    for i, (name, note, kind) in enumerate(
        [("mark 0", "step 100", "box"), ("mark 1", "was live: copied later", "d"), ("mark 2", "dropped: newer", "box dash")]
    ):
        d.box(680, 90 + 76 * i, 180, 60, [name, (note, "small")], kind)
    d.box(470, 166, 140, 60, ["live state", ("step 200: mark 1", "small")], "a")
    d.arrow((612, 186), (678, 186))
    d.arrow((678, 206), (612, 206))
    d.text(460, 260, "Two pointers change places.", "small", "start")
    d.text(460, 278, "The memory that was live takes", "small", "start")
    d.text(460, 296, "the copy before the next step", "small", "start")
    d.text(460, 314, "changes anything", "small", "start")
    d.text(460, 332, "(lnspi_history_copy_pending).", "small", "start")
    return d


def banks():
    d = Drawing(880, 390, "The banks of a store")
    d.text(20, 30, "A device in two banks; one counts, the other is for compaction", "head", "start")

    def bank(y, name, generation, records):
        d.text(20, y + 26, name, "", "start")
        d.text(20, y + 46, generation, "small", "start")
        x = 130
        for words, width, k in records:
            d.box(x, y, width, 64, words, k)
            x += width + 4
        d.rect(x, y, 860 - x, 64, "box dash")
        d.text((x + 860) / 2, y + 37, "erased" if 860 - x > 70 else "", "small")

    newest = [(["snapshot", ("version 3", "small")], 110, "a"), (["delta", ("version 4", "small")], 84, "b")]
    start = [(["header"], 74, "c"), (["descrip-", "tion"], 74, "box")]
    oldest = [(["snapshot", ("version 1", "small")], 110, "a"), (["delta", ("version 2", "small")], 84, "b")]
    bank(70, "bank 0", "generation 7", start + oldest + newest)
    d.arrow((720, 160), (720, 142))
    d.text(720, 176, "a commit writes one record here: payload, then head, then sync", "small", "end")
    d.text(130, 206, "full: compaction erases bank 1, copies the newest versions, syncs, then writes the header", "small", "start")
    d.arrow((115, 140), (115, 232))
    bank(234, "bank 1", "generation 8", start + newest)
    d.text(130, 326, "The bank with a good header of the higher generation counts. A power cut before that header is written", "small", "start")
    d.text(130, 344, "leaves bank 0 as it was. Each record is chained to the one before by a hash, so its end is found on open.", "small", "start")
    d.text(130, 362, "A delta is against the newest snapshot before it: a version is read from at most two records.", "small", "start")
    return d


def delta():
    d = Drawing(880, 400, "The life of a delta")
    d.text(20, 30, "From one device to another", "head", "start")
    d.text(140, 64, "device that learned", "small")
    d.text(735, 64, "device that receives", "small")
    d.box(30, 80, 90, 50, ["base"], "a")
    d.box(30, 170, 90, 50, ["trainer"], "b")
    d.box(30, 260, 90, 50, ["next"], "b")
    d.arrow((75, 130), (75, 168), label="create", at=(84, 154), anchor="start")
    d.arrow((75, 220), (75, 258), label="publish", at=(84, 244), anchor="start")
    d.box(200, 170, 130, 56, ["lnsp_delta", ("create", "small")], "c")
    d.arrow((120, 105), (165, 105), (165, 188), (198, 188))
    d.arrow((120, 285), (165, 285), (165, 208), (198, 208))
    d.box(400, 130, 150, 136, [("delta file", "head"), ("hash of base", "small"), ("hash of result", "small"), ("codec, payload", "small"), ("sender, number, code", "small")], "d")
    d.arrow((330, 198), (398, 198), label="save", at=(364, 190))
    d.box(620, 170, 110, 56, ["check", ("accept or apply", "small")], "c")
    d.arrow((550, 198), (618, 198), label="open", at=(584, 190))
    d.box(630, 80, 90, 50, ["base"], "a")
    d.arrow((675, 130), (675, 168))
    d.box(770, 173, 90, 50, ["next"], "b")
    d.arrow((730, 198), (768, 198))
    d.arrow((675, 226), (675, 288), label="refused: another base, damaged, too large, a judge said no", at=(860, 308), anchor="end")
    d.text(30, 350, "merge: deltas that follow each other as one.", "small", "start")
    d.text(30, 368, "invert: the exact delta that leads back.", "small", "start")
    d.text(330, 350, "aggregate: one delta from those of many devices (mean, median, trimmed mean).", "small", "start")
    d.text(330, 368, "A lossy codec is exact in this sense: both sides get the same bits.", "small", "start")
    return d


def threads():
    d = Drawing(880, 420, "Threads")
    d.text(20, 30, "Train in one thread, run in others", "head", "start")
    for y, name in [(100, "thread that trains"), (220, "thread that runs"), (310, "thread that runs")]:
        d.text(20, y + 5, name, "", "start")
        d.line(165, y, 860, y)
    d.box(180, 74, 110, 52, [("step, step, ...", "small")], "b")
    d.box(320, 74, 90, 52, ["publish"], "c")
    d.box(440, 74, 110, 52, [("step, step, ...", "small")], "b")
    d.box(580, 74, 90, 52, ["publish"], "c")
    d.box(700, 74, 110, 52, [("step, step, ...", "small")], "b")
    for y, swaps in [(220, (430, 690)), (310, (500, 740))]:
        left = 180
        for i, x in enumerate(swaps):
            d.box(left, y - 24, x - left - 46, 48, [f"runs model {i + 1}"], "a")
            d.box(x - 40, y - 24, 66, 48, [("rebind", "small")], "d")
            left = x + 32
        d.box(left, y - 24, 855 - left, 48, [("model 3", "small")], "a")
    d.arrow((365, 126), (365, 160), (425, 160), (425, 194), label="model 2", at=(398, 152))
    d.arrow((625, 126), (625, 160), (682, 160), (682, 194), label="model 3", at=(656, 152))
    d.text(20, 362, "A model never changes and counts its owners: it goes when the last session has left it.", "small", "start")
    d.text(20, 380, "A session or a trainer belongs to one thread at a time. A session on live weights runs between steps only.", "small", "start")
    d.text(20, 398, "The library starts no thread; with options->parallel, one call is split over threads of yours.", "small", "start")
    return d


def main():
    lnsp, folder = sys.argv[1], Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    drawings = {
        "step": step(), "trainer_block": trainer_block(lnsp), "panels": panels(), "marks": marks(),
        "banks": banks(), "delta": delta(), "threads": threads(),
    }
    wide = [f"{name}: {words}" for name, drawing in drawings.items() for words in drawing.wide]
    if wide:
        sys.exit("too wide for their places:\n" + "\n".join(wide))
    for name, drawing in drawings.items():
        (folder / f"{name}.svg").write_text(drawing.svg(), encoding="utf-8")


main()

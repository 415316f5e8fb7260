#!/usr/bin/env python3
"""Compares liblnsp with what one would take instead: same networks, one thread, one run.

    python3 bench/compare.py --install            peers into build/bench/venv, by name from PyPI
    python3 bench/compare.py --cpu 1              the table, build/bench/compare.md and .svg
    python3 bench/compare.py --cpu 1 --rows networks --peers torch,torch-fused
                                          the networks over five concepts of context
    python3 bench/compare.py --chart batch        time a vector by batch, batch.svg
    python3 bench/compare.py --chart width        one linear layer by width, width.svg

In every round each program that can do a row is timed for one short block before the next
row, A/B/A/B, and the order of the programs rotates; so a machine that slows down slows all
of them. Samples have the same length for all. The ratio is that of the medians over the
whole run, peer / lnsp: above 1, lnsp is faster. A peer that cannot be started, or that cannot do
a row, is skipped; what it said stands in build/bench/peers.log.

A row is a work and a batch: W1.fwd:32. For works with a type (W1.fwd.int8, W1.train.m8) the
peers do the work without it, except that onnxruntime-int8 quantises by itself. OpenBLAS is
found through pkg-config (Debian: libopenblas-dev) and compiled here with the programs that
use it by hand.
"""
import argparse
import json
import os
import platform
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = ["onnxruntime", "onnxruntime-int8", "litert", "torch", "torch-fused", "jax",
         "onnxruntime-training", "openblas", "openblas-skylakex"]
ENVIRONMENT = {"openblas-skylakex": {"OPENBLAS_CORETYPE": "SkylakeX"}}
ROWS = (["W1.fwd:1", "W1.fwd:32", "W1.fwd:256", "W3.fwd:1", "W3.fwd:32", "W3.fwd:256",
         "S1.fwd:1", "S1.fwd:32"]
        + ["W1.fwd.bf16:1", "W1.fwd.int8:1", "W1.fwd.int8:32", "W1.fwd.int8:256",
           "W3.fwd.int8:1", "W3.fwd.int8:32", "W3.fwd.int8:256"]
        + ["W1.train:1", "W1.train:32", "W3.train:1", "W3.train:32", "S1.train:1",
           "S1.train:32", "W1.train.m8:1"])
GROUPS = {
    "networks": [f"{name}.{row}" for row in ("fwd:1", "train:32")
                 for name in ("amn", "gru", "transformer", "mamba")],
}
CHARTS = {
    "batch": [f"W1.{kind}:{b}" for kind in ("fwd", "train")
              for b in (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17, 24, 31, 32, 33, 48, 64)],
    "width": [f"L:{w}:{w}.fwd:{b}" for b in (1, 32)
              for w in (1, 3, 7, 16, 17, 31, 32, 33, 48, 63, 64, 65, 96, 100, 127, 128, 129, 192,
                        200, 255, 256, 257, 300, 384, 385, 500, 512)],
}


# ---- environments of the peers ----

def python_of(venv):
    return os.path.join(venv, "bin", "python")


def install(build):
    """Two environments: ONNX Runtime Training brings a module of ONNX Runtime's name."""
    wanted = {"venv": ["-r", os.path.join(HERE, "requirements.txt")],
              "venv-training": ["onnxruntime-training-cpu", "onnx", "numpy"]}
    status = 0
    for name, packages in wanted.items():
        venv = os.path.join(build, name)
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        done = subprocess.run([python_of(venv), "-m", "pip", "install", "-q", *packages])
        if done.returncode:
            print(f"{venv}: pip could not install {' '.join(packages)}", file=sys.stderr)
            status = 1
    # the training package asks for torch on import: it finds that of the first environment
    first, second = (subprocess.run(
        [python_of(os.path.join(build, name)), "-c", "import site; print(site.getsitepackages()[0])"],
        capture_output=True, text=True, check=True).stdout.strip() for name in wanted)
    with open(os.path.join(second, "peers.pth"), "w", encoding="utf-8") as path:
        path.write(first + "\n")
    return status


def interpreter(peer, options):
    given = dict(p.split("=", 1) for p in options.python)
    family = peer.split("-")[0]
    venv = "venv-training" if peer == "onnxruntime-training" else "venv"
    own = python_of(os.path.join(options.build, venv))
    return given.get(peer) or given.get(family) or (own if os.path.exists(own) else sys.executable)


def compile_openblas(folder):
    program = os.path.join(folder, "openblas")
    if not os.path.exists(program):
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "openblas"],
                               capture_output=True, text=True).stdout
        subprocess.run([os.environ.get("CC", "cc"), "-O3", "-march=native", "-ffp-contract=fast",
                        "-fno-math-errno", os.path.join(HERE, "peers", "openblas.c"), "-o", program,
                        *shlex.split(flags or "-lopenblas"), "-lm"], check=True,
                       capture_output=True, text=True)
    return [program]


def command(peer, options, folder):
    if peer == "lnsp":
        return [options.lnsp, "--serve", *(["--isa", options.isa] if options.isa else []),
                *(["--cpu-time"] if options.cpu_time else [])]
    if peer.startswith("openblas"):
        if options.cpu_time:
            raise RuntimeError("it knows no --cpu-time")
        return compile_openblas(folder)
    return [interpreter(peer, options), os.path.join(HERE, "peers", "worker.py"), peer, folder,
            *(["cpu"] if options.cpu_time else [])]


class Program:
    """A peer that answers."""

    def __init__(self, name, options, folder, log):
        self.name, self.started = name, time.perf_counter()
        self.process = subprocess.Popen(
            command(name, options, folder), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=log, text=True, env={**os.environ, **ENVIRONMENT.get(name, {})})
        hello = self.process.stdout.readline()
        if not hello.startswith("READY"):
            raise RuntimeError("it did not start; see peers.log")
        self.version = hello[6:].strip()
        self.cannot = set()

    def time(self, work, batch, milliseconds, sample_us):
        """Samples in microseconds, or [] where it cannot do the work."""
        if (work, batch) in self.cannot:
            return []
        try:
            self.process.stdin.write(f"{work} {batch} {milliseconds} {sample_us}\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline().split()
        except BrokenPipeError:
            answer = []
        if not answer or answer == ["NA"]:
            self.cannot.add((work, batch))
            return []
        return [float(a) for a in answer]

    def peak_kb(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1])
        return 0

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def start(names, options, folder, log):
    programs = []
    for name in names:
        try:
            programs.append(Program(name, options, folder, log))
            print(f"# {name}: {programs[-1].version}", flush=True)
        except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
            print(f"# {name}: skipped ({error})", flush=True)
    return programs


# ---- measuring ----

def split_row(row):
    """W1.fwd.int8:32 -> (W1.fwd.int8, W1.fwd, 32)"""
    work, batch = row.rsplit(":", 1)
    parts = work.split(".")
    return work, ".".join(parts[:2]), int(batch)


def measure(programs, rows, options):
    """{(program, work, batch): samples}; peers are asked once for works that differ in type."""
    results = {}
    for turn in range(options.rounds):
        order = programs[turn % len(programs):] + programs[:turn % len(programs)]
        done = set()
        for row in rows:
            work, plain, batch = split_row(row)
            for program in order:
                key = (program.name, work if program.name == "lnsp" else plain, batch)
                if key in done:
                    continue
                done.add(key)
                samples = program.time(key[1], batch, options.block_ms, options.sample_us)
                results.setdefault(key, []).extend(samples)
        print(f"\rround {turn + 1} of {options.rounds}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return {key: samples for key, samples in results.items() if samples}


def first_calls(names, options, folder, log):
    """{(program, work): (seconds from start to first answer, peak kB)} in fresh processes."""
    found = {}
    for name in names:
        for work in ("W1.fwd", "W1.train", "S1.fwd", "S1.train"):
            try:
                program = Program(name, options, folder, log)
            except (OSError, RuntimeError, subprocess.CalledProcessError):
                break
            if program.time(work, 1, 0, 0):
                found[name, work] = (time.perf_counter() - program.started, program.peak_kb())
            program.close()
    return found


# ---- what people read ----

def machine():
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:
            model = next((line.split(":", 1)[1].strip() for line in info
                          if line.startswith("model name")), model)
    except OSError:
        pass
    return f"{model}, {platform.system()} {platform.release()}, Python {platform.python_version()}"


def columns(results):
    used = {name for name, _, _ in results}
    return [p for p in PEERS if p in used]


def median_and_least(results, name, work, batch):
    samples = results.get((name, work, batch))
    return (statistics.median(samples), min(samples)) if samples else (None, None)


def ratio_table(results, rows):
    """[(row, our median, our least, {peer: (ratio of medians, ratio of minima)})]"""
    table = []
    for row in rows:
        work, plain, batch = split_row(row)
        median, least = median_and_least(results, "lnsp", work, batch)
        if median is None:
            continue
        ratios = {}
        for peer in columns(results):
            theirs, theirs_least = median_and_least(results, peer, plain, batch)
            if theirs is not None:
                ratios[peer] = (theirs / median, theirs_least / least)
        table.append((f"{work} {batch}", median, least, ratios))
    return table


def markdown(results, rows, first, versions):
    peers = columns(results)
    lines = [f"One core of {machine()}.", ""]
    lines += [f"- {name}: {version}" for name, version in versions.items()]
    lines += ["", "Ratio of medians (of minima): how many times as long as lnsp.", "",
              "| work, batch | lnsp µs, median (least) | " + " | ".join(peers) + " |",
              "| --- | ---: |" + " ---: |" * len(peers)]
    for name, median, least, ratios in ratio_table(results, rows):
        cells = [f"{ratios[p][0]:.2f} ({ratios[p][1]:.2f})" if p in ratios else "–" for p in peers]
        lines.append(f"| {name} | {median:.1f} ({least:.1f}) | " + " | ".join(cells) + " |")
    lines += ["", "Microseconds, median (least).", "",
              "| work, batch | lnsp | " + " | ".join(peers) + " |",
              "| --- | ---: |" + " ---: |" * len(peers)]
    for row in rows:
        work, plain, batch = split_row(row)
        cells = []
        for name in ["lnsp"] + peers:
            median, least = median_and_least(results, name, work if name == "lnsp" else plain,
                                             batch)
            cells.append("–" if median is None else f"{median:.1f} ({least:.1f})")
        if cells[0] != "–":
            lines.append(f"| {work} {batch} | " + " | ".join(cells) + " |")
    if first:
        lines += ["", "A fresh process, from its start to its first result at batch 1: "
                  "milliseconds, peak resident memory.", "",
                  "| program | work | ms | kB |", "| --- | --- | ---: | ---: |"]
        lines += [f"| {name} | {work} | {1e3 * seconds:.1f} | {kb:,} |"
                  for (name, work), (seconds, kb) in first.items()]
    return "\n".join(lines) + "\n"


def style(name):
    """The same colour and marker for a program in every chart."""
    i = PEERS.index(name) + 1 if name in PEERS else 0
    return {"color": f"C{i}", "marker": ".osv^D<>Px"[i % 10], "label": name}


def pyplot():
    try:
        import matplotlib
    except ImportError:
        print("# no chart: matplotlib is not installed (compare.py --install)")
        return None
    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "lnsp", "svg.fonttype": "none", "font.size": 9})
    import matplotlib.pyplot
    return matplotlib.pyplot


def save(plot, figure, path):
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plot.close(figure)
    print(f"# {path}")


def draw_ratios(results, rows, path):
    plot = pyplot()
    table = ratio_table(results, rows)
    if not plot or not table:
        return
    peers = columns(results)
    figure, axes = plot.subplots(figsize=(8, 0.32 * len(table) + 1.4))
    for peer in peers:
        points = [(r[3][peer][0], y) for y, r in enumerate(table) if peer in r[3]]
        axes.plot([p[0] for p in points], [p[1] for p in points],
                  linestyle="", **style(peer))
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.set_yticks(range(len(table)), [r[0] for r in table])
    axes.invert_yaxis()
    axes.grid(True, axis="both", alpha=0.3)
    axes.set_xlabel("time / time of lnsp (medians; right of 1: lnsp is faster)")
    axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    save(plot, figure, path)


def draw_chart(results, rows, kind, path):
    """batch: us a vector by batch. width: GFLOP/s by width."""
    plot = pyplot()
    if not plot:
        return
    groups = {}
    for row in rows:
        work, _, batch = split_row(row)
        key = work if kind == "batch" else f"one linear layer, batch {batch}"
        groups.setdefault(key, []).append(row)
    figure, all_axes = plot.subplots(1, len(groups), figsize=(5 * len(groups), 4), squeeze=False)
    for axes, (title, members) in zip(all_axes[0], groups.items()):
        for name in ["lnsp"] + columns(results):
            points = []
            for row in members:
                work, plain, batch = split_row(row)
                median, _ = median_and_least(results, name, work if name == "lnsp" else plain,
                                             batch)
                if median is None:
                    continue
                if kind == "batch":
                    points.append((batch, median / batch))
                else:
                    width = int(work.split(".")[0].split(":")[1])
                    points.append((width, 2e-3 * width * width * batch / median))
            if points:
                axes.plot(*zip(*points), linewidth=2 if name == "lnsp" else 1, markersize=3,
                          **style(name))
        axes.set_title(title)
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_xlabel("batch" if kind == "batch" else "width in and out")
        axes.set_ylabel("µs a vector" if kind == "batch" else "GFLOP/s")
        axes.grid(True, alpha=0.3)
        axes.legend(fontsize=8)
    save(plot, figure, path)


def chart_table(results, rows):
    """The figures behind a chart."""
    peers = ["lnsp"] + columns(results)
    lines = ["| work, batch | " + " | ".join(peers) + " |",
             "| --- |" + " ---: |" * len(peers)]
    for row in rows:
        work, plain, batch = split_row(row)
        cells = []
        for name in peers:
            median, _ = median_and_least(results, name, work if name == "lnsp" else plain, batch)
            cells.append("–" if median is None else f"{median:.2f}")
        lines.append(f"| {work} {batch} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


# ---- the command ----

def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--install", action="store_true", help="install the peers, and end")
    parser.add_argument("--chart", choices=sorted(CHARTS), help="a chart instead of the table")
    parser.add_argument("--peers", default=",".join(PEERS),
                        help="NAME,...; default: all, %(default)s")
    parser.add_argument("--rows", help="WORK:BATCH,..., or networks (those over five concepts); "
                                       "default: those of docs/performance.md")
    parser.add_argument("--rounds", type=int, default=20,
                        help="turns of each program at each row; default %(default)s")
    parser.add_argument("--block-ms", type=float, default=10,
                        help="time of a program in a round; default %(default)g ms")
    parser.add_argument("--sample-us", type=float, default=200,
                        help="least length of a sample; default %(default)g us, or one call")
    parser.add_argument("--cpu", type=int, help="pin everything to this core")
    parser.add_argument("--cpu-time", action="store_true",
                        help="time of a process on its processor, not of the wall's clock: "
                             "for a machine that does other things, too")
    parser.add_argument("--isa", help="kernel set of lnsp")
    parser.add_argument("--build", default=os.path.join(HERE, "..", "build", "bench"),
                        help="folder of lnsp-bench, the venv and the results; default: build/bench")
    parser.add_argument("--lnsp", help="default: BUILD/lnsp-bench")
    parser.add_argument("--python", action="append", default=[], metavar="PEER=PYTHON",
                        help="another interpreter for a peer (torch=..., onnxruntime=...)")
    parser.add_argument("--out", help="where results go, without ending; default: BUILD/compare")
    options = parser.parse_args()
    unknown = [name for name in options.peers.split(",") if name and name not in PEERS]
    if unknown:
        parser.error(f"--peers: {unknown[0]} is none of {', '.join(PEERS)}")
    options.build = os.path.abspath(options.build)
    options.lnsp = options.lnsp or os.path.join(options.build, "lnsp-bench")
    options.out = options.out or os.path.join(options.build, options.chart or "compare")
    return options


def enter_own_python(options):
    """Charts need matplotlib, which the environment of the peers has."""
    own = python_of(os.path.join(options.build, "venv"))
    if os.path.exists(own) and os.path.abspath(sys.prefix) != os.path.dirname(os.path.dirname(own)):
        os.execv(own, [own, *sys.argv])


def main():
    options = arguments()
    if options.install:
        return install(options.build)
    enter_own_python(options)
    if not shutil.which(options.lnsp):
        print(f"{options.lnsp} is not there: make bench", file=sys.stderr)
        return 1
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    if options.cpu is not None:
        os.sched_setaffinity(0, {options.cpu})
    rows = CHARTS.get(options.chart, ROWS)
    if options.rows:
        rows = GROUPS.get(options.rows) or options.rows.split(",")
    names = ["lnsp"] + [p for p in options.peers.split(",") if p]
    with tempfile.TemporaryDirectory(prefix="lnsp-compare.") as folder, \
            open(os.path.join(options.build, "peers.log"), "w", encoding="utf-8") as log:
        programs = start(names, options, folder, log)
        if not programs or programs[0].name != "lnsp":
            return 1
        results = measure(programs, rows, options)
        for program in programs:
            program.close()
        first = {}
        if not options.chart and options.rows not in GROUPS:
            first = first_calls([p.name for p in programs], options, folder, log)
    with open(options.out + ".json", "w", encoding="utf-8") as file:
        json.dump({" ".join(map(str, key)): samples for key, samples in results.items()}, file)
    text = (chart_table(results, rows) if options.chart else
            markdown(results, rows, first, {p.name: p.version for p in programs}))
    with open(options.out + ".md", "w", encoding="utf-8") as file:
        file.write(text)
    print(text)
    if options.chart:
        draw_chart(results, rows, options.chart, options.out + ".svg")
    else:
        draw_ratios(results, rows, options.out + ".svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())

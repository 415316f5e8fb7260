"""Runs federations of devices on this machine and draws what they learnt for how many bytes.

    python run.py                          dense and coded, on the demo's data, over loopback
    python run.py --engine simulation      the same with Flower's simulation
    python run.py --engine simulation --data FOLDER dense coded nan x100 flip5
    python run.py absent                   one joins late, one is killed and comes back

Each run is a federation of its own: Flower's SuperLink, a SuperNode for each client, and
`flwr run` of the app in this folder. Results go to build/flower (--out); the table and the
drawing at the end show all that are there, also of earlier runs."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DENSE = {"uplink": "float32", "downlink": "float32", "rule": "mean"}
RUNS: dict[str, dict[str, object]] = {
    "dense": DENSE,
    "coded": {},
    "uplink": {"downlink": "float32"},
    "mean": {"rule": "mean skip=1"},
    "nan": {"fault": "nan"},
    "x100": {"fault": "x100"},
    "flip5": {"fault": "flip5"},
    "replay": {"fault": "replay"},
    "die": {"fault": "die"},
    "absent": {"min-nodes": 7},
    "nan_mean": {"fault": "nan", "rule": "mean"},
    "x100_mean": {"fault": "x100", "rule": "mean"},
    "flip5_mean": {"fault": "flip5", "rule": "mean"},
}
# of the run "absent": after these rounds ...
LATE, KILLED = 7, 2  # ... these clients
JOINS, DIES, RETURNS = 3, 6, 12


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Federation:
    """A SuperLink, and SuperNodes if the engine is loopback."""

    def __init__(self, engine: str, clients: int, folder: Path) -> None:
        self.engine, self.clients, self.folder = engine, clients, folder
        self.port = free_port()
        self.home = folder / "flwr"
        self.home.mkdir(parents=True)
        (self.home / "config.toml").write_text(
            f'[superlink]\ndefault = "here"\n[superlink.here]\n'
            f'address = "127.0.0.1:{self.port}"\ninsecure = true\n'
        )
        binaries = str(Path(sys.executable).parent)
        self.environment = {
            **os.environ,
            "PATH": binaries + os.pathsep + os.environ.get("PATH", ""),
            "FLWR_HOME": str(self.home),
            "FLWR_TELEMETRY_ENABLED": "0",
            "FLWR_DISABLE_UPDATE_CHECK": "1",
            "RAY_USAGE_STATS_ENABLED": "0",
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *command: object) -> None:
        with open(self.folder / f"{name}.log", "ab") as log:
            self.processes[name] = subprocess.Popen(
                [str(word) for word in command],
                stdout=log,
                stderr=log,
                env=self.environment,
                start_new_session=True,
            )

    def stop(self, name: str, how: int = signal.SIGTERM) -> None:
        """Ends a process and what it started."""
        process = self.processes.pop(name)
        try:
            os.killpg(process.pid, how)
            process.wait(timeout=15)
        except ProcessLookupError:
            pass
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def node(self, number: int) -> None:
        self.start(
            f"client-{number}",
            "flower-supernode",
            "--insecure",
            "--superlink",
            f"127.0.0.1:{self.port}",
            "--port",
            free_port(),
            "--node-config",
            f"partition-id={number} num-partitions={self.clients}",
        )

    def __enter__(self) -> Federation:
        simulation = ["--simulation"] if self.engine == "simulation" else []
        self.start(
            "superlink",
            "flower-superlink",
            "--insecure",
            "--disable-runtime-dependency-installation",
            "--port",
            self.port,
            *simulation,
        )
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.1)
        raise RuntimeError(f"the SuperLink does not answer: see {self.folder}/superlink.log")

    def __exit__(self, *_: object) -> None:
        for name in reversed(list(self.processes)):
            self.stop(name)

    def run(self, config: dict[str, object]) -> None:
        toml = self.folder / "config.toml"
        toml.write_text("".join(f"{k} = {json.dumps(v)}\n" for k, v in config.items()))
        options = ["--stream"]
        if self.engine == "simulation":
            options += [
                "--federation-config",
                f"num-supernodes={self.clients} client-resources-num-cpus=1",
            ]
        self.start("run", "flwr", "run", HERE, "here", "--run-config", toml, *options)


def rounds_of(progress: Path) -> list[dict[str, object]]:
    if not progress.is_file():
        return []
    lines = progress.read_text().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def federate(
    name: str, engine: str, config: dict[str, object], folder: Path
) -> dict[str, object]:
    """One federation from start to end; its result."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    clients = int(str(config["clients"]))
    plan: dict[int, list[tuple[str, int]]] = {}
    absent = set()
    if name == "absent":
        absent = {LATE}
        plan = {
            JOINS: [("joins", LATE)],
            DIES: [("is killed", KILLED)],
            RETURNS: [("is back", KILLED)],
        }
    print(f"\n{name}: {engine}, {clients} clients", flush=True)
    print("round  cosine   up bytes  down bytes  replies", flush=True)
    progress, result = folder / "progress.jsonl", folder / "result.json"
    started = time.monotonic()
    with Federation(engine, clients, folder) as federation:
        if engine == "loopback":
            for number in range(clients):
                if number not in absent:
                    federation.node(number)
        federation.run({**config, "out": str(folder)})
        shown = 0
        while not result.is_file():
            for line in rounds_of(progress)[shown:]:
                shown += 1
                show(line)
                for what, number in plan.get(int(str(line["round"])), []):
                    print(f"       client {number} {what}", flush=True)
                    if what == "is killed":
                        federation.stop(f"client-{number}", signal.SIGKILL)
                    else:
                        federation.node(number)
            if federation.processes["run"].poll() not in (None, 0):
                raise RuntimeError(f"flwr run failed: see {folder}/run.log")
            time.sleep(0.2)
        for line in rounds_of(progress)[shown:]:
            show(line)
    print(f"{time.monotonic() - started:.0f} s", flush=True)


def show(line: dict[str, object]) -> None:
    left_out = ", ".join(
        f"client {client} left out: {status}"
        for client, status in dict(line.get("left_out") or {}).items()  # type: ignore[call-overload]
    )
    print(
        f"{line['round']:5}  {line['cosine']:.4f}  {line['up']:9,}  {line['down']:10,}  "
        f"{line.get('replies', 0):7}  {left_out or line.get('refused') or ''}",
        flush=True,
    )


def setting(pair: str) -> tuple[str, object]:
    """KEY=VALUE, a number if it reads like one."""
    key, _, value = pair.partition("=")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="*", metavar="RUN", help=", ".join(RUNS))
    parser.add_argument("--engine", choices=("loopback", "simulation"), default="loopback")
    parser.add_argument("--data", type=Path, default=ROOT / "examples" / "demo")
    parser.add_argument(
        "--base", type=Path, default=ROOT / "examples" / "demo" / "base.safetensors"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "flower")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seed", type=int, default=727)
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="any other key of the app's configuration, e.g. uplink=sign",
    )
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # which ends what was started
    names = asked.runs or ["dense", "coded"]
    for name in names:
        if name not in RUNS:
            parser.error(f"there is no run {name!r}; there are {', '.join(RUNS)}")
    for name in names:
        config: dict[str, object] = {
            "base": str(asked.base.resolve()),
            "data": str(asked.data.resolve()),
            "clients": asked.clients,
            "min-nodes": asked.clients,
            "rounds": asked.rounds,
            "seed": asked.seed,
            **RUNS[name],
        }
        if name == "absent":
            config["min-nodes"] = asked.clients - 1
        config.update(setting(pair) for pair in asked.set)
        federate(name, asked.engine, config, asked.out.resolve() / name)

    from plot import draw, table

    found = {name: asked.out / name / "result.json" for name in RUNS}
    results = {n: json.loads(path.read_text()) for n, path in found.items() if path.is_file()}
    print("\n" + table(results))
    drawing = asked.out / "cosine.svg"
    drawing.write_text(draw(results))
    print(f"\n{drawing}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

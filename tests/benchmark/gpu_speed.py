"""Times archgraph on an NVIDIA GPU beside torch and ONNX Runtime, and prints a Markdown table.

    python tests/benchmark/gpu_speed.py --seconds 240 [--folder FOLDER] [--results FILE] [--only WORD]

First all files are exported, many at a time; then each contender has a process of its own, those of a network and a
batch take turns, and a row states the median of the turns and their range. Float32 means without TF32. `run` begins
and ends with arrays of the host, as a user calls a session; `bound` leaves inputs and outputs on the device. Last come
a step of training, `archgraph train`, and torch.compile, as far as the time allows. `--device cpu` tries the command on
small networks.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from gpu_networks import FILES, networks  # noqa: E402 - it lies in the folder that was just named

INFERENCE = (
    *("torch float32", "torch float16", "onnxruntime float32"),
    *("ours portable32", "ours cuda32", "ours cuda16", "ours cuda16 graph", "ours cuda32 graph"),
)
TRAINING = ("training theirs float32", "training ours float32", "training theirs bfloat16", "training ours bfloat16")
TRAIN_COMMAND = "archgraph train"
COMPILED = ("torch compiled", "torch compiled float16")
ALL = (*INFERENCE, *TRAINING, TRAIN_COMMAND, *COMPILED)
ROUNDS = 3
STARTING, COMPILING = 90.0, 150.0
"""Seconds after which a contender that is not ready is left out."""
PREPARING = 0.45
"""The part of the time after which files that are not exported yet are left out."""
LATEST = {"training": 0.85, "train": 0.9}
"""The part of the time after which these are not begun any more."""
TRAIN_STEPS = 100


@dataclass(frozen=True)
class Settings:
    """Where and how long."""

    device: str
    folder: Path
    end: float
    results: Path | None
    contenders: frozenset[str] = frozenset(ALL)

    @property
    def left(self) -> float:
        """Seconds."""
        return self.end - time.monotonic()

    def note(self, **line: Any) -> None:
        """Prints a result at once, and keeps it."""
        text = json.dumps(line)
        print(text, flush=True)
        if self.results is not None:
            with self.results.open("a") as file:
                print(text, file=file)


# -- files -------------------------------------------------------------------------------------------------------------


def prepare(files: Sequence[str], settings: Settings, end: float, workers: int) -> None:
    """Exports all files, the large ones first, so many at a time; those that are not done in time are left out."""
    waiting = [file for file in files if not (settings.folder / file).is_dir()]
    running: dict[str, tuple[subprocess.Popen[bytes], float]] = {}
    while (waiting or running) and time.monotonic() < end:
        while waiting and len(running) < workers:
            file = waiting.pop(0)
            running[file] = _exporting(file, settings), time.monotonic()
        for file, (process, start) in list(running.items()):
            if process.poll() is not None:
                del running[file]
                error = _last_lines(settings.folder / f"{file}.log") if process.returncode else ""
                settings.note(exported=file, seconds=round(time.monotonic() - start, 1), error=error)
        time.sleep(0.1)
    for file, (process, _) in running.items():
        process.kill()
        settings.note(exported=file, error="not done in time")


def _exporting(file: str, settings: Settings) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(HERE / "gpu_networks.py"), "prepare", file, settings.device, str(settings.folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "CUDA_VISIBLE_DEVICES": ""}
    with (settings.folder / f"{file}.log").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, env=environment)


def _last_lines(path: Path) -> str:
    return path.read_text(errors="replace")[-600:]


# -- contenders --------------------------------------------------------------------------------------------------------


class Contender:
    """A process that is asked in turns."""

    def __init__(self, name: str, network: str, batch: int, settings: Settings):
        self.name, self.log = name, settings.folder / f"{name} {network} {batch}.log"
        where = [network, str(batch), settings.device, str(settings.folder)]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(HERE / "gpu_networks.py"), "serve", name, *where],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                bufsize=1,
            )
        self.times: dict[str, list[float]] = defaultdict(list)

    def answer(self, seconds: float) -> str:
        """The next line; '' where the process has ended, or none comes in time."""
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], max(seconds, 0))
        return self.process.stdout.readline() if ready else ""

    def turn(self, seconds: float) -> bool:
        """One turn; whether it came to an end."""
        assert self.process.stdin is not None
        try:
            print(file=self.process.stdin, flush=True)
        except OSError:
            return False
        line = self.answer(seconds)
        for kind, value in json.loads(line or "{}").items():
            self.times[kind].append(value)
        return bool(line)

    def end(self) -> None:
        """Frees the device."""
        self.process.kill()
        self.process.wait()


def row(names: Sequence[str], network: str, batch: int, settings: Settings) -> Iterator[dict[str, Any]]:
    """The figures of all contenders for a network and a batch, which begin together and then take turns."""
    contenders = [Contender(name, network, batch, settings) for name in names if name in settings.contenders]
    last = time.monotonic() + min(settings.left, COMPILING if names == COMPILED else STARTING)
    try:
        ready = [each for each in contenders if each.answer(last - time.monotonic()) == "ready\n"]
        for each in contenders:
            if each not in ready:
                each.end()
                yield {"contender": each.name, "network": network, "batch": batch, "error": _last_lines(each.log)}
        for turn in range(ROUNDS):
            for each in ready if turn % 2 else reversed(ready):
                if settings.left > 0 and not each.turn(min(settings.left, 60)):
                    each.end()
        for each in ready:
            found = {kind: times for kind, times in each.times.items() if times}
            error = "" if found else _last_lines(each.log) or "no time left"
            yield {"contender": each.name, "network": network, "batch": batch, "error": error, **found}
    finally:
        for each in contenders:
            each.end()


# -- archgraph train ---------------------------------------------------------------------------------------------------

TRAIN = """
import sys, tempfile, time
import archgraph as ag
from archgraph.training import Machine, TrainingRequest, train
device, precision, steps = sys.argv[1:]
start = time.perf_counter()
with tempfile.TemporaryDirectory() as folder:
    ordered = TrainingRequest("digits", {"steps": int(steps), "check_every": int(steps)})
    train(ag.load("digits_resnet"), ordered, folder + "/run", Machine(device, precision=precision))
print(time.perf_counter() - start)
"""


def trained(settings: Settings) -> None:
    """`archgraph train` on the digits, a few steps in each precision."""
    for precision in ("32-true", "bf16-mixed", "16-mixed")[: 3 if settings.device == "cuda" else 2]:
        command = [sys.executable, "-c", TRAIN, settings.device, precision, str(TRAIN_STEPS)]
        try:
            ran = subprocess.run(command, capture_output=True, text=True, timeout=max(settings.left, 1), check=False)
            seconds, error = (ran.stdout.split() or [""])[-1], ran.stderr[-600:] if ran.returncode else ""
        except subprocess.TimeoutExpired:
            seconds, error = "", "no time left"
        settings.note(train="digits_resnet", precision=precision, steps=TRAIN_STEPS, seconds=seconds, error=error)


# -- the whole ---------------------------------------------------------------------------------------------------------


def line(figures: dict[str, Any]) -> str:
    """The row of the table: medians in milliseconds, with their range."""
    cells = [figures["network"], str(figures["batch"]), figures["contender"]]
    for kind in ("run", "bound"):
        times = [1e3 * each for each in figures.get(kind, ())]
        told = f"{statistics.median(times):.2f} ({min(times):.2f}–{max(times):.2f})" if times else "–"
        cells.append(told)
    memory = max(figures.get("memory", [0.0]))
    cells.append(f"{memory:.2f}" if memory else "–")
    cells.append(" ".join(figures["error"].split())[-120:].replace("|", "/"))
    return f"| {' | '.join(cells)} |"


def measure(settings: Settings, only: str, workers: int) -> Iterator[dict[str, Any]]:
    """All rows, as long as there is time."""
    total, start = settings.left, time.monotonic()
    known = {name: each for name, each in networks(settings.device).items() if only in name and each.batches}
    kinds = [kind for kind in FILES if any(kind in name.split() for name in settings.contenders)]
    kinds += ["torch"] if "onnxruntime float32" in settings.contenders else []
    files = [f"{name}-{kind}" for name in reversed(known) for kind in reversed(kinds)]
    prepare(files, settings, start + PREPARING * total, workers)
    for name, network in known.items():
        for batch in network.batches:
            if settings.left > 0:
                yield from row(INFERENCE, name, batch, settings)
    if settings.left > (1 - LATEST["training"]) * total and "resnet50" in known:
        yield from row(TRAINING, "resnet50", networks(settings.device)["resnet50"].batches[-1], settings)
    if settings.left > (1 - LATEST["train"]) * total and TRAIN_COMMAND in settings.contenders:
        trained(settings)
    for name, network in known.items():
        if settings.left > 0.1 * total:
            yield from row(COMPILED, name, network.batches[-1], settings)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--folder", type=Path, help="where the files are made, or found")
    parser.add_argument("--results", type=Path, help="a file for all results, as lines of JSON")
    parser.add_argument("--only", default="", help="networks whose name holds this word")
    parser.add_argument("--workers", type=int, default=8, help="exports at a time")
    parser.add_argument("--contenders", nargs="+", choices=ALL, default=ALL, help="those that are timed; all of them")
    given = parser.parse_args()
    end = time.monotonic() + given.seconds
    rows = []
    with tempfile.TemporaryDirectory() as place:
        folder = given.folder or Path(place)
        folder.mkdir(parents=True, exist_ok=True)
        settings = Settings(given.device, folder, end, given.results, frozenset(given.contenders))
        for figures in measure(settings, given.only, given.workers):
            settings.note(**figures)
            rows.append(figures)
    print("\n| network | batch | contender | run, ms | bound, ms | GiB of torch | |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    print(*map(line, rows), sep="\n", flush=True)


if __name__ == "__main__":
    main()

"""Times exported files beside torch.onnx's own export of the published networks and prints a Markdown table.

    python tests/benchmark/exported_latency.py prepare --folder FOLDER
    python tests/benchmark/exported_latency.py measure --folder FOLDER [--rounds 7] [--only WORD]

`prepare` writes both files of each network from the same random weights and compares their outputs; torch's exports
take minutes, and those that lie in the folder already are kept. Without a word, both follow each other. Each file runs
in a process of its own on ONNX Runtime's CPU provider; the two of a row take turns, and a row states medians and their
ratio.
"""

from __future__ import annotations

import argparse
import contextlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]
warnings.simplefilter("ignore")

NETWORKS = (
    *("swin_t", "regnet_y_400mf", "efficientnet_b0", "convnextv2_atto", "inception_v3", "maxvit_t"),
    *("deeplabv3_resnet50", "gpt2_small", "bert_base_uncased", "wav2vec2_base", "whisper_tiny", "r3d_18"),
)
BATCHES = (1, 8)
KINDS = ("ours", "theirs")
TARGET = 1.03
SETTLING = 0.2
"""Seconds at the beginning of a turn that do not count: the other file has had the caches and the cores."""
TURN = 0.6
"""Seconds of a turn that count; a call that takes longer is a turn of its own."""


def serve(name: str, kind: str, batch: int, folder: Path) -> None:
    """Answers each line of the input with the median seconds of the calls of one turn."""
    import latency_networks

    call = latency_networks.call(name, kind, batch, folder)
    call()
    print("ready", flush=True)
    for _ in sys.stdin:
        timed(call, SETTLING)
        print(statistics.median(timed(call, TURN)), flush=True)


def timed(call: Callable[[], Any], seconds: float) -> list[float]:
    """Seconds of each call, until they sum up to as many as given; one call at least."""
    times: list[float] = []
    while sum(times) < seconds:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return times


def alternated(name: str, batch: int, rounds: int, folder: Path) -> dict[str, list[float]]:
    """Medians of the turns of both files, whose processes wait for each other."""
    times: dict[str, list[float]] = {kind: [] for kind in KINDS}
    with contextlib.ExitStack() as stack:
        running = {kind: stack.enter_context(_process(name, kind, batch, folder)) for kind in KINDS}
        for process in running.values():
            if process.stdout.readline() != "ready\n":
                raise SystemExit(f"{name} failed:\n{process.stderr.read()}")
        for turn in range(rounds):
            for kind in KINDS if turn % 2 else reversed(KINDS):
                running[kind].stdin.write("\n")
                running[kind].stdin.flush()
                times[kind].append(float(running[kind].stdout.readline()))
        for process in running.values():
            process.stdin.close()
    return times


def _process(name: str, kind: str, batch: int, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, "serve", "--folder", str(folder), "--of", name, kind, str(batch)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def row(name: str, batch: int, times: dict[str, list[float]], sizes: str) -> str:
    """The line of the table."""
    ours, theirs = (statistics.median(times[kind]) for kind in KINDS)
    ratios = [a / b for a, b in zip(times["ours"], times["theirs"], strict=True)]
    verdict = "met" if round(ours / theirs, 2) <= TARGET else "missed"
    told = f"{ours / theirs:.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    return f"| {name}, {sizes} | {batch} | {1e3 * ours:.1f} ms | {1e3 * theirs:.1f} ms | {told} | {verdict} |"


def measure(names: list[str], rounds: int, folder: Path) -> None:
    """Prints the table."""
    import latency_networks

    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "onnxruntime-gpu", "torchvision"))
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, {packages}\n")
    print(f"| network, sizes | batch | archgraph | torch.onnx | ratio (turns), ≤ {TARGET} | |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in names:
        network = latency_networks.NETWORKS[name]
        sizes = ", ".join(f"{size} = {number}" for size, number in network.sizes.items())
        for batch in BATCHES:
            print(row(name, batch, alternated(name, batch, rounds, folder), sizes or "one size"), flush=True)


def prepare(names: list[str], folder: Path) -> None:
    """Both files of each network, each network in its own process."""
    folder.mkdir(exist_ok=True, parents=True)
    for name in names:
        start = time.perf_counter()
        subprocess.run([sys.executable, __file__, "export", "--folder", str(folder), "--of", name], check=True)
        print(f"{time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)


def export(name: str, folder: Path) -> None:
    import latency_networks

    with contextlib.redirect_stdout(sys.stderr):  # torch's exporter reports there
        difference = latency_networks.prepare(name, folder)
    print(f"{name}: outputs differ by {difference:.1e} of the largest", end=", ", file=sys.stderr, flush=True)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("part", nargs="?", default="all", choices=("all", "prepare", "measure", "export", "serve"))
    arguments.add_argument("--folder", type=Path, help="where the files are made, or found")
    arguments.add_argument("--rounds", type=int, default=7)
    arguments.add_argument("--only", default="", help="networks whose name holds this word")
    arguments.add_argument("--of", nargs="+", help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.part == "serve":
        name, kind, batch = given.of
        return serve(name, kind, int(batch), given.folder)
    if given.part == "export":
        return export(given.of[0], given.folder)
    names = [name for name in NETWORKS if given.only in name]
    with tempfile.TemporaryDirectory() as place:
        folder = given.folder or Path(place)
        if given.part != "measure":
            prepare(names, folder)
        if given.part != "prepare":
            measure(names, given.rounds, folder)
    return None


if __name__ == "__main__":
    main()

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
from importlib.metadata import version
from pathlib import Path

from turns import alternated, answer_turns

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


def serve(name: str, kind: str, batch: int, folder: Path) -> None:
    """Answers each line of the input with the median seconds of the calls of one turn."""
    import latency_networks

    answer_turns(latency_networks.call(name, kind, batch, folder))


def _times(name: str, batch: int, rounds: int, folder: Path) -> dict[str, list[float]]:
    """Medians of the turns of both files."""
    of = ["serve", "--folder", str(folder), "--of", name]
    return alternated({kind: [sys.executable, __file__, *of, kind, str(batch)] for kind in KINDS}, rounds)


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
            print(row(name, batch, _times(name, batch, rounds, folder), sizes or "one size"), flush=True)


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

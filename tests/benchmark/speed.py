"""Times archgraph beside its peers and prints a Markdown table.

    python tests/benchmark/speed.py [--rounds 5] [--only WORD] [--peers PYTHON]

Each contender runs in its own process, contenders of a row take turns, and a row states the medians and their ratio
with its 95 % interval (of 2,000 bootstrap samples), whose upper end is judged.
`--folder` keeps the files that are compared.
"""

from __future__ import annotations

import argparse
import contextlib
import platform
import random
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Row:
    """One comparison: what we do, what the peer does, and the ratio (or the seconds) that is promised."""

    work: str
    ours: str
    peer: str | None
    target: float
    slow: bool = False
    needs: str = ""
    """A package that only the peer needs. It runs in the environment of `--peers`; without one the row is left out."""


NETWORKS = {"resnet50": "resnet50", "ddpm": "`ddpm@cifar10`"}
ROWS = [
    Row("`archgraph check resnet50` against `import torch`", "process_check_resnet50", "process_import_torch", 0.19),
    Row("`archgraph check sd_unet@sdxl`, seconds", "process_check_sdxl", None, 0.25),
    Row(
        "load `ddpm@cifar10`, whole process, against `import torch`", "process_load_ddpm", "process_import_torch", 0.25
    ),
    Row("elaborate resnet50 again, against mlnode's first", "load_resnet50_again", "mlnode", 1, needs="mlnode"),
    Row("elaborate `ddpm@cifar10`, first load, seconds", "elaborate_ddpm", None, 0.05),
    Row("elaborate `ddpm@cifar10`, later loads, seconds", "elaborate_ddpm_again", None, 0.05),
    Row("`to_torch` resnet50, first call", "to_torch_resnet50_first", "constructor_resnet50_first", 1.0),
    Row("`to_torch` resnet50, later calls", "to_torch_resnet50", "constructor_resnet50", 1.0),
    Row("`to_torch` `ddpm@cifar10`, first call", "to_torch_ddpm_first", "constructor_ddpm_first", 1.0),
    Row("`to_torch` `ddpm@cifar10`, later calls", "to_torch_ddpm", "constructor_ddpm", 1.0),
    Row("export `ddpm@cifar10` unverified, seconds", "export_ddpm", None, 0.5),
    Row("export `ddpm@cifar10` against torch.onnx.export", "export_ddpm", "export_ddpm_torch", 0.05, slow=True),
    Row("graph of `sd_unet@sd15` to bytes, without weights, seconds", "graph_sd", None, 0.2),
    Row("graph of `sd_unet@sd15` against mobius-onnx", "graph_sd", "graph_sd_mobius", 1.0, needs="mobius"),
    *(
        Row(
            f"latency resnet50, batch {n}, against torch's export, all sizes",
            f"ours_resnet50_{n}",
            f"free_resnet50_{n}",
            1,
        )
        for n in (1, 8)
    ),
    *(
        Row(
            f"latency {told}, batch {batch}, against torch's export, one size",
            f"fixed_{name}_{batch}",
            f"export_{name}_{batch}",
            1,
        )
        for name, told in NETWORKS.items()
        for batch in (1, 8)
    ),
    Row("latency resnet50, batch 1, against torch eager", "ours_resnet50_1", "eager_resnet50_1", 0.65),
    Row("latency `ddpm@cifar10`, batch 1, against torch eager", "ours_ddpm_1", "eager_ddpm_1", 0.55),
    Row("int8 resnet50, batch 1, against our float32", "int8_resnet50_1", "session_resnet50_1", 0.36),
    Row("int8 `ddpm@cifar10`, batch 1, against our float32", "int8_ddpm_1", "session_ddpm_1", 0.5),
    Row("int8 `ddpm@cifar10`, batch 8, against our float32", "int8_ddpm_8", "session_ddpm_8", 0.42),
    *(
        Row(
            f"{kind} {told}, batch 8, `Session` against ONNX Runtime's own, same file",
            f"{ours}_{name}_8",
            f"{whole}_{name}_8",
            1,
        )
        for kind, ours, whole in (("float32", "session", "ours"), ("int8", "int8", "int8_whole"))
        for name, told in NETWORKS.items()
    ),
    Row("DDIM, 50 steps, batch 1, against diffusers' pipeline", "ours_ddim_1", "pipeline_ddim_1", 0.56),
    Row("DDIM, 50 steps, batch 4, against diffusers' pipeline", "ours_ddim_4", "pipeline_ddim_4", 0.72),
    Row("DDIM, 50 steps, batch 1, int8, against diffusers' pipeline", "int8_ddim_1", "pipeline_ddim_1", 0.28),
    Row("DDIM, 50 steps, batch 4, int8, against diffusers' pipeline", "int8_ddim_4", "pipeline_ddim_4", 0.28),
]


def seconds(name: str, folder: Path, python: str = sys.executable) -> float:
    """One run of a contender in its own process."""
    command = [python, str(HERE / "contenders.py"), name, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr}")
    return float(done.stdout.strip().splitlines()[-1])


def alternated(names: list[str], turns: int, calls: int, folder: Path) -> dict[str, list[float]]:
    """Medians of a few calls at a time, the contenders' processes side by side and asked in turns.

    What else happens on the machine then meets both. While one is asked, the other sleeps.
    """
    command = [sys.executable, str(HERE / "contenders.py")]
    with contextlib.ExitStack() as stack:
        running = {}
        for name in names:
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
            running[name] = stack.enter_context(subprocess.Popen([*command, name, str(folder)], **pipes))
            if running[name].stdout.readline() != "ready\n":
                raise SystemExit(f"{name} failed")
        times: dict[str, list[float]] = {name: [] for name in names}
        for _ in range(turns):
            for name, process in running.items():
                process.stdin.write(f"{calls}\n")
                process.stdin.flush()
                times[name].append(float(process.stdout.readline()))
        for process in running.values():
            process.stdin.close()
    return times


def interval(ours: list[float], theirs: list[float] | None) -> tuple[float, float]:
    """The 95 % interval of the ratio of the medians, or of our median alone."""
    drawn = random.Random(0)

    def sampled(values: list[float]) -> float:
        return statistics.median(drawn.choices(values, k=len(values)))

    figures = sorted(sampled(ours) / (sampled(theirs) if theirs else 1.0) for _ in range(2_000))
    return figures[50], figures[-51]


def measured(row: Row, rounds: int, folder: Path, peers: str) -> str:
    """The row's line of the table. A figure is judged as it is told: a third digit would be noise."""
    names = [name for name in (row.ours, row.peer) if name]
    if row.work.startswith(("latency", "float32", "int8")):
        times = alternated(names, 3 * rounds, 20 if row.ours.endswith("_1") else 4, folder)
    else:
        times = {name: [] for name in names}
        # What takes some milliseconds is measured more often.
        for _ in range(min(rounds, 2) if row.slow else 3 * rounds if row.work.startswith("elaborate") else rounds):
            for name in times:
                python = peers if row.needs and name == row.peer else sys.executable
                times[name].append(seconds(name, folder, python))
    medians = {name: statistics.median(values) for name, values in times.items()}
    low, high = interval(times[row.ours], times.get(row.peer or ""))
    spread = f"{min(times[row.ours]):.4f}–{max(times[row.ours]):.4f}"
    peer = medians[row.peer] if row.peer else None
    figure = medians[row.ours] / peer if peer else medians[row.ours]
    told = f"{figure:.2f} ({low:.2f}–{high:.2f})" if peer else f"{figure:.3f} s ({low:.3f}–{high:.3f})"
    verdict = "met" if round(high, 2 if peer else 3) <= row.target else "missed"
    theirs = f"{peer:.4f} s" if peer else "–"
    return f"| {row.work} | {medians[row.ours]:.4f} s ({spread}) | {theirs} | {told} | ≤ {row.target:g} | {verdict} |"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--only", default="", help="rows whose text holds this word")
    arguments.add_argument("--folder", type=Path, help="where the compared files are made, or found")
    arguments.add_argument("--peers", default="", help="the Python of an environment with what this one lacks")
    given = arguments.parse_args()
    names = ("torch", "onnxruntime-gpu", "diffusers", "torchvision")
    packages = ", ".join(f"{name} {version(name)}" for name in names)
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, {packages}\n")
    print("| work | archgraph, median (range) | peer, median | figure | target | |")
    print("| --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as place:
        folder = given.folder or Path(place)
        rows = [row for row in ROWS if given.only in row.work and (given.peers or not row.needs)]
        needed = any(row.work.startswith(("latency", "float32", "int8", "DDIM")) for row in rows)
        if needed and not (folder / "ddpm_run_int8.onnx").is_file():
            folder.mkdir(exist_ok=True)
            command = [sys.executable, str(HERE / "contenders.py"), "prepare", str(folder)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        for row in rows:
            print(measured(row, given.rounds, folder, given.peers), flush=True)


if __name__ == "__main__":
    main()

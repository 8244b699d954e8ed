"""A survey of networks: results as JSON lines, so that it can be interrupted and goes on where it was."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from isolated_runs import BEGIN, Limits, Result, several

os.environ["CUDA_VISIBLE_DEVICES"] = ""  # forked processes could not use it, and every network runs on the CPU
os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parents[1]))

import import_networks as known
import torch

from archgraph.errors import ArchgraphError

MOST_GIGABYTES = 12


def parser(description: str | None, results: str) -> argparse.ArgumentParser:
    """The options that all surveys have."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("networks", nargs="*", help="beginnings of names, such as timm:resnet; all without any")
    made.add_argument("--results", type=Path, default=Path(results))
    made.add_argument("--again", action="store_true", help="tries those that failed once more")
    made.add_argument("--workers", type=int, default=1, help="how many networks at a time")
    made.add_argument("--seconds", type=float, default=float("inf"), help="after these none is started")
    made.add_argument("--cpu-seconds", type=int, default=300, help="for each network")
    made.add_argument("--gigabytes", type=int, help="memory for each network")
    made.add_argument("--most-parameters", type=int, default=70_000_000)
    return made


def limits(arguments: argparse.Namespace) -> Limits:
    """Those of one network: an equal part of the machine's memory where nothing is asked for."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 30
    part = max(2, int(0.9 * machine) // arguments.workers)
    return Limits(arguments.cpu_seconds, arguments.gigabytes or min(MOST_GIGABYTES, part))


@dataclass(frozen=True, slots=True)
class Survey:
    """What is done for each network, in words what came out, whether it need not be tried once more, and its limits."""

    work: Callable[[known.Network], Result]
    outcome: Callable[[Result], str]
    passed: Callable[[Result], bool]
    limits: Limits


def survey(arguments: argparse.Namespace, made: Survey) -> list[Result]:
    """The results of the chosen networks, those that are in the file already included."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    path: Path = arguments.results
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    results: dict[str, Result] = {one["network"]: one for one in map(json.loads, lines)}
    chosen = {str(network): network for network in known.selected(arguments.networks)}
    missing = {
        name: partial(made.work, network)
        for name, network in chosen.items()
        if name not in results or (arguments.again and not made.passed(results[name]))
    }
    torch.export.export(torch.nn.ReLU(), (torch.ones(2),))  # the first call imports what all others need
    for name, result in several(missing, made.limits, arguments.workers, BEGIN + arguments.seconds):
        results[name] = {"network": name, **result}
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(results[name]) + "\n")
        print(f"{name}: {made.outcome(results[name])}", file=sys.stderr, flush=True)
    return [results[name] for name in chosen if name in results]


def markdown(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    cells = [[str(cell).replace("\n", " ").replace("|", "/") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def parameters_of(network: known.Network) -> int:
    """How many parameters it has; without memory where its constructor allows it."""
    try:
        with torch.device("meta"):
            module = network.source.make()
    except Exception:
        module = network.source.make()
    return sum(parameter.numel() for parameter in module.parameters())


def first_problem(error: ArchgraphError) -> str:
    """The first problem of an error in one line."""
    problem = error.problems[0]
    return "; ".join(filter(None, (problem.message, problem.expected, problem.received)))[:500]


class Timed:
    """A function, with the number of its calls, their CPU seconds, and the last call's arguments."""

    def __init__(self, function: Callable[..., object]):
        self.function = function
        self.calls = 0
        self.seconds = 0.0
        self.arguments: tuple[object, ...] = ()

    def __call__(self, *args: object, **kwargs: object) -> object:
        self.arguments = args
        self.calls += 1
        start = time.process_time()
        try:
            return self.function(*args, **kwargs)
        finally:
            self.seconds += time.process_time() - start

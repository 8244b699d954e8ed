"""How often the proof refuses a right file, and how often it lets a wrong one through.

    nice -n 10 python tests/benchmark/proof_rates.py --count 2000 --parts FOLDER

Each network of `proof_networks.py` is exported under weights such as training leaves and verified; then one fault of
`proof_faults.py` is planted into its file, and that is verified. A wrong file that passes is run beside the right one
on further inputs and weights: where it is off by no more than rounding, or than the right one twice, the fault is none.
The same seeds give the same networks, weights and faults. With `--parts`, what is counted is kept every few networks,
and the same command goes on where an earlier one was stopped.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
import onnx
import torch
from proof_faults import FAULTS
from proof_networks import Subject, module_of, subjects

from archgraph.errors import VerificationError
from archgraph.export import ExportOptions, export
from archgraph.graph.types import Graph
from archgraph.verify.cases import random_weights
from archgraph.verify.examination import Examination
from archgraph.verify.reference_values import in_dtype, run_module
from archgraph.verify.trial_inputs import inputs_of

RIGHT = "right.onnx"
FURTHER = 4
"""How many further inputs a wrong file that passed is tried on, with its own weights and with others."""
ROUNDING = 1e-5
"""Of an output's root mean square: what is less is not told apart."""


@dataclass
class Rates:
    """What was counted."""

    right: int = 0
    wrong: int = 0
    refused: list[str] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)
    invisible: list[str] = field(default_factory=list)
    planted: Counter[str] = field(default_factory=Counter)
    by: Counter[str] = field(default_factory=Counter)

    def add(self, part: Rates) -> None:
        """Takes in what was counted of further networks."""
        self.right += part.right
        self.wrong += part.wrong
        for name in ("refused", "passed", "invisible"):
            getattr(self, name).extend(getattr(part, name))
        self.planted.update(part.planted)
        self.by.update(part.by)

    def text(self) -> str:
        """The figures in a few lines."""
        lines = [
            f"right files refused: {len(self.refused)} of {self.right}",
            f"wrong files passed: {len(self.passed)} of {self.wrong}",
            f"faults that change nothing (apart): {len(self.invisible)}",
            f"found by: {', '.join(f'{what} {count}' for what, count in self.by.most_common())}",
            f"planted: {', '.join(f'{name} {count}' for name, count in self.planted.most_common())}",
        ]
        return "\n".join([*lines, *self.refused, *self.passed, *self.invisible])


def complaint(graph: Graph, module: torch.nn.Module, path: Path) -> str:
    """The first reason for which `verify` refuses a file; nothing where it passes."""
    try:
        found = next(Examination(graph, module, path).run(), None)
    except VerificationError as error:
        return str(error)
    return "" if found is None else str(found)


def planted(path: Path, seed: int) -> str:
    """Plants the next fault that fits into a file. Its name, '' where none does."""
    names = list(FAULTS)
    for turn in range(len(names)):
        name = names[(seed + turn) % len(names)]
        model = onnx.load(path)
        if FAULTS[name](model.graph, np.random.default_rng(seed)):
            path.write_bytes(model.SerializeToString())
            return name
    return ""


def tells_apart(graph: Graph, module: torch.nn.Module, path: Path) -> float:
    """How far a wrong file is from the module in float64 on further inputs, of the outputs' root mean square: under its
    own weights where it holds those, and under others. 0 where the right file is half as far."""
    found, right = Examination(graph, module, path), Examination(graph, module, path.with_name(RIGHT))
    twin = path.with_name("twin.onnx")
    farthest = 0.0
    for seed in range(FURTHER):
        case = type(found.cases[-1])(found.cases[-1].sizes, 1000 + seed)
        inputs = inputs_of(graph, case)
        for state in (found.state, random_weights(graph, found.state, 1000 + seed)):
            found._copied(found.model, found.program.initializers, state, twin)
            ours = onnx_outputs(twin, inputs)
            found._copied(right.model, right.program.initializers, state, twin)
            other = onnx_outputs(twin, inputs)
            copy = found._copy(state)
            exact = run_module(in_dtype(copy, "float64"), found.names, inputs, "float64")
            single = run_module(copy, found.names, inputs)
            for name, truth in exact.items():
                gap, usual = (_relative(each[name], truth, single[name]) for each in (ours, other))
                farthest = max(farthest, gap if gap > 2 * usual else 0.0)
    return farthest


def _relative(ours: np.ndarray, truth: np.ndarray, single: np.ndarray) -> float:
    """Root mean square of the error, of the truth's, where torch in float32 gives numbers."""
    finite = np.isfinite(single)
    with np.errstate(over="ignore", invalid="ignore"):
        gap, size = (np.sqrt(np.mean(np.square(values[finite]))) for values in (ours - truth, truth))
    return 0.0 if not finite.any() else float(gap / size) if size else float(gap)


def onnx_outputs(path: Path, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    from archgraph.verify.onnx_sessions import run_session, session_of

    return run_session(session_of(path, False), inputs)


def kind_of(said: str) -> str:
    """By what a wrong file was found."""
    kinds = {"a weight": "has other values", "an output's bound": "departs (", "a node by itself": "first node"}
    return next((kind for kind, words in kinds.items() if words in said), "not running, or another shape")


def study(chosen: Iterator[Subject], rates: Rates, folder: Path) -> Iterator[Rates]:
    """Counts subject by subject."""
    path = folder / "m.onnx"
    for subject in chosen:
        graph, module = module_of(subject)
        export(graph, module, path, ExportOptions(fold=subject.seed % 2 == 0))
        rates.right += 1
        said = complaint(graph, module, path)
        if said:
            rates.refused.append(f"REFUSED {subject}: {said}")
        (folder / RIGHT).write_bytes(path.read_bytes())
        name = planted(path, subject.seed)
        if name:
            _judge(rates, subject, name, (graph, module, path))
        yield rates


def _judge(rates: Rates, subject: Subject, name: str, file: tuple[Graph, torch.nn.Module, Path]) -> None:
    graph, module, path = file
    said = complaint(graph, module, path)
    if not said:
        apart = tells_apart(graph, module, path)
        line = f"{subject}: {name}, {apart:.1e} from float64"
        if apart <= ROUNDING:
            rates.invisible.append(f"INVISIBLE {line}")
            return
        rates.passed.append(f"PASSED {line}")
    rates.wrong += 1
    rates.planted[name] += 1
    if said:
        rates.by[kind_of(said)] += 1


def counted(first: int, count: int, kept: Path | None) -> Rates:
    """What is counted of some networks; read where it was kept."""
    if kept is not None and kept.exists():
        return read(kept)
    rates = Rates()
    with tempfile.TemporaryDirectory() as folder:
        for _ in study(islice(subjects(first + count), first, None), rates, Path(folder)):
            pass
    if kept is not None:
        kept.write_text(json.dumps(vars(rates)))
    return rates


def read(path: Path) -> Rates:
    """What was counted of some networks before."""
    found = json.loads(path.read_text())
    return Rates(**{**found, "planted": Counter(found["planted"]), "by": Counter(found["by"])})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000, help="of networks; each has a right and a wrong file")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--every", type=int, default=40, help="how often to say, and to keep, what was counted so far")
    parser.add_argument("--parts", type=Path, help="a folder for what was counted, from which a run goes on")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.parts is not None:
        arguments.parts.mkdir(parents=True, exist_ok=True)
    rates, start, last = Rates(), time.perf_counter(), arguments.first + arguments.count
    for first in range(arguments.first, last, arguments.every):
        count = min(arguments.every, last - first)
        kept = None if arguments.parts is None else arguments.parts / f"{first}-{first + count}.json"
        rates.add(counted(first, count, kept))
        print(f"--- {first + count - arguments.first} networks in {time.perf_counter() - start:.0f} s", file=sys.stderr)
        print(rates.text(), file=sys.stderr, flush=True)
    print(rates.text())


if __name__ == "__main__":
    main()

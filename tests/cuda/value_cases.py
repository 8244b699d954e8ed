"""What one file computes on a device, held against torch in float64 by the rule of archgraph's own proof."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from missing_kernels import LACKING_FOR_SOME, WITHOUT_BFLOAT16, WITHOUT_KERNEL

sys.path.insert(0, str(Path(__file__).parents[1]))

from operation_drawers.families import DRAWERS
from torch import nn

import archgraph as ag
from archgraph.dims import Facts
from archgraph.errors import ArchgraphError
from archgraph.export import ExportOptions, export
from archgraph.export.lowering.emit import output_names
from archgraph.graph.builder import Builder
from archgraph.graph.index_ranges import trial_ranges
from archgraph.graph.types import Graph, Value
from archgraph.ops import REGISTRY, Inputs, TensorType, make
from archgraph.ops.pooling import MaxUnpool
from archgraph.runtime import Session
from archgraph.verify.cases import Case, cases, random_weights
from archgraph.verify.reference_values import in_dtype, references
from archgraph.verify.rounding_reach import judged
from archgraph.verify.time_branch import runner
from archgraph.verify.tolerance import Measured, Run
from archgraph.verify.trial_inputs import inputs_of

DRAWS = 5
TRIES = 60
"""Random applications of an operation, and how many are drawn to find those that its contract admits."""
GROWTH = 7
"""Of the first dimension of all inputs of an example: sizes that fill more than one block of a kernel."""
RIGHT, WRONG, NO_KERNEL, REFUSED, NO_REFERENCE = "right", "wrong", "no kernel", "refused", "no reference"

Arrays = Mapping[str, np.ndarray[Any, Any]]
Runner = Callable[[Arrays], dict[str, Any]]


@dataclass(frozen=True)
class Result:
    """What became of one case: how much of its bound is used, and where it is wrong or refused, why."""

    case: str
    status: str
    share: float = 0.0
    text: str = ""


@dataclass(frozen=True)
class Application:
    """An operation with its attributes and the types of what it is given."""

    operation: str
    attributes: Mapping[str, Any]
    types: Mapping[str, TensorType] = field(default_factory=dict)

    def __str__(self) -> str:
        given = ", ".join(f"{port} {list(kind.shape)} {kind.dtype}" for port, kind in self.types.items())
        return f"{self.operation} {dict(self.attributes)} of {given}"


# -- applications of an operation --------------------------------------------------------------------------------------


def applications(name: str) -> list[Application]:
    """The examples of the contract, those with more rows, and random ones."""
    examples = [Application(name, each.attributes, each.inputs) for each in REGISTRY[name].examples]
    grown = [replace(each, types=dict(_grown(each.types))) for each in examples]
    drawn = []
    for seed in range(TRIES if name in DRAWERS else 0):
        attributes, shapes = DRAWERS[name](Random(f"gpu {name}{seed}"))
        drawn.append(Application(name, attributes, {port: TensorType(shape) for port, shape in shapes.items()}))
    return [*examples, *filter(admitted, grown), *list(filter(admitted, drawn))[:DRAWS]]


def _grown(types: Mapping[str, TensorType]) -> Iterator[tuple[str, TensorType]]:
    for port, kind in types.items():
        shape = (GROWTH * kind.shape[0], *kind.shape[1:]) if kind.shape else ()
        yield port, TensorType(shape, kind.dtype)


def admitted(application: Application) -> bool:
    """Whether the contract of the operation admits it."""
    try:
        operation, inputs = make(REGISTRY[application.operation], application.attributes), Inputs(application.types)
        operation.weights(inputs)
        operation.infer(inputs, Facts())
    except ArchgraphError:
        return False
    return True


def graph_of(numbered: Mapping[int, Application]) -> Graph:
    """Applications next to each other; the outputs of the first are `c0_y0`, `c0_y1` …"""
    build = Builder("applications")
    outputs: dict[str, Value] = {}
    for i, each in numbered.items():
        values = {
            port: build.input(f"c{i}_{port.replace('.', '_')}", kind.shape, kind.dtype)
            for port, kind in each.types.items()
        }
        made = build.apply(f"n{i}", make(REGISTRY[each.operation], each.attributes), values)
        outputs |= {f"c{i}_y{number}": value for number, value in enumerate(made.outputs)}
    return build.finish(outputs)


def lacking(name: str, dtype: str) -> set[str]:
    """The operators that an operation needs and CUDA has no kernel for."""
    table = WITHOUT_BFLOAT16 if dtype == "bfloat16" else WITHOUT_KERNEL
    some = {operator for operator, kinds in LACKING_FOR_SOME.items() if dtype in kinds.get(name, ())}
    return some | {operator for operator, names in table.items() if name in names}


# -- one graph ---------------------------------------------------------------------------------------------------------


class Trial:
    """A graph under weights that hide nothing, its inputs, and what torch makes of them."""

    def __init__(self, graph: Graph, dtype: str):
        self.graph, self.dtype = graph, dtype
        self.module = ag.to_torch(graph, seed=0).eval()
        state = {key: tensor.numpy() for key, tensor in self.module.state_dict().items()}
        self.weights = random_weights(graph, state)
        self.module.load_state_dict({key: _tensor(array) for key, array in self.weights.items()})
        self.cases: tuple[Case, ...] = cases(graph)
        self.inputs = [with_distinct_places(graph, case, inputs_of(graph, case)) for case in self.cases]
        names = list(output_names(graph).values())
        self.references = references(self.module, names, self.inputs, dtype)

    def exported(self, profile: str, folder: Path) -> Path:
        """The file."""
        path = folder / f"{profile}-{self.dtype}.onnx"
        export(self.graph, self.weights, path, ExportOptions(profile, dtype=self.dtype))
        return path

    def compared(self, run: Runner) -> Iterator[Measured]:
        """The errors of all outputs, judged by torch's own or, where those are exceeded, by what rounding reaches."""
        for i, case in enumerate(self.cases):
            yield from self.judged(i, run(self.inputs[i]), case)

    def judged(self, i: int, outputs: Arrays, case: Case) -> list[Measured]:
        """The errors of the outputs of one run."""
        at = Run("random", case.sizes, True)
        given = (self.inputs[i], self.dtype)
        self.references[i], found = judged(self.references[i], outputs, at, self._double, given)
        return found

    def _double(self) -> nn.Module:
        return in_dtype(self.module, "float64")


def with_distinct_places(graph: Graph, case: Case, inputs: Arrays) -> dict[str, np.ndarray[Any, Any]]:
    """The inputs, where no two values of a channel are to be put in the same place: which of them stays is open on
    CUDA."""
    found, rng = dict(inputs), np.random.default_rng(case.seed)
    for node in graph.nodes.values():
        if isinstance(node.op, MaxUnpool):
            name = node.inputs["indices"].name  # of an input: all applications here read inputs
            places = int(np.max(trial_ranges(graph, case.sizes)[name].high)) + 1
            shape = found[name].shape
            rows = [rng.permutation(places)[: np.prod(shape[2:])] for _ in range(shape[0] * shape[1])]
            found[name] = np.stack(rows).reshape(shape).astype(np.int64)
    return found


def _tensor(array: Any) -> Any:
    import torch

    return torch.as_tensor(np.array(array))


def opened(path: Path, device: str, **how: Any) -> Runner:
    """Runs a file on CUDA; on a CPU, which has few kernels of low types, as the proof does."""
    if device == "cpu":
        return runner(path, True)
    session = Session(path, device, threads=1, **how)  # many processes share the cores
    assert session.device == device
    names = [spec.name for spec in session.inputs]
    return lambda inputs: session.run({name: inputs[name] for name in names})


def profile_for(device: str) -> str:
    """The profile of a device."""
    return "cuda" if device == "cuda" else "cpu"


def worst(case: str, measured: Sequence[Measured]) -> Result:
    """The result of a case: that of its output that uses most of its bound."""
    item = max(measured, key=lambda each: (not each.ok, each.share))
    text = "" if item.ok else f"{item.output} at {dict(item.run.sizes)}: {item.errors.found}; {item.errors.allowed}"
    return Result(case, RIGHT if item.ok else WRONG, item.share, text)


# -- an operation ------------------------------------------------------------------------------------------------------


def together(name: str, dtype: str, device: str, folder: Path) -> list[Result]:
    """All applications of an operation in one file. Raises whatever is raised where one of them does not work."""
    numbered = dict(enumerate(applications(name)))
    trial = Trial(graph_of(numbered), dtype)
    measured = list(trial.compared(opened(trial.exported(profile_for(device), folder), device)))
    return [
        worst(str(each), [item for item in measured if item.output.startswith(f"c{i}_")])
        for i, each in numbered.items()
    ]


def apart(application: Application, dtype: str, device: str, folder: Path) -> Result:
    """One application in a file of its own. Raises what CUDA itself raises."""
    try:
        trial = Trial(graph_of({0: application}), dtype)
    except Exception as error:  # torch raises whatever Python has
        return Result(str(application), NO_REFERENCE, text=_line(error))
    try:
        run = opened(trial.exported(profile_for(device), folder), device)
    except ArchgraphError as error:
        return refusal(str(application), error, lacking(application.operation, dtype))
    return worst(str(application), list(trial.compared(run)))


def refusal(case: str, error: ArchgraphError, operators: set[str]) -> Result:
    """A file that does not open: right where it names an operator that is known to have no kernel."""
    named = any(operator in str(error) for operator in operators)
    return Result(case, NO_KERNEL if named else REFUSED, text="" if named else _line(error))


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:600]}"

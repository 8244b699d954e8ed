"""Which node departs first: every value of the file is made visible, and each application is repeated in torch on the
very inputs that the file gave it, in float64. An error does not travel that way, so the first one found is the cause.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from archgraph.artifact.arrays import Array
from archgraph.dims import Size, evaluate
from archgraph.errors import Problem
from archgraph.export.lowering.applications import Flow, Slot, Step, flatten
from archgraph.export.lowering.program import ELEMENT_TYPES
from archgraph.graph.builder import Builder
from archgraph.graph.types import Graph, joined
from archgraph.ops.contract import Operation
from archgraph.verify.cases import Case
from archgraph.verify.low_precision import ROUNDOFF
from archgraph.verify.operator_definitions import for_cpu, saved
from archgraph.verify.time_branch import composed
from archgraph.verify.tolerance import run_session, session_of

LOCAL_TOLERANCE = 1e-4
"""What float32 may lose in one application, of the largest value of its result. A fault is mostly far above."""

ROUNDINGS = 16
"""How many roundings of a low type one application may lose."""

_LEAST_FAULT = 5e-6
"""Where no application exceeds that, the one that loses most is named, if it loses this much."""


@dataclass(frozen=True, slots=True)
class Departure:
    """An application whose result in the file is not what its inputs there give in torch; `error` is relative."""

    step: Step
    error: float
    shapes: tuple[tuple[int, ...], tuple[int, ...]]

    def problem(self) -> Problem:
        """The node by its path, with its place in the spec."""
        node = self.step.node
        wanted, found = self.shapes
        said = f"shape {list(found)}" if wanted != found else f"values that differ by {self.error:.1e} of the largest"
        if wanted == found and not np.isfinite(self.error):
            return not_finite(self.step)
        return Problem(
            f"{node.op.name} is the first node whose result in the file is wrong",
            node.origin.mark,
            node.origin.address or self.step.path,
            expected=f"shape {list(wanted)}" if wanted != found else "what torch computes from the same inputs",
            received=said,
        )


def first_departure(
    graph: Graph,
    model: Path,
    values: Mapping[str, str],
    state: Mapping[str, Array],
    trial: tuple[Case, Mapping[str, Array]],
    dtype: str = "float32",
) -> Departure | None:
    """The first node of the file that departs, or None where each does what torch does.

    `model` holds the weights of `state`; `values` maps paths to names in the file.
    """
    case, inputs = trial
    flow = flatten(graph)
    shown = _visible(model, flow, values, inputs)
    worst: Departure | None = None
    allowed = max(LOCAL_TOLERANCE, ROUNDINGS * ROUNDOFF[dtype])
    for departure in _departures(flow, case, state, inputs, shown):
        if departure.error > allowed or departure.shapes[0] != departure.shapes[1]:
            return departure
        worst = departure if worst is None or departure.error > worst.error else worst
    return worst if dtype == "float32" and worst is not None and worst.error > _LEAST_FAULT else None


def first_infinite(
    graph: Graph,
    model: Path,
    values: Mapping[str, str],
    state: Mapping[str, Array],
    trial: tuple[Case, Mapping[str, Array]],
) -> Problem | None:
    """The first node of the file whose result is not finite where torch's is, as a number too large for its type.

    The arguments are those of `first_departure`. Nothing is repeated in torch where all values are finite.
    """
    case, inputs = trial
    flow = flatten(graph)
    shown = _visible(model, flow, values, inputs)
    if all(np.isfinite(array).all() for array in shown.values()):
        return None
    found = _departures(flow, case, state, inputs, shown)
    return next((not_finite(one.step) for one in found if np.isinf(one.error) and one.shapes[0] == one.shapes[1]), None)


def not_finite(step: Step) -> Problem:
    """That a result is infinite, or no number, where torch's is one."""
    return Problem(
        f"{step.node.op.name} is the first node whose result in the file is not finite",
        step.node.origin.mark,
        step.node.origin.address or step.path,
        expected="numbers that the element type can hold",
        hint=f"in float16, keep it in float32 (--keep {step.path}), or export in bfloat16",
    )


def _visible(model: Path, flow: Flow, values: Mapping[str, str], inputs: Mapping[str, Array]) -> dict[str, Array]:
    """All values of the graph that the file computes, by path."""
    proto = composed(model)
    made = {name for node in proto.graph.node for name in node.output}
    there = {output.name for output in proto.graph.output}
    names: dict[str, str] = {}
    for step in flow.steps:
        for path, slot in zip(step.results, step.outputs, strict=True):
            name = values.get(path, "")
            if name not in made:
                continue
            names[path] = name
            if name not in there:
                there.add(name)
                shown = onnx.helper.make_tensor_value_info(name, ELEMENT_TYPES[slot.type.dtype], None)
                proto.graph.output.append(shown)
    with saved(for_cpu(proto, model), model) as exposed:
        found = run_session(session_of(exposed, optimised=False), inputs)
    return {path: found[name] for path, name in names.items()}


def _departures(
    flow: Flow, case: Case, state: Mapping[str, Array], inputs: Mapping[str, Array], shown: Mapping[str, Array]
) -> Iterator[Departure]:
    known: dict[Slot, Array] = {slot: inputs[name] for name, slot in flow.inputs.items()}
    for step in flow.steps:
        results = repeated(step, case, state, known)
        for path, slot, wanted in zip(step.results, step.outputs, results, strict=True):
            found = shown.get(path)
            known[slot] = wanted if found is None else found
            if found is not None:
                same = found.shape == wanted.shape
                yield Departure(step, _relative(found, wanted) if same else np.inf, (wanted.shape, found.shape))


def _relative(found: Array, wanted: Array) -> float:
    if not wanted.size:
        return 0.0
    truth = wanted.astype(np.float64)
    finite = np.isfinite(truth)
    if not np.array_equal(np.isfinite(found), finite):
        return float("inf")
    gap = np.abs(found.astype(np.float64) - truth)[finite].max(initial=0)
    top = np.abs(truth[finite]).max(initial=0)
    return float(gap / top) if top else float(gap > 0)


def repeated(step: Step, case: Case, state: Mapping[str, Array], known: Mapping[Slot, Array]) -> list[Array]:
    """One application in torch, in float64: a network of this one node, compiled like any other."""
    import torch

    from archgraph.codegen import to_torch

    given = {port: known[slot] for port, slot in step.inputs.items()}
    build = Builder("probe")
    ports = {port: build.input(f"a{i}", array.shape, kind) for i, (port, array, kind) in enumerate(_typed(given))}
    node = build.apply("it", at_sizes(step.node.op, case), ports)
    graph = build.finish({f"y{i}": value for i, value in enumerate(node.outputs)})
    weights = {joined("it", name): torch.as_tensor(np.array(state[key])) for name, key in step.keys.items()}
    module = to_torch(graph, weights=weights).double().eval()
    tensors = (torch.as_tensor(np.array(array)) for array in given.values())
    with torch.no_grad():
        found: Any = module(*(tensor.double() if tensor.is_floating_point() else tensor for tensor in tensors))
    several = found.values() if isinstance(found, Mapping) else found if isinstance(found, (tuple, list)) else [found]
    return [tensor.numpy() for tensor in several]


def _typed(given: Mapping[str, Array]) -> Iterator[tuple[str, Array, str]]:
    """The inputs with the types that the contract knows: results in float64 stand for float32."""
    for port, array in given.items():
        yield port, array, "float32" if array.dtype == np.float64 else str(array.dtype)


def at_sizes(op: Operation, case: Case) -> Operation:
    """The operation with numbers for the sizes among its attributes."""
    found = {name: _numbers(getattr(op, name), case) for name in type(op).model_fields}
    return op.model_copy(update=found)


def _numbers(value: Any, case: Case) -> Any:
    if isinstance(value, Size):
        return evaluate(value, case.sizes)
    return tuple(_numbers(item, case) for item in value) if isinstance(value, tuple) else value

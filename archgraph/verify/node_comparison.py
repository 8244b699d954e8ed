"""Which node departs first: every value of the file is made visible, and each application is repeated in torch on the
very inputs that the file gave it, in float64. An error does not travel that way, so the first one found is the cause.

A node is judged like a network: by what float32 loses in it in torch, and by what rounding can reach in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from archgraph.artifact.arrays import Array
from archgraph.errors import Problem
from archgraph.export.lowering.applications import LoweredFlow, LoweredStep, Slot, flatten
from archgraph.export.lowering.program import ELEMENT_TYPES
from archgraph.graph.builder import Builder, CallSpec
from archgraph.graph.types import Graph, joined
from archgraph.ops.constant import RegisterBuffer
from archgraph.verify.cases import Case
from archgraph.verify.onnx_sessions import run_session, session_of
from archgraph.verify.operation_sizes import at_sizes
from archgraph.verify.operator_definitions import for_cpu, saved
from archgraph.verify.perturbation import DRAWS, perturbed, spread
from archgraph.verify.reference_values import in_dtype, run_module
from archgraph.verify.time_branch import composed
from archgraph.verify.tolerance import MEAN_FACTOR, errors_of


@dataclass(frozen=True, slots=True)
class NodeDeviation:
    """How far the result of an application in the file is from what its inputs there give in torch.

    `error` is relative; `ok` is whether so much may be lost.
    """

    step: LoweredStep
    error: float
    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    ok: bool = False

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
) -> NodeDeviation | None:
    """The first node of the file that departs, or None where each does what torch does.

    `model` holds the weights of `state`; `values` maps paths to names in the file.
    """
    case, inputs = trial
    flow = flatten(graph)
    given = (inputs, _visible(model, flow, values, inputs))
    several = enumerate(_departures(flow, case, state, given, dtype, MEAN_FACTOR))
    for place, one in enumerate(_departures(flow, case, state, given, dtype)):
        if not one.ok and not next(other for at, other in several if at == place).ok:
            return one
    return None


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
    found = _departures(flow, case, state, (inputs, shown))
    return next((not_finite(one.step) for one in found if np.isinf(one.error) and one.shapes[0] == one.shapes[1]), None)


def not_finite(step: LoweredStep) -> Problem:
    """That a result is infinite, or no number, where torch's is one."""
    return Problem(
        f"{step.node.op.name} is the first node whose result in the file is not finite",
        step.node.origin.mark,
        step.node.origin.address or step.path,
        expected="numbers that the element type can hold",
        hint=f"in float16, keep it in float32 (--keep {step.path}), or export in bfloat16",
    )


def _visible(
    model: Path, flow: LoweredFlow, values: Mapping[str, str], inputs: Mapping[str, Array]
) -> dict[str, Array]:
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
    flow: LoweredFlow,
    case: Case,
    state: Mapping[str, Array],
    given: tuple[Mapping[str, Array], Mapping[str, Array]],
    dtype: str = "float32",
    roundings: float = 1.0,
) -> Iterator[NodeDeviation]:
    """One for each value that the file shows, judged by what so many roundings reach; `given` are the inputs and the
    shown values.

    What the file does not show, as what is folded into the next node, is carried on as torch computes it: exactly, in
    float32, and with roundings.
    """
    inputs, shown = given
    known = {slot: Repetition.of(inputs[name], dtype) for name, slot in flow.inputs.items()}
    for step in flow.steps:
        results = repeated(step, case, state, known, dtype, roundings)
        for path, slot, wanted in zip(step.results, step.outputs, results, strict=True):
            found = shown.get(path)
            known[slot] = wanted if found is None else Repetition.of(found, dtype)
            if found is not None:
                yield wanted.departure(step, found, roundings)


def _relative(found: Array, wanted: Array) -> float:
    if not wanted.size:
        return 0.0
    truth = wanted.astype(np.float64)
    finite = np.isfinite(truth)
    if not np.array_equal(np.isfinite(found), finite):
        return float("inf")
    gap = np.abs(found.astype(np.float64)[finite] - truth[finite]).max(initial=0)
    top = np.abs(truth[finite]).max(initial=0)
    return float(gap / top) if top else float(gap > 0)


@dataclass(frozen=True, slots=True)
class Repetition:
    """A value of torch's: exact, in float32, and as roundings may leave it."""

    exact: Array
    single: Array
    draws: tuple[Array, ...]

    @classmethod
    def of(cls, found: Array, dtype: str) -> Repetition:
        """A value of the file, from which torch goes on. An input, or what is kept in float32, is rounded to the low
        type of the nodes that read it."""
        return cls(found, found, (in_type(found, dtype),) * DRAWS)

    def departure(self, step: LoweredStep, found: Array, roundings: float = 1.0) -> NodeDeviation:
        """How far the file's value is from this one."""
        if found.shape != self.exact.shape:
            return NodeDeviation(step, np.inf, (self.exact.shape, found.shape))
        errors = errors_of(self.exact, self.single, found, spread(self.exact, self.draws) / roundings)
        return NodeDeviation(step, _relative(found, self.exact), (found.shape, found.shape), errors.ok)


def in_type(array: Array, dtype: str) -> Array:
    """The numbers rounded to an element type, as float32 holds them."""
    import torch

    if dtype == "float32" or not np.issubdtype(array.dtype, np.floating):
        return array
    return torch.as_tensor(array).to(getattr(torch, dtype)).float().numpy()


def repeated(
    step: LoweredStep,
    case: Case,
    state: Mapping[str, Array],
    known: Mapping[Slot, Repetition],
    dtype: str,
    roundings: float = 1.0,
) -> list[Repetition]:
    """One application in torch: a network of this one node, compiled like any other. What is stored is in the state."""
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    from archgraph.codegen import to_torch

    if isinstance(step.node.op, RegisterBuffer):
        return [Repetition.of(np.array(state[step.keys[""]]), dtype)]
    given = [known[slot] for slot in step.inputs.values()]
    made = _applied_in_steps(step) if step.body else _applied(step, case, [value.exact for value in given])
    names = list(made.outputs)
    weights = {joined("it", name): torch.as_tensor(np.array(state[key])) for name, key in step.keys.items()}
    single = to_torch(made, weights=weights)
    double = in_dtype(single, "float64")
    with sdpa_kernel(SDPBackend.MATH):  # what attention is by its definition, also where scores are no numbers
        exact = run_module(double, names, _named(value.exact for value in given), "float64")
    rounded = run_module(single, names, _named(value.single for value in given))
    draws = [
        perturbed(double, names, _named(value.draws[i] for value in given), dtype, i, roundings) for i in range(DRAWS)
    ]
    return [Repetition(exact[name], rounded[name], tuple(draw[name] for draw in draws)) for name in names]


def _applied(step: LoweredStep, case: Case, given: list[Array]) -> Graph:
    """A network of one operation, at the sizes of these values."""
    build = Builder("probe")
    kinds = [(array.shape, _kind(array)) for array in given]
    ports = {port: build.input(f"a{i}", *kind) for i, (port, kind) in enumerate(zip(step.inputs, kinds, strict=True))}
    node = build.apply("it", at_sizes(step.node.op, case.sizes), ports)
    return build.finish({f"y{i}": value for i, value in enumerate(node.outputs)})


def _applied_in_steps(step: LoweredStep) -> Graph:
    """A network of one block that is applied step by step, at any sizes."""
    assert step.body is not None
    build, call = Builder("probe"), step.body.call
    inputs = [build.input(f"a{i}", value.shape, value.dtype) for i, value in enumerate(call.inputs)]
    made = build.call("it", call.body, inputs, as_=CallSpec("block", block=call.block, scan=call.scan))
    return build.finish({f"y{i}": value for i, value in enumerate(made.outputs)})


def _named(arrays: Iterable[Array]) -> dict[str, Array]:
    return {str(i): np.array(array) for i, array in enumerate(arrays)}


def _kind(array: Array) -> str:
    """The type that the contract knows: results in float64 stand for float32."""
    return "float32" if array.dtype == np.float64 else str(array.dtype)

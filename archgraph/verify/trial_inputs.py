"""What the inputs of a trial hold: numbers that reach the edges of what a network takes.

Each kind of input has its edges, and each edge has its reason in `TRIED`. All of them are reached by the same few runs:
the first and the last places of an input hold them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.export.lowering.applications import LoweredFlow, Slot, flatten
from archgraph.graph.index_ranges import trial_ranges
from archgraph.graph.intervals import Bounds
from archgraph.graph.types import Graph, Value
from archgraph.ops.arithmetic import Add
from archgraph.ops.contract import FLOAT_TYPES, INTEGER_TYPES, Operation
from archgraph.verify.cases import Case

INDEX, COUNT, BYTE, TIME, MASK, SWITCH, NUMBER = "index", "count", "byte", "time", "mask", "switch", "number"
SORTED = "sorted"
TRIED = {
    INDEX: "over its range, both ends included: the first and the last row of a table are where an offset shows",
    COUNT: "of both signs: nothing bounds it",
    BYTE: "over all that a byte holds, 0 and 255 included",
    TIME: "over the whole schedule, the first and the last time included: late times cost most exactness",
    MASK: "rows that leave nothing, all and some tokens: the first have a softmax over nothing",
    SORTED: "in ascending order: what values are searched in",
    SWITCH: "all false, all true, and both",
    NUMBER: "normal, large and tiny, of both signs: large ones saturate and reach limits, tiny ones show an epsilon",
}
MAGNITUDES = (1.0, 4.0, 1 / 16)
"""Of the elements of a batch, in turn."""
TRAIN_STEPS = 1000
"""How many times a schedule has where the spec's `meta.diffusion` says nothing."""
FARTHEST = 1000
"""How far numbers go on a side where nothing bounds them."""


def inputs_of(graph: Graph, case: Case) -> dict[str, Array]:
    """Arrays for the inputs at the sizes of a case, from its seed."""
    rng = np.random.default_rng(case.seed)
    ranges = trial_ranges(graph, case.sizes)
    kinds = kinds_of(graph)
    made: dict[str, Array] = {}
    for value in graph.inputs:
        shape = case.shape(value.shape)
        kind = BYTE if value.dtype == "uint8" else kinds[value.name]
        if value.dtype in INTEGER_TYPES or kind in (TIME, BYTE):
            found = ranges.get(value.name)
            ends = _ends(graph, kind, None if found is None else (found.low, found.high))
            made[value.name] = _between(rng, shape, ends, value.dtype, case)
        elif value.dtype == "bool":
            made[value.name] = _switches(rng, shape, case)
        elif kinds[value.name] == MASK:
            made[value.name] = _mask(rng, shape, case).astype(value.dtype)
        else:
            made[value.name] = _numbers(rng, shape, value, case)
        if kinds[value.name] == SORTED:
            made[value.name] = np.sort(made[value.name], axis=-1)
    return made


def tried(graph: Graph) -> dict[str, str]:
    """What each input holds in trials, in words: its kind, and which edges it reaches."""
    return {name: f"{kind}: {TRIED[kind]}" for name, kind in kinds_of(graph).items()}


def kinds_of(graph: Graph) -> dict[str, str]:
    """What each input is, by what it reaches."""
    flow = flatten(graph)
    roles, numbers = _roles(flow), _numbers_of(flow)
    bounded = {name for name, item in trial_ranges(graph, {}).items() if item.known}
    found: dict[str, str] = {}
    for value in graph.inputs:
        slot = flow.inputs[value.name]
        role = roles.get(slot, "")
        if role == SORTED:
            found[value.name] = SORTED
        elif value.dtype == "uint8":
            found[value.name] = BYTE
        elif value.dtype in INTEGER_TYPES:
            found[value.name] = INDEX if value.name in bounded else TIME if role == TIME else COUNT
        elif value.dtype == "bool":
            found[value.name] = MASK if role == MASK else SWITCH
        else:
            # -inf would leave no numbers to compare where a mask is read as numbers too
            found[value.name] = NUMBER if role == MASK and slot in numbers else role or NUMBER
    return found


def _roles(flow: LoweredFlow) -> dict[Slot, str]:
    """The values that are times, masks or sorted: rearranged, added to another mask, and then read as such."""
    roles: dict[Slot, str] = {}
    for step in reversed(flow.steps):
        for port in step.node.op.ports:
            if port.role and port.name in step.inputs:
                roles.setdefault(step.inputs[port.name], port.role)
        role = next((roles[slot] for slot in step.outputs if slot in roles), "")
        if role and _passes(step.node.op, role):
            for slot in step.inputs.values():
                roles.setdefault(slot, role)
    return roles


def _passes(op: Operation, role: str) -> bool:
    """Whether what an operation reads is what its result is read as."""
    return op.traits.moves_data or (isinstance(op, Add) and role == MASK)


def _numbers_of(flow: LoweredFlow) -> set[Slot]:
    """What something reads as numbers, whether or not it is a mask as well."""
    found: set[Slot] = set()
    for step in reversed(flow.steps):
        masks = {port.name for port in step.node.op.ports if port.role == MASK}
        moved = _passes(step.node.op, MASK) and not found & set(step.outputs)
        found |= {slot for name, slot in step.inputs.items() if not moved and name not in masks}
    return found


def _ends(graph: Graph, kind: str, bounds: tuple[Bounds, Bounds] | None) -> tuple[Array, Array]:
    """From where to where numbers are drawn, at each place."""
    if kind == BYTE:
        return np.array(0), np.array(255)
    if kind == TIME:
        return np.array(0), np.array(train_steps(graph.info.meta) - 1)
    assert bounds is not None
    low, high = (np.asarray(ends, dtype=np.float64) for ends in bounds)
    low = np.where(np.isinf(low), np.where(np.isinf(high), 0, high) - FARTHEST, low)
    high = np.where(np.isinf(high), low + 2 * FARTHEST - 1, high)
    return low.astype(np.int64), high.astype(np.int64)


def train_steps(meta: Mapping[str, Any]) -> int:
    """How many times the schedule of a spec has."""
    diffusion = meta.get("diffusion")
    schedule = diffusion.get("schedule") if isinstance(diffusion, Mapping) else None
    told = schedule.get("train_steps") if isinstance(schedule, Mapping) else None
    return told if isinstance(told, int) and told > 0 else TRAIN_STEPS


def _between(
    rng: np.random.Generator, shape: tuple[int, ...], ends: tuple[Array, Array], dtype: str, case: Case
) -> Array:
    """Numbers between two, which stand at the first and the last place; where there is one place, in turn."""
    low, high = (np.broadcast_to(each, shape) for each in ends)
    high = np.maximum(low, high)
    whole = dtype in INTEGER_TYPES or dtype == "uint8"
    made = np.array(rng.integers(low, high + 1, shape) if whole else rng.uniform(low, high, shape), dtype=dtype)
    if case.edges and made.size:
        made.flat[0] = high.flat[0]
        if made.size > 1 or case.seed % 2:
            made.flat[-1] = low.flat[-1]
    return made


def _edge_rows(shape: tuple[int, ...]) -> int | None:
    """The first dimension with room for an edge, the other one and something between. Rows go along the last one."""
    rows = shape[:-1] if len(shape) > 1 else shape
    return next((axis for axis, size in enumerate(rows) if size >= len(MAGNITUDES)), None)


def _edges(made: Array, case: Case, nothing: Any, everything: Any) -> Array:
    """Some rows hold nothing, some everything; where there is no room beside others, one case does."""
    if not case.edges:
        return made
    axis = _edge_rows(made.shape)
    if axis is not None:
        rows = np.moveaxis(made, axis, 0)
        rows[0], rows[1] = nothing, everything
    elif case.seed % 2 == 0 or made.ndim == 0:
        made[...] = everything if case.seed % 2 else nothing
    return made


def _switches(rng: np.random.Generator, shape: tuple[int, ...], case: Case) -> Array:
    made = np.array(rng.integers(0, 2, shape), dtype=bool)
    return _edges(made, case, False, True)


def _mask(rng: np.random.Generator, shape: tuple[int, ...], case: Case) -> Array:
    """What is added to the scores of an attention: -inf leaves a token out."""
    left_out = rng.integers(0, 2, shape, dtype=np.int64) == 0
    made = np.where(left_out, -np.inf, rng.standard_normal(shape))
    return _edges(np.array(made), case, -np.inf, 0.0)


def _numbers(rng: np.random.Generator, shape: tuple[int, ...], value: Value, case: Case) -> Array:
    made = np.array(rng.standard_normal(shape))
    if case.edges and shape and not isinstance(value.shape[0], int) and shape[0] >= len(MAGNITUDES):
        sizes = np.resize(MAGNITUDES, shape[0])
        made *= sizes.reshape(-1, *(1,) * (len(shape) - 1))
    return np.asarray(made, dtype=value.dtype if value.dtype in FLOAT_TYPES else "float32")

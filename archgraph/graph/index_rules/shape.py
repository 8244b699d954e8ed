"""Values joined, divided and rearranged."""

from __future__ import annotations

import numpy as np

from archgraph.dims import Dim
from archgraph.graph.index_rules.parts import axis_cut, cutting, in_turn, taken, whole
from archgraph.graph.index_rules.registry import MOST_PLACES, RULES, RangeSite, Rule, Wanted
from archgraph.graph.index_rules.reshaping import RESHAPED
from archgraph.graph.intervals import Bounds, Interval
from archgraph.ops import shape as ops
from archgraph.ops.requirements import axes_of, axis_of


def _permutation(site: RangeSite) -> tuple[int, ...]:
    kind, op = site.node.types["input"], site.op
    if isinstance(op, ops.Permute):
        return axes_of(kind, op.dims, "dims")
    axes = list(range(kind.rank))
    first, second = axis_of(kind, op.dim0), axis_of(kind, op.dim1)
    axes[first], axes[second] = second, first
    return tuple(axes)


def permutation_asks(site: RangeSite, wanted: list[Interval]) -> Wanted:
    back = tuple(int(axis) for axis in np.argsort(_permutation(site)))
    return {"input": wanted[0].moved(lambda bounds: np.transpose(bounds, back))}


def permuted(site: RangeSite) -> list[Interval]:
    axes = _permutation(site)
    return [site.given.moved(lambda bounds: np.transpose(bounds, axes))]


def _rolled(site: RangeSite, bounds: Bounds, sign: int) -> Bounds:
    for axis, shift in zip(axes_of(site.node.types["input"], site.op.dims), site.op.shifts, strict=True):
        bounds = np.roll(bounds, sign * int(shift), axis) if bounds.shape[axis] != 1 else bounds
    return bounds


def roll_asks(site: RangeSite, wanted: list[Interval]) -> Wanted:
    return {"input": wanted[0].moved(lambda bounds: _rolled(site, bounds, -1))}


def rolled(site: RangeSite) -> list[Interval]:
    return [site.given.moved(lambda bounds: _rolled(site, bounds, 1))]


def _all_parts(site: RangeSite, size: int) -> list[slice] | None:
    """Of a dimension that is divided among the results, whose sizes may be symbolic where that of the whole is not."""
    sizes = [shape[axis_cut(site)] for shape in site.outputs]
    return in_turn([int(part) for part in sizes]) if all(isinstance(part, int) for part in sizes) else None  # type: ignore[arg-type]


def _tensors(site: RangeSite) -> tuple[int, list[str], list[Dim]]:
    ports = list(site.inputs)
    axis = axis_of(site.node.types[ports[0]], site.op.dim)
    return axis, ports, [site.inputs[port][axis] for port in ports]


def concat_asks(site: RangeSite, wanted: list[Interval]) -> Wanted:
    axis, ports, sizes = _tensors(site)
    if wanted[0].low.shape[axis] == wanted[0].high.shape[axis] == 1:
        return dict.fromkeys(ports, wanted[0])
    if not all(isinstance(size, int) for size in sizes):
        return dict.fromkeys(ports, site.asked_at_unknown_places(wanted[0], (axis,)))
    parts = in_turn([int(size) for size in sizes])  # type: ignore[arg-type]
    return {port: taken(wanted[0], axis, part) for port, part in zip(ports, parts, strict=True)}


def concatenated(site: RangeSite) -> list[Interval]:
    axis, ports, sizes = _tensors(site)
    found = [site.known[port] for port in ports]
    total = sum(size for size in sizes if isinstance(size, int))
    if not all(isinstance(size, int) for size in sizes) or total > MOST_PLACES:
        either = site.joined(found[0], (axis,))
        for each in found[1:]:
            either = site.order.either(either, site.joined(each, (axis,)))
        return [Interval(either.low, either.high)]
    parts = in_turn([int(size) for size in sizes])  # type: ignore[arg-type]
    made = whole(int(total), axis, parts, found)
    return [Interval(made.low, made.high, all(each.attained and each.exact for each in found))]


RULES.add(RESHAPED, ops.Reshape)
RULES.add(Rule(permuted, permutation_asks), ops.Permute, ops.Transpose)
RULES.add(Rule(rolled, roll_asks), ops.Roll)
RULES.add(cutting(_all_parts), ops.Chunk, ops.Split)
RULES.add(Rule(concatenated, concat_asks), ops.Concat)

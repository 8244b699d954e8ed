"""Whole numbers stacked, repeated and reversed: each result is one of them."""

from __future__ import annotations

from archgraph.graph.index_rules.indexing import anywhere, values_at
from archgraph.graph.index_rules.registry import RULES, RangeSite, Rule, Wanted
from archgraph.graph.intervals import Interval
from archgraph.ops import rearranging as ops
from archgraph.ops.contract import INTEGER_TYPES


def moved(site: RangeSite) -> list[Interval]:
    """What any input holds, anywhere."""
    if site.node.output.dtype not in INTEGER_TYPES:
        return []
    return [_of_any(site, len(shape)) for shape in site.outputs]


def _of_any(site: RangeSite, rank: int) -> Interval:
    """One interval of all inputs, for a value with so many dimensions."""
    first, *others = (anywhere(site, values_at(site, port), rank) for port in site.inputs)
    for each in others:
        first = site.order.either(first, each)
    return first


def movement_asks(site: RangeSite, wanted: list[Interval]) -> Wanted:
    """Each number is in the results, at a place that is not tracked: what is asked of all places, or of any."""
    if not wanted:
        return {}
    return {port: _asked(site, wanted, len(shape)) for port, shape in site.inputs.items()}


def _asked(site: RangeSite, wanted: list[Interval], rank: int) -> Interval:
    pick = site.order.both if site.view == "sufficient" else site.order.either
    axes = (tuple(range(each.low.ndim)) for each in wanted)
    first, *others = (
        site.asked_at_unknown_places(each, which).moved(lambda bounds: bounds.reshape((1,) * rank))
        for each, which in zip(wanted, axes, strict=True)
    )
    for each in others:
        first = pick(first, each)
    return first


_MOVES = (ops.StackTensors, ops.Unbind, ops.Repeated, ops.RepeatInterleave, ops.Flip, ops.Movedim, ops.Unflatten)
RULES.add(Rule(moved, movement_asks), *_MOVES)


def each_moved(site: RangeSite) -> list[Interval]:
    """Where each input has a result of its own."""
    pairs = zip(site.node.inputs, site.node.outputs, site.outputs, strict=True)
    return [
        anywhere(site, values_at(site, port), len(shape))
        for port, value, shape in pairs
        if value.dtype in INTEGER_TYPES
    ]


def each_asked(site: RangeSite, wanted: list[Interval]) -> Wanted:
    return {port: _asked(site, [one], len(site.inputs[port])) for port, one in zip(site.inputs, wanted, strict=False)}


RULES.add(Rule(each_moved, each_asked), ops.Meshgrid, ops.BroadcastTensors)

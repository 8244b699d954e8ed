"""Parts of a dimension, and parts put together to a whole."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from archgraph.graph.index_rules.registry import MOST_PLACES, RangeSite, Rule, Wanted
from archgraph.graph.intervals import Bounds, Interval
from archgraph.ops.requirements import axis_of

Places: TypeAlias = "Callable[[RangeSite, int], list[slice] | None]"
"""The places of each part of a dimension of that size, for an application; None where they are not known."""


def cutting(places: Places, drops: bool = False) -> Rule:
    """The rule of an operation whose results are parts of dimension `dim`, which it keeps or `drops`."""

    def forward(site: RangeSite) -> list[Interval]:
        axis = axis_cut(site)
        found = _parts_of(site, axis, _known_places(site, axis, places))
        return [each.moved(lambda bounds: np.squeeze(bounds, axis)) for each in found] if drops else found

    def backward(site: RangeSite, wanted: list[Interval]) -> Wanted:
        axis = axis_cut(site)
        parts = _known_places(site, axis, places)
        if drops:
            wanted = [each.moved(lambda bounds: np.expand_dims(bounds, axis)) for each in wanted]
        if parts is None:
            return _asked_somewhere(site, wanted, axis)
        return {"input": whole(int(site.inputs["input"][axis]), axis, parts, wanted)}  # type: ignore[arg-type]

    return Rule(forward, backward)


def axis_cut(site: RangeSite) -> int:
    """The dimension whose parts the results are."""
    return axis_of(site.node.types["input"], site.op.dim)


def _known_places(site: RangeSite, axis: int, places: Places) -> list[slice] | None:
    size = site.inputs["input"][axis]
    return places(site, size) if isinstance(size, int) and size <= MOST_PLACES else None


def _parts_of(site: RangeSite, axis: int, parts: list[slice] | None) -> list[Interval]:
    given = Interval(site.given.low, site.given.high)
    if given.low.shape[axis] == given.high.shape[axis] == 1:
        return [given] * len(site.outputs)
    if parts is None:
        return [site.joined(given, (axis,))] * len(site.outputs)
    return [taken(site.given, axis, part) for part in parts]


def _asked_somewhere(site: RangeSite, wanted: list[Interval], axis: int) -> Wanted:
    """What is asked where nobody knows the places: of all of them, or of none."""
    if site.view == "necessary":
        return {}
    found = site.asked_of_all(wanted[0], (axis,))
    for each in wanted[1:]:
        found = site.order.both(found, site.asked_of_all(each, (axis,)))
    return {"input": found}


def whole(size: int, axis: int, parts: list[slice], given: list[Interval]) -> Interval:
    """The bounds of parts at their places of a dimension of that size; nothing is asked of the places between."""
    low = _placed(size, axis, parts, [each.low for each in given], -math.inf)
    return Interval(low, _placed(size, axis, parts, [each.high for each in given], math.inf))


def _placed(size: int, axis: int, parts: list[slice], bounds: list[Bounds], nothing: float) -> Bounds:
    shapes = [list(each.shape) for each in bounds]
    for sizes in shapes:
        sizes[axis] = 1
    shape = list(np.broadcast_shapes(*map(tuple, shapes)))
    shape[axis] = size
    made: Bounds = np.empty(shape, dtype=object)
    made[...] = nothing
    for part, each in zip(parts, bounds, strict=True):
        made[(*(slice(None),) * axis, part)] = each
    return made


def taken(given: Interval, axis: int, part: slice) -> Interval:
    """The bounds of one part of a dimension."""
    place = (*(slice(None),) * axis, part)
    low, high = (bounds if bounds.shape[axis] == 1 else bounds[place] for bounds in (given.low, given.high))
    return Interval(low, high, given.attained and Interval(low, high).exact)


def in_turn(sizes: list[int]) -> list[slice]:
    """Parts of these sizes, one after another."""
    ends = [int(end) for end in np.cumsum(sizes)]
    return [slice(end - size, end) for size, end in zip(sizes, ends, strict=True)]

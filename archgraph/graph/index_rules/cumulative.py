"""What accumulates along a dimension: sums grow with their places, extreme values lie among the values, their places
between 0 and the size."""

from __future__ import annotations

import numpy as np

from archgraph.dims import Dim
from archgraph.graph.index_rules.quotients import divided
from archgraph.graph.index_rules.reduction import of_few
from archgraph.graph.index_rules.registry import MOST_PLACES, RULES, RangeSite, Rule, Wanted
from archgraph.graph.intervals import BoundFunction, Bounds, Interval, unbounded, uniform
from archgraph.ops.contract import INTEGER_TYPES
from archgraph.ops.cumulative import Cumulative, CumulativeExtreme
from archgraph.ops.requirements import axis_of


def _axis(site: RangeSite) -> int:
    return axis_of(site.node.types["input"], site.op.dim)


def accumulated(site: RangeSite) -> list[Interval]:
    if site.node.output.dtype not in INTEGER_TYPES:
        return []
    given, axis = of_few(site), _axis(site)
    count = site.shape()[axis]
    if site.op.name != "cumsum" or not given.plain:
        return [unbounded(len(site.outputs[0]))]
    if isinstance(count, int) and count <= MOST_PLACES:
        return [Interval(_added_up(given.low, axis, count), _added_up(given.high, axis, count), given.constant)]
    if given.low.shape[axis] != 1:
        return [unbounded(len(site.outputs[0]))]
    return [Interval(_least(given.low, count), _most(given.high, count), given.constant)]


def _added_up(ends: Bounds, axis: int, count: int) -> Bounds:
    """The sums up to each place, which all have ends of their own then."""
    shape = (*ends.shape[:axis], count, *ends.shape[axis + 1 :])
    return np.asarray(np.add.accumulate(np.broadcast_to(ends, shape), axis=axis), dtype=object)


_scaled_below = BoundFunction(lambda end, count: end * count if end < 0 else end, 2)
_scaled_above = BoundFunction(lambda end, count: end * count if end > 0 else end, 2)


def _least(low: Bounds, count: Dim) -> Bounds:
    """Of one number up to so many of them, the smallest sum."""
    return _scaled_below(low, np.full((1,) * low.ndim, count, dtype=object))


def _most(high: Bounds, count: Dim) -> Bounds:
    """Of one number up to so many of them, the largest sum."""
    return _scaled_above(high, np.full((1,) * high.ndim, count, dtype=object))


def accumulated_asks(site: RangeSite, wanted: list[Interval]) -> Wanted:
    """Of a sum: each number, and as many as there are of it, are within what is asked at every place."""
    if not wanted or "input" not in site.inputs or site.op.name != "cumsum":
        return {}
    axis = _axis(site)
    count = site.inputs["input"][axis]
    if count == 1:
        return {"input": wanted[0]}
    if site.view == "necessary" or not isinstance(count, int):
        return {}
    asked = site.asked_of_all(wanted[0], (axis,))
    return {"input": site.order.both(asked, divided(asked, count, count, True))}


def extremes(site: RangeSite) -> list[Interval]:
    axis = _axis(site)
    places = uniform(0, site.outputs[0][axis] - 1, len(site.outputs[0]))
    if site.node.outputs[0].dtype not in INTEGER_TYPES:
        return [places]
    return [site.joined(of_few(site), (axis,)).moved(lambda bounds: bounds, attained=False), places]


def extremes_ask(site: RangeSite, wanted: list[Interval]) -> Wanted:
    """What is asked of the extreme values, asked of all values, is enough."""
    if "input" not in site.inputs or site.view == "necessary":
        return {}
    return {"input": site.asked_of_all(wanted[0], (_axis(site),))}


RULES.add(Rule(accumulated, accumulated_asks), Cumulative)
RULES.add(Rule(extremes, extremes_ask), CumulativeExtreme)

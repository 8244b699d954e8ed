"""What becomes of an interval that is cut off at bounds."""

from __future__ import annotations

import math

import numpy as np

from archgraph.dims import Size
from archgraph.graph.index_rules.registry import RULES, RangeSite, Rule, Wanted
from archgraph.graph.intervals import Bound, Interval, uniform
from archgraph.ops import activation as ops
from archgraph.ops.contract import INTEGER_TYPES


def cut(site: RangeSite) -> list[Interval]:
    if site.node.output.dtype not in INTEGER_TYPES:
        return []
    low = -math.inf if site.op.min is None else site.op.min
    high = math.inf if site.op.max is None else site.op.max
    if "input" not in site.known or not site.given.plain:
        return [uniform(low, high, len(site.outputs[0]))]
    least, most = (np.minimum(np.maximum(ends, low), high) for ends in (site.given.low, site.given.high))
    return [Interval(np.asarray(least, dtype=object), np.asarray(most, dtype=object))]


def cut_asks(site: RangeSite, wanted: list[Interval]) -> Wanted:
    """Nothing on a side where the bound itself is enough."""
    if not wanted or "input" not in site.inputs:
        return {}
    least = -math.inf if site.op.min is None else site.op.min
    most = math.inf if site.op.max is None else site.op.max
    low, high = np.frompyfunc(lambda low, high: _uncut(low, high, least, most), 2, 2)(wanted[0].low, wanted[0].high)
    return {"input": Interval(np.asarray(low, dtype=object), np.asarray(high, dtype=object))}


def _uncut(low: Bound, high: Bound, least: float, most: float) -> tuple[Bound, Bound]:
    """The numbers that lie from `low` to `high` once they are cut off at `least` and `most`."""
    if isinstance(low, Size) or isinstance(high, Size):
        return low, high
    if least > high or most < low:
        return math.inf, -math.inf
    return (-math.inf if least >= low else low), (math.inf if most <= high else high)


RULES.add(Rule(cut, cut_asks), ops.Clamp)

"""What becomes of an interval that is cut off at bounds."""

from __future__ import annotations

import math

import numpy as np

from archgraph.graph.index_rules.registry import RULES, RangeSite, Rule, Wanted
from archgraph.graph.intervals import Interval, uniform
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
    least, most = site.op.min, site.op.max
    below = np.frompyfunc(lambda low: -math.inf if least is not None and least >= low else low, 1, 1)
    above = np.frompyfunc(lambda high: math.inf if most is not None and most <= high else high, 1, 1)
    low, high = below(wanted[0].low), above(wanted[0].high)
    return {"input": Interval(np.asarray(low, dtype=object), np.asarray(high, dtype=object))}


RULES.add(Rule(cut, cut_asks), ops.Clamp)

"""What becomes of intervals in a function of two values."""

from __future__ import annotations

import math

import numpy as np

from archgraph.graph.index_rules.arithmetic import operands, quotient, quotient_asks, second
from archgraph.graph.index_rules.broadcasting import fitted
from archgraph.graph.index_rules.registry import RULES, RangeSite, Rule, Wanted
from archgraph.graph.intervals import Interval, filled, unbounded, uniform
from archgraph.ops.binary import OfTwo, OfTwoOrNumber
from archgraph.ops.contract import INTEGER_TYPES


def combined(site: RangeSite) -> list[Interval]:
    if site.node.output.dtype not in INTEGER_TYPES:
        return []
    span, rank = site.op.row.span, len(site.outputs[0])
    if span in ("maximum", "minimum"):
        return [_extreme(site, np.maximum if span == "maximum" else np.minimum)]
    if span == "quotient":
        return [quotient(site, False)]
    divisor = second(site)
    if span == "common_bits" and divisor.plain and (divisor.low >= 0).all():
        return [uniform(0, int(divisor.high.max()), rank)]
    if span == "remainder" and divisor.plain and (divisor.low > 0).all():
        most = int(divisor.high.max()) - 1
        return [uniform(0 if site.op.name == "remainder" or _is_natural(site) else -most, most, rank)]
    return [unbounded(rank)]


def _is_natural(site: RangeSite) -> bool:
    given = operands(site)[0]
    return given.plain and bool((given.low >= 0).all())


def _extreme(site: RangeSite, pick: np.ufunc) -> Interval:
    first, last = operands(site)
    if not (first.plain and last.plain):
        return unbounded(len(site.outputs[0]))
    low, high = pick(first.low, last.low), pick(first.high, last.high)
    return Interval(np.asarray(low, dtype=object), np.asarray(high, dtype=object))


def asked(site: RangeSite, wanted: list[Interval]) -> Wanted:
    """Of a maximum, that neither value is too large; that neither is too small is enough, but more than needed."""
    span = site.op.row.span
    if not wanted or span not in ("maximum", "minimum", "quotient"):
        return {}
    if span == "quotient":
        return quotient_asks(site, wanted, False)
    found = wanted[0]
    if site.view == "necessary":
        nothing = filled(math.inf if span == "minimum" else -math.inf, found.low.ndim)
        found = Interval(nothing, found.high) if span == "maximum" else Interval(found.low, nothing)
    return {port: fitted(site, found, port) for port in site.inputs}


RULES.add(Rule(combined, asked), OfTwo, OfTwoOrNumber)

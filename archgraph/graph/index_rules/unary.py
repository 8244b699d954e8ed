"""What becomes of an interval in a function of each element."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from archgraph.dims import Size
from archgraph.graph.index_rules.registry import RULES, RangeSite, Rule, Wanted
from archgraph.graph.intervals import Bound, Interval, negative, plus, unbounded, uniform
from archgraph.ops.contract import INTEGER_TYPES
from archgraph.ops.tables import Span
from archgraph.ops.unary import Unary


def _same(given: Interval) -> Interval:
    return given


def _negated(given: Interval) -> Interval:
    return Interval(negative(given.high), negative(given.low), given.attained)


def _inverted(given: Interval) -> Interval:
    """-x - 1, in two's complement."""
    one = np.asarray(-1, dtype=object)
    found = _negated(given)
    return Interval(plus(found.low, one), plus(found.high, one), found.attained)


def _sign(given: Interval) -> Interval:
    return uniform(-1, 1, given.low.ndim)


def _magnitude(given: Interval) -> Interval:
    return _of_ends(given, abs)


def _squared(given: Interval) -> Interval:
    return _of_ends(given, lambda end: end * end)


def _of_ends(given: Interval, size: Callable[[int], int]) -> Interval:
    """From 0, or the smallest value that an end has where 0 does not lie between them, to the largest."""
    if not given.plain:
        return uniform(0, math.inf, given.low.ndim)

    def smallest(low: int, high: int) -> int:
        return 0 if low <= 0 <= high else min(size(low), size(high))

    low = np.frompyfunc(smallest, 2, 1)(given.low, given.high)
    high = np.frompyfunc(lambda low, high: max(size(low), size(high)), 2, 1)(given.low, given.high)
    ends = np.asarray(low, dtype=object), np.asarray(high, dtype=object)
    return Interval(*ends, given.attained and given.exact)


_FORWARD: dict[Span, Callable[[Interval], Interval]] = {
    "same": _same,
    "negated": _negated,
    "inverted": _inverted,
    "sign": _sign,
    "magnitude": _magnitude,
    "squared": _squared,
}


def mapped(site: RangeSite) -> list[Interval]:
    if site.node.output.dtype not in INTEGER_TYPES:
        return []
    if "input" not in site.known:
        return [unbounded(len(site.outputs[0]))]
    return [_FORWARD[site.op.row.span](site.given)]


def asked(site: RangeSite, wanted: list[Interval]) -> Wanted:
    """Of what reverses, the same in reverse; of the others, the numbers whose results lie within."""
    if not wanted or "input" not in site.inputs:
        return {}
    span, sufficient = site.op.row.span, site.view == "sufficient"
    if span in ("same", "negated", "inverted"):
        return {"input": _FORWARD[span](wanted[0])}
    preimage = _of_sign if span == "sign" else _of_square if span == "squared" else _of_magnitude
    low, high = np.frompyfunc(lambda low, high: preimage(low, high, sufficient), 2, 2)(wanted[0].low, wanted[0].high)
    return {"input": Interval(np.asarray(low, dtype=object), np.asarray(high, dtype=object))}


def _of_sign(low: Bound, high: Bound, sufficient: bool) -> tuple[Bound, Bound]:
    if isinstance(low, Size) or isinstance(high, Size):
        return (0, 0) if sufficient else (-math.inf, math.inf)
    least = -math.inf if low <= -1 else 0 if low <= 0 else 1 if low <= 1 else math.inf
    most = math.inf if high >= 1 else 0 if high >= 0 else -1 if high >= -1 else -math.inf
    return least, most


def _of_magnitude(low: Bound, high: Bound, sufficient: bool) -> tuple[Bound, Bound]:
    """From -high to high; where 0 is too small, the positive numbers of these are enough."""
    return (low if sufficient and _is_positive(low) else -high), high


def _of_square(low: Bound, high: Bound, sufficient: bool) -> tuple[Bound, Bound]:
    if isinstance(low, Size) or isinstance(high, Size):
        return (0, 0) if sufficient else (-math.inf, math.inf)
    root = high if isinstance(high, float) else math.isqrt(high) if high >= 0 else -1
    least = 1 + math.isqrt(int(low) - 1) if sufficient and _is_positive(low) and low != math.inf else -root
    return least, root


def _is_positive(low: Bound) -> bool:
    return not isinstance(low, Size) and low > 0


RULES.add(Rule(mapped, asked), Unary)

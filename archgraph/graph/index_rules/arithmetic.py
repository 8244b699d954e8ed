"""Sums, differences and products."""

from __future__ import annotations

from typing import Any

import numpy as np

from archgraph.graph.extents import FEW_NUMBERS
from archgraph.graph.index_rules.broadcasting import fitted
from archgraph.graph.index_rules.quotients import divided
from archgraph.graph.index_rules.registry import RULES, RangeSite, Rule, Shape, Wanted
from archgraph.graph.intervals import BoundFunction, Interval, negative, plus, unbounded, uniform
from archgraph.ops import arithmetic as ops


def operands(site: RangeSite) -> tuple[Interval, Interval]:
    """Both, the second a value or a number. Truth values and bytes are of a few numbers, whatever the inputs hold."""
    return _operand(site, "input"), second(site)


def second(site: RangeSite) -> Interval:
    """The second value, or the number in its place."""
    value = site.op.number
    return uniform(int(value), int(value), 0, True) if value is not None else _operand(site, "other")


def _operand(site: RangeSite, port: str) -> Interval:
    if port in site.known:
        return site.known[port]
    kind = site.node.types[port]
    return uniform(0, FEW_NUMBERS[kind.dtype], kind.rank)


def _is_one_number(found: Interval) -> bool:
    return found.low.size == 1 and found.known and bool(found.low.flat[0] == found.high.flat[0])


def _sum(a: Interval, b: Interval) -> Interval:
    attained = (a.attained and b.attained) and (_is_one_number(a) or _is_one_number(b))
    return Interval(plus(a.low, b.low), plus(a.high, b.high), attained)


def _negated(a: Interval) -> Interval:
    return Interval(negative(a.high), negative(a.low), a.attained)


def _without(site: RangeSite, wanted: Interval, other: Interval, port: str) -> Interval:
    """What is asked of a term where `wanted` is asked of the sum with `other`, which is added at the same places.

    A number that is the same wherever the other one varies meets all of it.
    """
    meets_all = other.attained and not _vary_together(site.inputs[port], site.inputs.get("other", ()), site, port)
    if site.view == "sufficient" or meets_all or other.exact:
        return Interval(plus(wanted.low, negative(other.low)), plus(wanted.high, negative(other.high)))
    return Interval(plus(wanted.low, negative(other.high)), plus(wanted.high, negative(other.low)))


def _vary_together(ours: Shape, other: Shape, site: RangeSite, port: str) -> bool:
    """Whether both terms have more than one place along some dimension."""
    theirs = site.inputs["input"] if port == "other" else other
    return any(a != 1 and b != 1 for a, b in zip(reversed(ours), reversed(theirs), strict=False))


def sum_asks(site: RangeSite, wanted: list[Interval]) -> Wanted:
    first, last = operands(site)
    found: Wanted = {}
    if "input" in site.inputs:
        found["input"] = fitted(site, _without(site, wanted[0], last, "input"), "input")
    if "other" in site.inputs:
        found["other"] = fitted(site, _without(site, wanted[0], first, "other"), "other")
    return found


def added(site: RangeSite) -> list[Interval]:
    return [_sum(*operands(site))]


def difference_asks(site: RangeSite, wanted: list[Interval]) -> Wanted:
    first, last = operands(site)
    found: Wanted = {}
    if "input" in site.inputs:
        found["input"] = fitted(site, _without(site, wanted[0], _negated(last), "input"), "input")
    if "other" in site.inputs:
        found["other"] = fitted(site, _negated(_without(site, wanted[0], first, "other")), "other")
    return found


def subtracted(site: RangeSite) -> list[Interval]:
    first, last = operands(site)
    return [_sum(first, _negated(last))]


def product_asks(site: RangeSite, wanted: list[Interval]) -> Wanted:
    found: Wanted = {}
    for port in site.inputs:
        factor = second(site) if port == "input" else _operand(site, "input")
        asked = divided(wanted[0], factor.low, factor.high, site.view == "sufficient")
        found[port] = fitted(site, asked, port)
    return found


def multiplied(site: RangeSite) -> list[Interval]:
    first, last = operands(site)
    if not (first.plain and last.plain):
        return [_scaled(site, first, last)]
    corners = [a * b for a in (first.low, first.high) for b in (last.low, last.high)]
    low, high = corners[0], corners[0]
    for corner in corners[1:]:
        low, high = np.minimum(low, corner), np.maximum(high, corner)
    attained = first.attained and last.attained and (_is_one_number(first) or _is_one_number(last))
    return [Interval(np.asarray(low, object), np.asarray(high, object), attained)]


def _scaled(site: RangeSite, first: Interval, last: Interval) -> Interval:
    """What is counted up to a size, times one number."""
    value, factor = (last, first) if first.plain else (first, last)
    if not (factor.plain and _is_one_number(factor)):
        return unbounded(len(site.outputs[0]))
    number = int(factor.low.flat[0])
    ends = [_times(each, np.full((1,) * each.ndim, number, dtype=object)) for each in (value.low, value.high)]
    low, high = ends if number >= 0 else reversed(ends)
    return Interval(low, high, value.attained and factor.attained)


_times = BoundFunction(lambda end, number: end * number if number or not isinstance(end, float) else 0, 2)


def divided_down(site: RangeSite) -> list[Interval]:
    return [quotient(site, site.op.rounding_mode == "trunc")]


def quotient(site: RangeSite, towards_zero: bool) -> Interval:
    """The whole numbers that are left of a division by one number above 0: they grow with what is divided."""
    given, number = _operand(site, "input"), _divisor(site)
    if number is None or not given.plain:
        return unbounded(len(site.outputs[0]))
    turn = np.frompyfunc(lambda end: -(-end // number) if towards_zero and end < 0 else end // number, 1, 1)
    return given.moved(lambda bounds: np.asarray(turn(bounds), dtype=object))


def _divisor(site: RangeSite) -> int | None:
    """The number above 0 that all is divided by; None where there is none."""
    number = site.op.number
    return int(number) if number is not None and number > 0 else None


def division_asks(site: RangeSite, wanted: list[Interval]) -> Wanted:
    return quotient_asks(site, wanted, site.op.rounding_mode == "trunc")


def quotient_asks(site: RangeSite, wanted: list[Interval], towards_zero: bool) -> Wanted:
    number = _divisor(site)
    if not wanted or number is None or "input" not in site.inputs:
        return {}

    def least(low: Any) -> Any:
        return low * number - (number - 1 if towards_zero and isinstance(low, int) and low <= 0 else 0)

    def most(high: Any) -> Any:
        return high * number + (0 if towards_zero and isinstance(high, int) and high < 0 else number - 1)

    low, high = np.frompyfunc(least, 1, 1)(wanted[0].low), np.frompyfunc(most, 1, 1)(wanted[0].high)
    return {"input": Interval(np.asarray(low, dtype=object), np.asarray(high, dtype=object))}


RULES.add(Rule(added, sum_asks), ops.Add)
RULES.add(Rule(subtracted, difference_asks), ops.Sub)
RULES.add(Rule(multiplied, product_asks), ops.Mul)
RULES.add(Rule(divided_down, division_asks), ops.Div)

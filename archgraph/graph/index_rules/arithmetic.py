"""Sums, differences and products."""

from __future__ import annotations

import numpy as np

from archgraph.graph.index_rules.broadcasting import fitted
from archgraph.graph.index_rules.quotients import divided
from archgraph.graph.index_rules.registry import RULES, RangeSite, Rule, Shape, Wanted
from archgraph.graph.intervals import Interval, negative, plus, unbounded, uniform
from archgraph.ops import arithmetic as ops


def _operands(site: RangeSite) -> tuple[Interval, Interval]:
    return site.known["input"], _second(site)


def _second(site: RangeSite) -> Interval:
    value = site.op.value
    return uniform(int(value), int(value), 0, True) if value is not None else site.known["other"]


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
    first, second = _operands(site)
    found = {"input": fitted(site, _without(site, wanted[0], second, "input"), "input")}
    if "other" in site.inputs:
        found["other"] = fitted(site, _without(site, wanted[0], first, "other"), "other")
    return found


def added(site: RangeSite) -> list[Interval]:
    return [_sum(*_operands(site))]


def difference_asks(site: RangeSite, wanted: list[Interval]) -> Wanted:
    first, second = _operands(site)
    found = {"input": fitted(site, _without(site, wanted[0], _negated(second), "input"), "input")}
    if "other" in site.inputs:
        found["other"] = fitted(site, _negated(_without(site, wanted[0], first, "other")), "other")
    return found


def subtracted(site: RangeSite) -> list[Interval]:
    first, second = _operands(site)
    return [_sum(first, _negated(second))]


def product_asks(site: RangeSite, wanted: list[Interval]) -> Wanted:
    found: Wanted = {}
    ports = ("input", "other") if "other" in site.inputs else ("input",)
    for port in ports:
        factor = _second(site) if port == "input" else site.known["input"]
        asked = divided(wanted[0], factor.low, factor.high, site.view == "sufficient")
        found[port] = fitted(site, asked, port)
    return found


def multiplied(site: RangeSite) -> list[Interval]:
    first, second = _operands(site)
    if not (first.plain and second.plain):
        return [unbounded(len(site.outputs[0]))]
    corners = [a * b for a in (first.low, first.high) for b in (second.low, second.high)]
    low, high = corners[0], corners[0]
    for corner in corners[1:]:
        low, high = np.minimum(low, corner), np.maximum(high, corner)
    attained = first.attained and second.attained and (_is_one_number(first) or _is_one_number(second))
    return [Interval(np.asarray(low, object), np.asarray(high, object), attained)]


RULES.add(Rule(added, sum_asks), ops.Add)
RULES.add(Rule(subtracted, difference_asks), ops.Sub)
RULES.add(Rule(multiplied, product_asks), ops.Mul)

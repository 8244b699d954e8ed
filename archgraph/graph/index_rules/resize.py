"""Padding."""

from __future__ import annotations

from archgraph.graph.index_rules.registry import RULES, RangeSite, Rule, Wanted
from archgraph.graph.intervals import Bounds, Interval, uniform
from archgraph.ops import resize as ops


def pad_asks(site: RangeSite, wanted: list[Interval]) -> Wanted:
    """Where something is taken away, or a size decides, nobody asks for certain places."""
    places = site.op.sides(len(site.outputs[0]))
    if any(not isinstance(width, int) or width < 0 for both in places for width in both):
        if site.view == "necessary":
            return {}
        axes = tuple(axis for axis, both in enumerate(places) if both != (0, 0))
        return {"input": site.asked_of_all(wanted[0], axes)}

    def inner(bounds: Bounds) -> Bounds:
        cuts = (
            slice(None) if size == 1 else slice(before, size - after)
            for size, (before, after) in zip(bounds.shape, places, strict=True)
        )
        return bounds[tuple(cuts)]

    return {"input": wanted[0].moved(inner)}


def padded(site: RangeSite) -> list[Interval]:
    sides = site.op.sides(len(site.outputs[0]))
    axes = tuple(axis for axis, added in enumerate(sides) if added != (0, 0))
    value = int(site.op.value)
    if not axes:
        return [site.given]
    given = site.given
    found = site.order.either(site.joined(given, axes), uniform(value, value, len(site.outputs[0])))
    return [Interval(found.low, found.high, given.attained or given.exact)]


RULES.add(Rule(padded, pad_asks), ops.Pad)

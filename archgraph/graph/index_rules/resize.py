"""Padding."""

from __future__ import annotations

from archgraph.graph.index_rules.registry import RULES, RangeSite, Rule, Wanted
from archgraph.graph.intervals import Bounds, Interval, uniform
from archgraph.ops import resize as ops


def _inner_places(site: RangeSite) -> list[tuple[int, int]]:
    """How many places are added before and after each dimension."""
    rank, pads = len(site.outputs[0]), list(site.op.pad)
    found = [(0, 0)] * rank
    for place in range(len(pads) // 2):
        found[rank - 1 - place] = (pads[2 * place], pads[2 * place + 1])
    return found


def pad_asks(site: RangeSite, wanted: list[Interval]) -> Wanted:
    places = _inner_places(site)

    def inner(bounds: Bounds) -> Bounds:
        cuts = (
            slice(None) if size == 1 else slice(before, size - after)
            for size, (before, after) in zip(bounds.shape, places, strict=True)
        )
        return bounds[tuple(cuts)]

    return {"input": wanted[0].moved(inner)}


def padded(site: RangeSite) -> list[Interval]:
    axes = tuple(axis for axis, added in enumerate(_inner_places(site)) if any(added))
    value = int(site.op.value)
    if not axes:
        return [site.given]
    given = site.given
    found = site.order.either(site.joined(given, axes), uniform(value, value, len(site.outputs[0])))
    return [Interval(found.low, found.high, given.attained or given.exact)]


RULES.add(Rule(padded, pad_asks), ops.Pad)

"""The same numbers in another shape."""

from __future__ import annotations

import math

import numpy as np

from archgraph.graph.index_rules.registry import MOST_PLACES, RangeSite, Rule, Shape, Wanted
from archgraph.graph.intervals import Bounds, Interval


def _reshaped(site: RangeSite, found: Interval, source: Shape, target: Shape, asked: bool) -> Interval:
    """The bounds at the places that a reshape puts them; one for all where places of symbolic sizes are mixed."""
    ahead = _common_sizes(source, target)
    behind = _common_sizes(source[ahead:][::-1], target[ahead:][::-1])
    inner, outer = source[ahead : len(source) - behind], target[ahead : len(target) - behind]
    middle = tuple(range(ahead, len(source) - behind))
    sizes = [size for size in (*inner, *outer) if isinstance(size, int)]
    differs = any(found.low.shape[axis] != 1 or found.high.shape[axis] != 1 for axis in middle)
    if differs and (len(sizes) < len(inner) + len(outer) or math.prod(sizes[: len(inner)]) > MOST_PLACES):
        found = (site.asked_at_unknown_places if asked else site.joined)(found, middle)
        differs = False

    def move(bounds: Bounds) -> Bounds:
        before, after = bounds.shape[:ahead], bounds.shape[len(source) - behind :]
        if not differs:
            return bounds.reshape((*before, *(1,) * len(outer), *after))
        full = np.broadcast_to(bounds, (*before, *sizes[: len(inner)], *after))
        return full.reshape((*before, *sizes[len(inner) :], *after))

    return found.moved(move)


def _common_sizes(a: Shape, b: Shape) -> int:
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _asks(site: RangeSite, wanted: list[Interval]) -> Wanted:
    return {"input": _reshaped(site, wanted[0], site.outputs[0], site.inputs["input"], asked=True)}


def _in_another_shape(site: RangeSite) -> list[Interval]:
    return [_reshaped(site, site.given, site.inputs["input"], site.outputs[0], asked=False)]


RESHAPED = Rule(_in_another_shape, _asks)

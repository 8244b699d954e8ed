"""Values read and written at places: indices lie within a dimension, results among the values."""

from __future__ import annotations

import numpy as np

from archgraph.graph.extents import FEW_NUMBERS
from archgraph.graph.index_rules.registry import RULES, RangeSite, Rule, Wanted
from archgraph.graph.intervals import Bounds, Interval, unbounded, uniform
from archgraph.ops import indexing as ops
from archgraph.ops.contract import INTEGER_TYPES


def anywhere(site: RangeSite, found: Interval, rank: int) -> Interval:
    """One interval for all places of a value with so many dimensions: what lies at any place."""
    axes = tuple(range(found.low.ndim))
    return site.joined(found, axes).moved(lambda bounds: _flat(bounds, rank), attained=False)


def _flat(bounds: Bounds, rank: int) -> Bounds:
    return np.reshape(bounds, (1,) * rank)


def asked_of_all(site: RangeSite, found: Interval, rank: int) -> Interval:
    """What is asked of values at unknown places, asked of all of them."""
    axes = tuple(range(found.low.ndim))
    return site.asked_of_all(found, axes).moved(lambda bounds: _flat(bounds, rank))


def values_at(site: RangeSite, port: str) -> Interval:
    """What a port holds; bytes and truth values are of a few numbers."""
    kind = site.node.types[port]
    return site.known[port] if port in site.known else uniform(0, FEW_NUMBERS[kind.dtype], kind.rank)


def _data(site: RangeSite) -> list[str]:
    """The ports that hold values and no indices."""
    return [port for port in site.inputs if port not in site.op.indices]


def read(site: RangeSite) -> list[Interval]:
    rank = len(site.outputs[0])
    return [anywhere(site, values_at(site, "input"), rank)] if _is_whole(site) else []


def written(site: RangeSite) -> list[Interval]:
    """The input or what is written over it."""
    if not _is_whole(site):
        return []
    rank = len(site.outputs[0])
    found = anywhere(site, values_at(site, "input"), rank)
    for port in ("src", "source"):
        if port in site.inputs:
            found = site.order.either(found, anywhere(site, values_at(site, port), rank))
    value = getattr(site.op, "value", None)
    return [found if value is None else site.order.either(found, uniform(int(value), int(value), rank))]


def added(site: RangeSite) -> list[Interval]:
    return [unbounded(len(site.outputs[0]))] if _is_whole(site) else []


def one_hot(site: RangeSite) -> list[Interval]:
    return [uniform(0, 1, len(site.outputs[0]))]


def _is_whole(site: RangeSite) -> bool:
    return site.node.output.dtype in INTEGER_TYPES


def _places(site: RangeSite) -> Wanted:
    return {port: site.places(port) for port in site.op.indices}


def values_asked(site: RangeSite, wanted: list[Interval]) -> Wanted:
    """What is asked of the results, asked of all that they may be, is enough."""
    found = _places(site)
    if wanted and site.view == "sufficient":
        found |= {port: asked_of_all(site, wanted[0], len(site.inputs[port])) for port in _data(site)}
    return found


def places_asked(site: RangeSite, wanted: list[Interval]) -> Wanted:
    return _places(site)


RULES.add(Rule(read, values_asked), ops.Gather, ops.TakeAlongDim, ops.IndexSelect, ops.Index)
RULES.add(Rule(written, values_asked), ops.Scatter, ops.IndexCopy)
RULES.add(Rule(added, places_asked), ops.ScatterAdd, ops.ScatterReduce, ops.IndexAdd)
RULES.add(Rule(one_hot, places_asked), ops.OneHot)
RULES.add(Rule(added, places_asked), ops.EmbeddingBag)

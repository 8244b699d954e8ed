"""Places of the largest values, which one pool gives and its inverse takes."""

from __future__ import annotations

from archgraph.dims import product
from archgraph.graph.index_rules.registry import RULES, RangeSite, Rule, Wanted, asks_nothing
from archgraph.graph.intervals import Interval, uniform
from archgraph.ops import pooling as ops


def places(site: RangeSite) -> list[Interval]:
    """Counted through one channel of the input."""
    kind = site.node.types["input"]
    return [uniform(0, product(kind.shape[2:]) - 1, kind.rank)]


def places_asked(site: RangeSite, wanted: list[Interval]) -> Wanted:
    return {"indices": site.places("indices")}


def values(site: RangeSite) -> list[Interval]:
    return []


RULES.add(Rule(places, asks_nothing), ops.MaxPool)
RULES.add(Rule(values, places_asked), ops.MaxUnpool)

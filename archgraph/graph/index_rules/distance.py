"""Distances between vectors of whole numbers, which are no whole numbers."""

from __future__ import annotations

from archgraph.graph.index_rules.registry import RULES, RangeSite, Rule, asks_nothing
from archgraph.graph.intervals import Interval
from archgraph.ops import distance as ops


def distances(site: RangeSite) -> list[Interval]:
    return []


RULES.add(Rule(distances, asks_nothing), ops.PairwiseDistance)

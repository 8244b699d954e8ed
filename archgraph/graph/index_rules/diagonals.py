"""Triangles and diagonals: their numbers lie among the values, and some are 0."""

from __future__ import annotations

from archgraph.graph.index_rules.indexing import anywhere, asked_of_all, values_at
from archgraph.graph.index_rules.rearranging import moved
from archgraph.graph.index_rules.registry import RULES, RangeSite, Rule, Wanted
from archgraph.graph.intervals import Interval, uniform
from archgraph.ops import diagonals as ops
from archgraph.ops.contract import INTEGER_TYPES


def with_zeros(site: RangeSite) -> list[Interval]:
    if site.node.output.dtype not in INTEGER_TYPES:
        return []
    rank = len(site.outputs[0])
    return [site.order.either(anywhere(site, values_at(site, "input"), rank), uniform(0, 0, rank))]


def some_asked(site: RangeSite, wanted: list[Interval]) -> Wanted:
    """Of what is partly left out: asked of all it is enough, and nothing of it is necessary."""
    if not wanted or site.view == "necessary":
        return {}
    return {"input": asked_of_all(site, wanted[0], len(site.inputs["input"]))}


RULES.add(Rule(moved, some_asked), ops.Diagonal)
RULES.add(Rule(with_zeros, some_asked), ops.Triangle, ops.DiagEmbed)

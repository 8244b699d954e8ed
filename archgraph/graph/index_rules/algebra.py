"""Products and sums of whole numbers, which nothing bounds here."""

from __future__ import annotations

from archgraph.graph.index_rules.registry import RULES, RangeSite, Rule, asks_nothing
from archgraph.graph.intervals import Interval, unbounded
from archgraph.ops import algebra as ops
from archgraph.ops.contract import INTEGER_TYPES


def multiplied(site: RangeSite) -> list[Interval]:
    return [unbounded(len(site.outputs[0]))] if site.node.output.dtype in INTEGER_TYPES else []


RULES.add(Rule(multiplied, asks_nothing), ops.Contraction, ops.WithSum, ops.Cross)

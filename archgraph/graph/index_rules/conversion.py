"""Casts between whole numbers, and from what has few values."""

from __future__ import annotations

from archgraph.graph.extents import FEW_NUMBERS
from archgraph.graph.index_rules.registry import RULES, RangeSite, Rule, Wanted
from archgraph.graph.intervals import Interval, unbounded, uniform
from archgraph.ops import conversion as ops
from archgraph.ops.contract import INTEGER_TYPES


def cast(site: RangeSite) -> list[Interval]:
    if site.op.dtype not in INTEGER_TYPES:
        return []
    if "input" in site.known:
        return [site.given]
    kind, rank = site.node.types["input"], len(site.outputs[0])
    return [uniform(0, FEW_NUMBERS[kind.dtype], rank) if kind.dtype in FEW_NUMBERS else unbounded(rank)]


def cast_asks(site: RangeSite, wanted: list[Interval]) -> Wanted:
    return {"input": wanted[0]} if wanted and "input" in site.known else {}


RULES.add(Rule(cast, cast_asks), ops.To)

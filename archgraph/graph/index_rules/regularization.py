"""What leaves numbers as they are."""

from __future__ import annotations

from archgraph.graph.index_rules.registry import RULES, RangeSite, Rule, Wanted
from archgraph.graph.intervals import Interval
from archgraph.ops import constant
from archgraph.ops import regularization as ops


def same_asked(site: RangeSite, wanted: list[Interval]) -> Wanted:
    return {"input": wanted[0]}


def same(site: RangeSite) -> list[Interval]:
    return [site.given]


RULES.add(Rule(same, same_asked), ops.Identity)
RULES.add(Rule(same, same_asked), ops.Detach)
RULES.add(Rule(same, same_asked), constant.RegisterBuffer)

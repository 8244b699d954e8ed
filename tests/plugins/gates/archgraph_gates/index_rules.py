"""Which whole numbers the operations give, so that tables which they index are bounded."""

from __future__ import annotations

from archgraph.graph.index_rules import RULES, Interval, RangeSite, Rule, asks_nothing, uniform
from archgraph_gates import operations as ops


def _places(site: RangeSite) -> list[Interval]:
    return [uniform(0, site.op.buckets - 1, len(site.shape()))]


RULES.add(Rule(_places, asks_nothing), ops.Hashed)

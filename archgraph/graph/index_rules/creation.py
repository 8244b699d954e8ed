"""Tensors that hold one number everywhere."""

from __future__ import annotations

from archgraph.graph.index_rules.registry import RULES, RangeSite, Rule, asks_nothing
from archgraph.graph.intervals import Interval, uniform
from archgraph.ops import creation as ops
from archgraph.ops.contract import INTEGER_TYPES


def one_number(site: RangeSite) -> list[Interval]:
    if site.node.output.dtype not in INTEGER_TYPES:
        return []
    return [uniform(int(site.op.number), int(site.op.number), len(site.outputs[0]), True)]


RULES.add(Rule(one_number, asks_nothing), ops.Zeros, ops.Ones, ops.Full, ops.ZerosLike, ops.OnesLike, ops.FullLike)

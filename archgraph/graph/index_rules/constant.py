"""Numbers that stand in the graph."""

from __future__ import annotations

import math

import numpy as np

from archgraph.graph.index_rules.registry import MOST_PLACES, RULES, RangeSite, Rule, asks_nothing
from archgraph.graph.intervals import Interval, unbounded, uniform
from archgraph.ops import constant as ops
from archgraph.ops.contract import INTEGER_TYPES


def constant_values(site: RangeSite) -> list[Interval]:
    if site.node.output.dtype not in INTEGER_TYPES:
        return []
    values = np.empty(site.op.shape, dtype=object)
    values[...] = np.array(site.op.value, dtype=object)
    return [_fewer(site, Interval(values, values, True))]


def buffer_values(site: RangeSite) -> list[Interval]:
    """A buffer of whole numbers holds what it starts with; who stores others in it leaves what is known."""
    count, rank, start = math.prod(site.op.shape), len(site.op.shape), site.op.init
    if start == "arange":
        if count > MOST_PLACES:
            return [uniform(0, count - 1, rank, True)]
        values = np.arange(count).astype(object).reshape(site.op.shape)
        return [Interval(values, values, True)]
    number = {"zeros": 0, "ones": 1}.get(start) if isinstance(start, str) else int(start)
    return [unbounded(rank) if number is None else uniform(number, number, rank, True)]


def _fewer(site: RangeSite, found: Interval) -> Interval:
    """The interval with as many places as are told apart."""
    return found if found.low.size <= MOST_PLACES else site.joined(found, tuple(range(found.low.ndim)))


RULES.add(Rule(constant_values, asks_nothing), ops.Constant)
RULES.add(Rule(buffer_values, asks_nothing), ops.Buffer)

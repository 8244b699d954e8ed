"""Tables, which bound their indices, and counting."""

from __future__ import annotations

import numpy as np

from archgraph.graph.index_rules.registry import MOST_PLACES, RULES, RangeSite, Rule, Wanted, asks_nothing
from archgraph.graph.intervals import Interval, uniform
from archgraph.ops import embedding as ops


def counted(site: RangeSite) -> list[Interval]:
    if site.op.has_fractions:
        return []
    (count,), start, step = site.outputs[0], site.op.start, site.op.step
    if isinstance(count, int) and isinstance(start, int) and count <= MOST_PLACES:
        values = np.arange(start, start + count * step, step).astype(object)
        return [Interval(values, values, True)]
    first, last = start, start + (count - 1) * step
    return [uniform(first, last, 1, True) if step > 0 else uniform(last, first, 1, True)]


def rows_asked(site: RangeSite, wanted: list[Interval]) -> Wanted:
    return {"input": site.places("input")}


def rows(site: RangeSite) -> list[Interval]:
    return []


def waves(site: RangeSite) -> list[Interval]:
    return []


RULES.add(Rule(counted, asks_nothing), ops.Arange)
RULES.add(Rule(rows, rows_asked), ops.Embedding)
RULES.add(Rule(waves, asks_nothing), ops.SinusoidalEmbedding)

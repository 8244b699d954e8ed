"""Tables, which bound their indices, and counting."""

from __future__ import annotations

import numpy as np

from archgraph.graph.index_rules.registry import MOST_PLACES, RULES, RangeSite, Rule, Wanted, asks_nothing
from archgraph.graph.intervals import Interval, uniform
from archgraph.ops import embedding as ops


def counted(site: RangeSite) -> list[Interval]:
    (size,) = site.outputs[0]
    if isinstance(size, int) and size <= MOST_PLACES:
        values = np.arange(size).astype(object)
        return [Interval(values, values, True)]
    return [uniform(0, size - 1, 1, True)]


def rows_asked(site: RangeSite, wanted: list[Interval]) -> Wanted:
    return {"input": uniform(0, site.op.num_embeddings - 1, len(site.inputs["input"]))}


def rows(site: RangeSite) -> list[Interval]:
    return []


def waves(site: RangeSite) -> list[Interval]:
    return []


RULES.add(Rule(counted, asks_nothing), ops.Arange)
RULES.add(Rule(rows, rows_asked), ops.Embedding)
RULES.add(Rule(waves, asks_nothing), ops.SinusoidalEmbedding)

"""What is known of whole numbers in a body that is applied step by step. These operations stand in no graph: they say
what the body sees of a sequence, and what is known of its results."""

from __future__ import annotations

import numpy as np

from archgraph.dims import Facts
from archgraph.graph.index_rules.registry import RULES, RangeSite, Rule, Wanted, asks_nothing
from archgraph.graph.intervals import Interval, unbounded
from archgraph.ops.contract import Inputs, Operation, TensorType


class AnySlice(Operation):
    """Any of the slices along a dimension; of a state (no dimension) the first value, and those of later steps."""

    dim: int | None

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        raise NotImplementedError("it stands in no graph")


class AnyNumber(AnySlice):
    """A result of which nothing is known."""

    dim: int | None = None


def _any(site: RangeSite) -> list[Interval]:
    if site.op.dim is None:
        return [unbounded(len(site.outputs[0]))]
    joined = site.joined(site.given, (site.op.dim,))
    return [joined.moved(lambda bounds: np.squeeze(bounds, site.op.dim), attained=False)]


def _all(site: RangeSite, wanted: list[Interval]) -> Wanted:
    if site.op.dim is None:
        return {"input": wanted[0]}
    return {"input": wanted[0].moved(lambda bounds: np.expand_dims(bounds, site.op.dim))}


def _unknown(site: RangeSite) -> list[Interval]:
    return [unbounded(len(site.outputs[0]))]


RULES.add(Rule(_any, _all), AnySlice)
RULES.add(Rule(_unknown, asks_nothing), AnyNumber)

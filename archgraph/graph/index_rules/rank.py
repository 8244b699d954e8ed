"""Dimensions added, removed, stretched and cut."""

from __future__ import annotations

from archgraph.graph.index_rules.broadcasting import fitted
from archgraph.graph.index_rules.parts import cutting
from archgraph.graph.index_rules.registry import RULES, RangeSite, Rule, Wanted
from archgraph.graph.index_rules.reshaping import RESHAPED
from archgraph.graph.intervals import Interval
from archgraph.ops import rank as ops


def stretch_asks(site: RangeSite, wanted: list[Interval]) -> Wanted:
    return {"input": fitted(site, wanted[0], "input")}


def stretched(site: RangeSite) -> list[Interval]:
    new = len(site.outputs[0]) - len(site.inputs["input"])
    return [site.given.moved(lambda bounds: bounds.reshape((1,) * new + bounds.shape))]


def _selected(site: RangeSite, size: int) -> list[slice]:
    place = site.op.index % size
    return [slice(place, place + 1)]


def _sliced(site: RangeSite, size: int) -> list[slice] | None:
    op = site.op
    if not isinstance(op.start, int) or not (op.end is None or isinstance(op.end, int)):
        return None
    return [slice(*slice(op.start, op.end, op.step).indices(size))]


RULES.add(RESHAPED, ops.Flatten, ops.Unsqueeze, ops.Squeeze)
RULES.add(Rule(stretched, stretch_asks), ops.Expand)
RULES.add(cutting(_selected, drops=True), ops.Select)
RULES.add(cutting(_sliced), ops.Slice)

"""Reductions beyond the common ones: counts and places lie between 0 and a size, extreme values among the values."""

from __future__ import annotations

from archgraph.dims import Dim, product
from archgraph.graph.index_rules.reduction import dropped_dims, kept_dims, of_few, reduced_axes
from archgraph.graph.index_rules.registry import RULES, RangeSite, Rule, Wanted
from archgraph.graph.intervals import Interval, unbounded, uniform
from archgraph.ops.aggregation import Aggregate
from archgraph.ops.contract import INTEGER_TYPES

_AMONG = ("amin", "median", "max", "min")


def aggregated(site: RangeSite) -> list[Interval]:
    """One interval for each result of whole numbers."""
    made = [_of_result(site, name) for name in site.op.results]
    kinds = (value.dtype for value in site.node.outputs)
    return [found for found, dtype in zip(made, kinds, strict=True) if dtype in INTEGER_TYPES]


def _of_result(site: RangeSite, result: str) -> Interval:
    name, rank = site.op.row.name, len(site.outputs[0])
    shape = site.shape()
    count: Dim = product(shape[axis] for axis in reduced_axes(site))
    if result == "indices" or name in ("argmax", "argmin"):
        return uniform(0, count - 1, rank)
    if name == "count_nonzero":
        return uniform(0, count, rank)
    if name in _AMONG:
        return dropped_dims(site, site.joined(of_few(site), reduced_axes(site)))
    return unbounded(rank)


def aggregate_asks(site: RangeSite, wanted: list[Interval]) -> Wanted:
    """Of extreme values: what is asked of them, asked of all, is enough."""
    if "input" not in site.inputs or site.op.row.name not in _AMONG or site.view == "necessary":
        return {}
    return {"input": kept_dims(site, wanted[0])}


RULES.add(Rule(aggregated, aggregate_asks), Aggregate)

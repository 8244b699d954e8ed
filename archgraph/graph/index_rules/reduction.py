"""Reductions over dimensions: extreme values lie among the values, counts and places between 0 and a size."""

from __future__ import annotations

import math

import numpy as np

from archgraph.dims import Dim, product
from archgraph.graph.extents import FEW_NUMBERS
from archgraph.graph.index_rules.quotients import divided
from archgraph.graph.index_rules.registry import RULES, RangeSite, Rule, Wanted
from archgraph.graph.intervals import Interval, filled, unbounded, uniform
from archgraph.ops import reduction as ops
from archgraph.ops.contract import INTEGER_TYPES
from archgraph.ops.reduction import TabledReduction


def reduced_axes(site: RangeSite) -> tuple[int, ...]:
    """The dimensions that an application reduces."""
    kind = site.node.types["input"]
    return tuple(site.op.axes(kind))


def _keeps(site: RangeSite) -> bool:
    return bool(getattr(site.op, "keepdim", False))


def of_few(site: RangeSite) -> Interval:
    """What is known of the input; bytes and truth values are of a few numbers, whatever the inputs hold."""
    kind = site.node.types["input"]
    return site.given if "input" in site.known else uniform(0, FEW_NUMBERS.get(kind.dtype, math.inf), kind.rank)


def kept_dims(site: RangeSite, found: Interval) -> Interval:
    """What is asked of a result, with the dimensions that disappeared."""
    if _keeps(site):
        return found
    axes = tuple(sorted(reduced_axes(site)))
    return found.moved(lambda bounds: np.expand_dims(bounds, axes))


def dropped_dims(site: RangeSite, found: Interval) -> Interval:
    """The result where dimensions disappear, or keep the size 1. The lower end of a maximum need not occur."""
    axes = () if _keeps(site) else reduced_axes(site)
    return found.moved(lambda bounds: np.squeeze(bounds, axes), attained=False)


def total_asks(site: RangeSite, wanted: list[Interval]) -> Wanted:
    if "input" not in site.inputs:
        return {}
    count, asked = product(site.inputs["input"][axis] for axis in reduced_axes(site)), kept_dims(site, wanted[0])
    if count == 1:
        return {"input": asked}
    if site.view == "necessary":
        return {}
    return {"input": divided(asked, count, count, True)}


def totals(site: RangeSite) -> list[Interval]:
    axes, given = reduced_axes(site), of_few(site)
    sizes = {axis: site.shape()[axis] for axis in axes}
    told_apart = any(ends.shape[axis] != 1 for axis in axes for ends in (given.low, given.high))
    if not given.plain or (told_apart and not all(isinstance(size, int) for size in sizes.values())):
        return [unbounded(len(site.outputs[0]))]
    low, high = given.low, given.high
    for axis, size in sizes.items():
        low, high = (
            ends * size if ends.shape[axis] == 1 else np.add.reduce(ends, axis, keepdims=True) for ends in (low, high)
        )
    return [dropped_dims(site, Interval(low, high))]


def largest_asks(site: RangeSite, wanted: list[Interval]) -> Wanted:
    asked = kept_dims(site, wanted[0])
    if site.view == "necessary" and product(site.inputs["input"][axis] for axis in reduced_axes(site)) != 1:
        asked = Interval(filled(-math.inf, asked.low.ndim), asked.high)
    return {"input": asked}


def largest(site: RangeSite) -> list[Interval]:
    if not site.given.plain:
        return [dropped_dims(site, site.joined(site.given, reduced_axes(site)))]
    low, high = site.given.low, site.given.high
    for axis in reduced_axes(site):
        low, high = (np.maximum.reduce(ends, axis, keepdims=True) for ends in (low, high))
    return [dropped_dims(site, Interval(low, high))]


RULES.add(Rule(totals, total_asks), ops.Sum)
RULES.add(Rule(largest, largest_asks), ops.Amax)

_AMONG = ("amin", "median", "max", "min")


def reduced(site: RangeSite) -> list[Interval]:
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


def reduced_asks(site: RangeSite, wanted: list[Interval]) -> Wanted:
    """Of extreme values: what is asked of them, asked of all, is enough."""
    if "input" not in site.inputs or site.op.row.name not in _AMONG or site.view == "necessary":
        return {}
    return {"input": kept_dims(site, wanted[0])}


RULES.add(Rule(reduced, reduced_asks), TabledReduction)

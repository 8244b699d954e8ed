"""Values in order lie among the values, their places between 0 and a size."""

from __future__ import annotations

from archgraph.graph.index_rules.indexing import values_at
from archgraph.graph.index_rules.registry import RULES, RangeSite, Rule, Wanted, asks_nothing
from archgraph.graph.intervals import Interval, uniform
from archgraph.ops import sorting as ops
from archgraph.ops.contract import INTEGER_TYPES
from archgraph.ops.requirements import axis_of


def _axis(site: RangeSite) -> int:
    return axis_of(site.node.types["input"], site.op.dim)


def ordered(site: RangeSite) -> list[Interval]:
    axis = _axis(site)
    places = uniform(0, site.shape()[axis] - 1, len(site.outputs[0]))
    if site.node.output.dtype not in INTEGER_TYPES or len(site.outputs) == 1:
        return [places]
    found = site.joined(values_at(site, "input"), (axis,))
    return [Interval(found.low, found.high), places]


def order_asks(site: RangeSite, wanted: list[Interval]) -> Wanted:
    """What is asked of values, asked of all along the dimension, is enough."""
    if "input" not in site.inputs or len(wanted) < 2 or site.view == "necessary":
        return {}
    return {"input": site.asked_of_all(wanted[0], (_axis(site),))}


def counted(site: RangeSite) -> list[Interval]:
    row = "boundaries" if isinstance(site.op, ops.Bucketize) else "sorted_sequence"
    return [uniform(0, site.shape(row)[-1], len(site.outputs[0]))]


RULES.add(Rule(ordered, order_asks), ops.TopK, ops.Sort, ops.Argsort)
RULES.add(Rule(counted, asks_nothing), ops.Searchsorted, ops.Bucketize)

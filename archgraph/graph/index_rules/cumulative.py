"""What accumulates along a dimension: extreme values lie among the values, their places between 0 and the size."""

from __future__ import annotations

from archgraph.graph.index_rules.reduction import of_few
from archgraph.graph.index_rules.registry import RULES, RangeSite, Rule, Wanted, asks_nothing
from archgraph.graph.intervals import Interval, unbounded, uniform
from archgraph.ops.contract import INTEGER_TYPES
from archgraph.ops.cumulative import Cumulative, CumulativeExtreme
from archgraph.ops.requirements import axis_of


def _axis(site: RangeSite) -> int:
    return axis_of(site.node.types["input"], site.op.dim)


def accumulated(site: RangeSite) -> list[Interval]:
    return [unbounded(len(site.outputs[0]))] if site.node.output.dtype in INTEGER_TYPES else []


def extremes(site: RangeSite) -> list[Interval]:
    axis = _axis(site)
    places = uniform(0, site.outputs[0][axis] - 1, len(site.outputs[0]))
    if site.node.outputs[0].dtype not in INTEGER_TYPES:
        return [places]
    return [site.joined(of_few(site), (axis,)).moved(lambda bounds: bounds, attained=False), places]


def extremes_ask(site: RangeSite, wanted: list[Interval]) -> Wanted:
    """What is asked of the extreme values, asked of all values, is enough."""
    if "input" not in site.inputs or site.view == "necessary":
        return {}
    return {"input": site.asked_of_all(wanted[0], (_axis(site),))}


RULES.add(Rule(accumulated, asks_nothing), Cumulative)
RULES.add(Rule(extremes, extremes_ask), CumulativeExtreme)

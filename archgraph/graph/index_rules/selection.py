"""What becomes of intervals where a mask chooses between them."""

from __future__ import annotations

from archgraph.graph.extents import FEW_NUMBERS
from archgraph.graph.index_rules.broadcasting import fitted
from archgraph.graph.index_rules.registry import RULES, RangeSite, Rule, Wanted
from archgraph.graph.intervals import Interval, uniform
from archgraph.ops import selection as ops
from archgraph.ops.contract import INTEGER_TYPES


def _of(site: RangeSite, port: str) -> Interval:
    if port in site.known:
        return site.known[port]
    kind = site.node.types[port]
    return uniform(0, FEW_NUMBERS[kind.dtype], kind.rank)


def chosen(site: RangeSite) -> list[Interval]:
    """Either value, everywhere; where the mask is the same throughout, the one that it chooses."""
    if site.node.output.dtype not in INTEGER_TYPES:
        return []
    value = site.op.value
    rank = len(site.outputs[0])
    other = _of(site, "other") if value is None else uniform(int(value), int(value), 0, attained=True)
    takes_input = _takes_input(site)
    if takes_input is None:
        found, attained = site.order.either(_of(site, "input"), other), False
    else:
        found = _of(site, "input") if takes_input else other
        attained = found.attained
    return [found.moved(lambda bounds: bounds.reshape((1,) * (rank - bounds.ndim) + bounds.shape), attained=attained)]


def _takes_input(site: RangeSite) -> bool | None:
    """Whether the mask chooses the input everywhere, or the other value; None where that is not known."""
    for port, holds in (("condition", True), ("mask", False)):
        mask = site.known.get(port)
        if mask is not None and mask.exact and mask.low.size == 1:
            return bool(mask.low.flat[0]) == holds
    return None


def choice_asks(site: RangeSite, wanted: list[Interval]) -> Wanted:
    """Nobody knows which of them is chosen: asked of both, it is enough."""
    if not wanted or site.view == "necessary":
        return {}
    return {port: fitted(site, wanted[0], port) for port in site.inputs}


RULES.add(Rule(chosen, choice_asks), ops.Where, ops.MaskedFill)

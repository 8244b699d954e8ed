"""How two terms or factors of which nothing is known share what is asked of their sum or product, in trials."""

from __future__ import annotations

from archgraph.graph.index_rules import RangeSite, Wanted
from archgraph.graph.index_rules.broadcasting import fitted
from archgraph.graph.intervals import BoundFunction, Interval, filled, plus
from archgraph.ops.arithmetic import Add, Mul

_half = BoundFunction(
    lambda low, high: 0 if isinstance(low, float) or isinstance(high, float) else max(0, (high - low) // 2), 2
)

_least_factor = BoundFunction(lambda low, high: int(not low <= 0 <= high), 2)


def shared(site: RangeSite, asked: Interval) -> Wanted:
    """Halves of what is asked of a sum or a difference; of a product all of it, and a mask, 0 only where 0 is asked."""
    if isinstance(site.op, Mul):
        mask = Interval(_least_factor(asked.low, asked.high), filled(1, asked.low.ndim))
        return {port: fitted(site, each, port) for port, each in (("input", asked), ("other", mask))}
    part = _half(asked.low, asked.high)
    zero = filled(0, part.ndim)
    first = (
        Interval(asked.low, plus(asked.low, part))
        if isinstance(site.op, Add)
        else Interval(plus(asked.low, part), asked.high)
    )
    return {port: fitted(site, each, port) for port, each in (("input", first), ("other", Interval(zero, part)))}

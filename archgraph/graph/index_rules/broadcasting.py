"""What is asked of a value that is stretched along dimensions."""

from __future__ import annotations

from archgraph.graph.index_rules.registry import RangeSite
from archgraph.graph.intervals import Interval


def fitted(site: RangeSite, found: Interval, port: str) -> Interval:
    """What is asked of an input that was broadcast to the result."""
    shape = site.inputs[port]
    extra = found.low.ndim - len(shape)
    axes = tuple(axis for axis in range(found.low.ndim) if axis < extra or shape[axis - extra] == 1)
    kept = site.asked_of_all(found, axes)
    return kept.moved(lambda bounds: bounds.reshape(bounds.shape[extra:]) if extra > 0 else bounds)

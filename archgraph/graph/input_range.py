"""Which whole numbers one input may hold, in words and as plain data."""

from __future__ import annotations

from typing import Any

import numpy as np

from archgraph.dims import Cause
from archgraph.graph.intervals import Bound, Bounds, Interval
from archgraph.graph.types import Node
from archgraph.records import record

MOST_SHOWN = 4


@record()
class InputRange:
    """What an input may hold, and the nodes that ask it."""

    name: str
    interval: Interval
    sources: tuple[Node, ...] = ()

    @property
    def bounded(self) -> bool:
        """Whether anything is asked of it."""
        return any(not isinstance(end, float) for ends in (self.interval.low, self.interval.high) for end in ends.flat)

    @property
    def causes(self) -> tuple[Cause, ...]:
        """The nodes that read by it, each with its line."""
        return tuple(
            Cause(node.op.index_range_text(node.types), node.origin.mark, node.origin.address or node.name)
            for node in self.sources
        )

    def to_json(self) -> dict[str, object]:
        """Plain data: a number or a size, null for none, or lists of them where places differ."""
        return {"minimum": _plain(self.interval.low), "maximum": _plain(self.interval.high)}

    @property
    def text(self) -> str:
        """The range in words, of the first places where they differ."""
        low, high = _trimmed(self.interval.low), _trimmed(self.interval.high)
        if low.ndim == high.ndim == 0:
            return span(low.item(), high.item())
        low, high = np.broadcast_arrays(low, high)
        ends: list[tuple[Any, Any]] = list(zip(low.flat, high.flat, strict=True))
        places = [span(*pair) for pair in ends]
        if len(set(places)) == 1:
            return places[0]
        return f"by place: {', '.join([*places[:MOST_SHOWN], *(['…'] if len(places) > MOST_SHOWN else [])])}"

    def __str__(self) -> str:
        return f"{self.name} {self.text}"


def span(low: Bound, high: Bound) -> str:
    """An interval in words."""
    if isinstance(low, float):
        return "any" if isinstance(high, float) else f"at most {high}"
    return f"at least {low}" if isinstance(high, float) else f"{low} to {high}"


def _trimmed(bounds: Bounds) -> Bounds:
    """Without leading dimensions along which all places are alike."""
    if bounds.size == 1:
        return bounds.reshape(())
    while bounds.shape[0] == 1:
        bounds = bounds[0]
    return bounds


def _plain(bounds: Bounds) -> object:
    found = np.frompyfunc(_plain_bound, 1, 1)(_trimmed(bounds))
    return found.tolist() if isinstance(found, np.ndarray) else found


def _plain_bound(bound: Bound) -> int | str | None:
    return None if isinstance(bound, float) else bound if isinstance(bound, int) else str(bound)

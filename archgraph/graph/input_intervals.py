"""Which whole numbers one input may hold where places may differ, in words and as plain data."""

from __future__ import annotations

from typing import Any

import numpy as np

from archgraph.graph.input_range import InputRange, span
from archgraph.graph.intervals import Bound, Bounds, Interval
from archgraph.graph.types import Node
from archgraph.records import record

MOST_SHOWN = 4


@record()
class InputIntervals(InputRange):
    """What an input may hold at each of its places, and the nodes that ask it."""

    name: str
    interval: Interval
    sources: tuple[Node, ...] = ()

    @property
    def bounded(self) -> bool:
        """Whether anything is asked of it."""
        return any(not isinstance(end, float) for ends in (self.interval.low, self.interval.high) for end in ends.flat)

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

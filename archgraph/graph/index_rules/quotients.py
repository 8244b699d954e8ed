"""What is asked of a factor, where something is asked of the product."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from archgraph.graph.intervals import Interval


def _quotient(low: Any, high: Any, least: Any, most: Any, sufficient: bool) -> tuple[Any, Any]:
    """The numbers whose product with every factor from `least` to `most` lies between `low` and `high`."""
    if any(not isinstance(end, int) for end in (least, most)) or any(hasattr(end, "symbols") for end in (low, high)):
        return (0, 0) if sufficient else (-math.inf, math.inf)
    if least != most:
        return _common(low, high, least, most) if sufficient else (-math.inf, math.inf)
    if least == 0:
        return (-math.inf, math.inf) if low <= 0 <= high else (math.inf, -math.inf)
    ends = (low, high) if least > 0 else (-high, -low)
    size = abs(least)
    below, above = (end if isinstance(end, float) else turn(end, size) for end, turn in zip(ends, _TURNS, strict=True))
    return below, above


_TURNS: tuple[Callable[[int, int], int], ...] = (lambda a, b: -(-a // b), lambda a, b: a // b)
_QUOTIENTS: Any = np.frompyfunc(_quotient, 5, 2)


def divided(asked: Interval, least: Any, most: Any, sufficient: bool) -> Interval:
    """See `_quotient`, at each place."""
    low, high = _QUOTIENTS(asked.low, asked.high, least, most, sufficient)
    return Interval(np.asarray(low, dtype=object), np.asarray(high, dtype=object))


def _common(low: Any, high: Any, least: int, most: int) -> tuple[Any, Any]:
    """See `_quotient`, of factors that differ."""
    size = max(abs(least), abs(most))
    if not low <= 0 <= high:
        return (1, 1)
    below, above = (end if isinstance(end, float) else abs(end) // size for end in (low, high))
    if least >= 0:
        return -below, above
    return -min(below, above), min(below, above)

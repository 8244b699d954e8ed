"""Which whole numbers an input may hold, as an exported file states it, and the first one that lies outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from archgraph.artifact.sizes import Size, evaluate, parse
from archgraph.errors import Problem

Bound: TypeAlias = "Size | tuple[Bound, ...] | None"
"""A number or a size, None for none; a tuple of them for the places along a dimension, the last one innermost."""

DEEPEST = 32
HINT = "it is the index of a row in a table of the network, which has no such row"
_ENDS = {"minimum": np.iinfo(np.int64).min, "maximum": np.iinfo(np.int64).max}


@dataclass(frozen=True, slots=True)
class Range:
    """From `minimum` to `maximum`, both included."""

    minimum: Bound = None
    maximum: Bound = None

    def problem(self, name: str, array: NDArray[Any], symbols: Mapping[str, int]) -> Problem | None:
        """The first number of an array that lies outside; None where none does."""
        if not array.size:
            return None
        least, most = (
            _values(bound, symbols, end) for bound, end in ((self.minimum, "minimum"), (self.maximum, "maximum"))
        )
        if np.ndim(least) == np.ndim(most) == 0 and array.min() >= least and array.max() <= most:
            return None  # no array as large as the input is made
        try:
            outside = (array < least) | (array > most)
        except ValueError:  # a damaged file states bounds for more places than there are
            return Problem(f"the range that the file states for '{name}' does not fit its shape")
        if not outside.any():
            return None
        place = np.unravel_index(int(outside.argmax()), outside.shape)
        low, high = (int(np.broadcast_to(ends, array.shape)[place]) for ends in (least, most))
        where = f" at [{', '.join(map(str, map(int, place)))}]" if place else ""
        return Problem(
            f"'{name}' has a number out of range{where}",
            expected=_span(low, high),
            received=str(array[place]),
            hint=HINT,
        )

    def nearest(self, array: NDArray[Any], symbols: Mapping[str, int]) -> NDArray[Any]:
        """The numbers of an array, and for those that lie outside the end that is nearer."""
        least, most = (
            _values(bound, symbols, end) for bound, end in ((self.minimum, "minimum"), (self.maximum, "maximum"))
        )
        return np.asarray(np.clip(array, least, most))


def _span(low: int, high: int) -> str:
    if low == _ENDS["minimum"]:
        return f"at most {high}"
    return f"at least {low}" if high == _ENDS["maximum"] else f"{low} to {high}"


def _values(bound: Bound, symbols: Mapping[str, int], end: str) -> Any:
    """The bounds at these sizes: a number, or an array of them."""
    if isinstance(bound, tuple):
        return np.array([_values(item, symbols, end) for item in bound], dtype=np.int64)
    value = None if bound is None else evaluate(bound, symbols)
    return _ENDS[end] if value is None else value


def read_range(data: Any) -> Range:
    """What a file states. Raises ValueError where that makes no sense."""
    found = Range(*(_bound(data[end], DEEPEST) for end in _ENDS))
    for bound in (found.minimum, found.maximum):
        _values(bound, {}, "minimum")  # rows of different lengths make no array
    return found


def _bound(data: Any, deepest: int) -> Bound:
    if isinstance(data, list) and data and deepest:
        return tuple(_bound(item, deepest - 1) for item in data)
    if data is None or (isinstance(data, int) and not isinstance(data, bool) and abs(data) < 1 << 63):
        return data
    if not isinstance(data, str):
        raise ValueError(f"{str(data)[:80]!r} is no bound")
    parse(data)
    return data

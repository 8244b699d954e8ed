"""Bounds of several sizes together, around those that a module was traced on: `H * W > 8` from some H and W on."""

from __future__ import annotations

from collections.abc import Mapping

from archgraph.dims import Cause, Dim, Facts, Size, symbol
from archgraph.dims.bounds import rises
from archgraph.errors import ShapeError

_PARTS = 64
"""Of a size by which bounds are brought nearer to it."""
_MOST_TIMES = 64


def bound_together(total: Size, least: int, cause: Cause, examples: Mapping[str, int], facts: Facts) -> None:
    """Bounds each symbol of a size that grows with all of them, or shrinks with all, so that it is at least `least`.

    The bounds are as far from the examples as can be, by one ratio for all symbols. Raises ShapeError where the size
    does neither, or a bound leaves no size.
    """
    rising, falling = rises(total), rises(-total)  # type: ignore[arg-type]
    known = {name: examples[name] for name in total.symbols if name in examples}
    if not (rising or falling) or len(known) < len(total.symbols) or total.evaluate(known) < least:
        raise ShapeError("several sizes are compared", received=str(total))
    if rising:
        parts = range(_PARTS + 1)
        tries = ({name: max(1, -(-number * part // _PARTS)) for name, number in known.items()} for part in parts)
    else:
        times = range(_MOST_TIMES * _PARTS, _PARTS - 1, -1)
        tries = ({name: number * part // _PARTS for name, number in known.items()} for part in times)
    bounds = next(bound for bound in tries if total.evaluate(bound) >= least)
    for name, bound in bounds.items():
        facts.require_at_least(*_bound(name, bound, rising), cause)


def _bound(name: str, bound: int, rising: bool) -> tuple[Dim, int]:
    size = symbol(name)
    return (size, bound) if rising else (bound - size, 0)

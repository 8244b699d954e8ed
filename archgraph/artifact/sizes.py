"""Sizes as an exported file states them: numbers, symbols, and expressions of symbols such as `H // 8`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from archgraph.dims import Dim, parse_dim
from archgraph.dims import Size as Expression
from archgraph.dims.size import value_of
from archgraph.errors import ShapeError

Size = int | str
Shape = tuple[Size, ...]

_REMEMBERED = 1024


def parse(size: Size) -> Dim:
    """The dimension that a size is. Raises ValueError where it is anything but integers, symbols and + - * // % **."""
    if isinstance(size, int) and not isinstance(size, bool):
        return size
    if not isinstance(size, str):
        raise ValueError(f"{str(size)[:80]!r} is not a size")
    return _parsed(size)


@lru_cache(_REMEMBERED)
def _parsed(text: str) -> Dim:
    try:
        return parse_dim(text)
    except ShapeError:
        raise ValueError(f"{text[:80]!r} is not a size") from None


def symbol_of(size: Size) -> str | None:
    """The symbol that a size is, or None where it is a number or an expression."""
    return size if isinstance(size, str) and size.isidentifier() else None


def evaluate(size: Size, symbols: Mapping[str, int]) -> int | None:
    """The value of a size where its symbols have the given values; None where one of them has none."""
    dim = parse(size)
    try:
        return value_of(dim, symbols) if isinstance(dim, Expression) else dim
    except KeyError:
        return None


def shape_text(shape: Shape) -> str:
    """`[N, 3, H, W]`."""
    return f"[{', '.join(map(str, shape))}]"

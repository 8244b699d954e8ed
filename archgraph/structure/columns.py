"""Columns of numbers: one number of a class, over all of its instances; ABSENT where an instance lacks the part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archgraph.structure.unification import ABSENT


def all_equal(values: Sequence[Any]) -> bool:
    """Whether all values are of one type and equal the first: a column is mostly one number many times."""
    first = values[0]
    kind = type(first)
    for value in values:
        if value is first:
            continue
        if type(value) is not kind or value != first:
            return False
    return True


def fits(values: Sequence[Any], source: Sequence[Any]) -> bool:
    """Whether a column can be read from another: equal wherever it is present."""
    for value, other in zip(values, source, strict=True):
        if value is not ABSENT and not (type(value) is type(other) and value == other):
            return False
        if type(value) is tuple and repr(value) != repr(other):  # 2 is no 2.0
            return False
    return True


def first(values: Sequence[Any]) -> tuple[Any, int]:
    """The first number of a column that is there, and its place: most columns are seen to differ by it."""
    return next((value, place) for place, value in enumerate(values) if value is not ABSENT)


def times(value: Any, factor: int) -> Any:
    return value * factor if type(value) is int else ABSENT


def part(value: Any, factor: int, small: bool = False) -> Any:
    """A whole part of a number; 0 where the number is smaller than the factor only of a `small` one."""
    return value // factor if type(value) is int and (small or value >= factor) else ABSENT

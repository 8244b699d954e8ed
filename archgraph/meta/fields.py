"""What one value in `meta` must be, in words and as a test."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias, TypeVar

from archgraph.records import record

Function = TypeVar("Function")


@record()
class Field:
    """What a value must be. `choices` are its only values, where it is one of some names."""

    expected: str
    fits: Callable[[Any], bool]
    choices: tuple[str, ...] = ()


@record()
class Each:
    """A list, each entry of which is a mapping with these keys."""

    entry: Section


Section: TypeAlias = "Mapping[str, Field | Each | Section]"


def implemented(names: Iterable[str], table: dict[str, Function]) -> dict[str, Function]:
    """The table of what stands behind names that `meta` may hold. Raises LookupError where it lacks or adds one."""
    if differing := set(names) ^ set(table):
        known, others = ", ".join(table), ", ".join(sorted(differing))
        raise LookupError(f"archgraph/meta and the table of {known} differ in {others}")
    return table


def one_of(*names: str) -> Field:
    """One of some names."""
    return Field("one of " + ", ".join(names), lambda value: isinstance(value, str) and value in names, names)


def whole(least: int) -> Field:
    """A whole number from a least one on."""
    return Field(f"a whole number, {least} or more", lambda value: is_whole(value) and value >= least)


def number(least: float, below: float = math.inf) -> Field:
    """A finite number from a least one on, below another one."""
    limit = f", less than {below:g}" if below < math.inf else ""
    return Field(f"a number, {least:g} or more{limit}", lambda value: is_number(value) and least <= value < below)


def is_number(value: Any) -> bool:
    """A finite number; true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def is_whole(value: Any) -> bool:
    """A whole number; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def _is_extent(value: Any) -> bool:
    sides = value if isinstance(value, list) and len(value) == 2 else [value]
    return all(is_whole(side) and side > 0 for side in sides)


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and not any(isinstance(name, (list, dict)) for name in value)


NUMBER = Field("a number", is_number)
POSITIVE = Field("a number, more than 0", lambda value: is_number(value) and value > 0)
SWITCH = Field("true or false", lambda value: isinstance(value, bool))
EXTENT = Field("a size, or a height and a width", _is_extent)
STATISTIC = Field(
    "a list of one number per channel, 1 or 3",
    lambda value: isinstance(value, list) and len(value) in (1, 3) and all(map(is_number, value)),
)
PATHS = Field(
    "a list of paths of nodes or blocks",
    lambda value: isinstance(value, list) and all(isinstance(path, str) for path in value),
)
TEXT = Field("a text", lambda value: isinstance(value, str) and bool(value.strip()))
NAMES = Field("a list of names", _are_names)
WEIGHTS = Field(
    "a path, or one for each preset",
    lambda value: all(isinstance(path, str) for path in (value.values() if isinstance(value, Mapping) else [value])),
)

"""Numbers of several stages: the places of those which statements have that differ in a number only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from archgraph.structure.unification import ABSENT, Column

_NUMBER = re.compile(r"\d+")
SeriesKey = tuple[str, int, str, str]
_COUNT = "number"
"""The kind of the part of a term that says how many copies there are; the numbers of arguments are inside of these."""


def series_of(columns: Sequence[Column]) -> list[list[int]]:
    """The places of numbers that statements have which differ in a number only, `layer1` and `layer2`, in the order of
    these."""
    pairs = dict(_of_pairs(columns))
    found: dict[SeriesKey, dict[int, int]] = {}
    counts: dict[tuple[int, str], int] = {}
    for place, column in enumerate(columns):
        statement = column.statement
        match = _NUMBER.search(statement.name) if statement is not None else None
        if statement is None or match is None or any(isinstance(value, str) for value in column.values):
            continue
        nth = counts[id(statement), column.role] = counts.get((id(statement), column.role), -1) + 1
        number = int(match[0])
        if place in pairs:
            nth, number = 0, number + pairs[place]
        behind = statement.name[match.end() :].replace(match[0], "#")
        key = column.role, nth, statement.name[: match.start()], behind
        found.setdefault(key, {})[number] = place
    rows = ([numbers[number] for number in sorted(numbers)] for numbers in found.values())
    return [row for row in rows if len(row) > 1]


def _of_pairs(columns: Sequence[Column]) -> Iterator[tuple[int, int]]:
    """Of two copies with different arguments, the places of these, and which of both copies has each."""
    rows: dict[int, list[int]] = {}
    for place, column in enumerate(columns):
        if column.statement is not None:
            rows.setdefault(id(column.statement), []).append(place)
    for own in rows.values():
        statement = columns[own[0]].statement
        assert statement is not None
        places, two = iter(own), False
        for part in statement.term.parts:
            numbers = [next(places) for _ in part.numbers()]
            if part.kind == _COUNT:
                two = all(value == 2 for value in columns[numbers[0]].values)
            elif two and part.kind in ("first", "last"):
                yield from zip(numbers, (0, 1) if part.kind == "first" else (1, 0), strict=True)


def varies(values: Sequence[Any]) -> bool:
    """Whether networks have different numbers, as far as they have one."""
    present = [value for value in values if value is not ABSENT]
    return any(type(value) is not type(present[0]) or value != present[0] for value in present)


def with_absent_lists(column: Column) -> tuple[Any, ...]:
    """The numbers of a column; a list of numbers that are not there is none."""
    return tuple(
        ABSENT if isinstance(value, tuple) and value and all(one is ABSENT for one in value) else value
        for value in column.values
    )

"""Values that are handed out under numbers, and ports at which copies read one each, as their numbers count."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from archgraph.importing.writing.classes.templates import BodyTemplate, WrittenStatement
from archgraph.importing.writing.copies.group_form import GroupForm
from archgraph.importing.writing.modules.copy_pattern import Pattern

Place = tuple[int, str, int]
"""Which statement hands a value out, the word before the number that it has there, and this number."""
_NUMBERED = re.compile(r"(.*?)(\d+)")


def numbered_values(template: BodyTemplate) -> dict[int, Place]:
    """Under which number each value is handed out that has one, by the value."""
    found = dict(places_of_inputs(template))
    for at, statement in enumerate(template.entries()):
        found.update(places(statement, at))
    return found


def places_of_inputs(template: BodyTemplate) -> Iterator[tuple[int, Place]]:
    """The values of an input that is a list."""
    for value, name in template.listed.items():
        yield value, (-1, "", int(name.rpartition(".")[2]))


def places(statement: WrittenStatement, at: int) -> Iterator[tuple[int, Place]]:
    """Under which numbers a statement hands its values out, if it does; `at` tells it from others."""
    pattern = statement.term.value
    if isinstance(pattern, (Pattern, GroupForm)) and pattern.parts:
        found = ((copy, name) for copy, names in enumerate(pattern.parts) for name in names)
        yield from ((value, (at, f".{name}", copy)) for value, (copy, name) in zip(statement.outs, found, strict=True))
        return
    if isinstance(pattern, Pattern) and not pattern.mapped:
        numbers = (*pattern.read, count_of(statement) - 1)
        if len(numbers) == len(statement.outs):
            yield from ((value, (at, "", number)) for value, number in zip(statement.outs, numbers, strict=True))
        return
    mapped = isinstance(pattern, Pattern)
    several = len(statement.outs) > 1 and (mapped or len(statement.made.outputs) == len(statement.outs))
    for place, value in enumerate(statement.outs) if several else ():
        word = str(place)
        if not mapped:
            word = statement.made.outputs[place].name.rpartition(".")[2]
        match = _NUMBERED.fullmatch(word)
        if match is not None:
            yield value, (at, match[1], int(match[2]))


def count_of(statement: WrittenStatement) -> int:
    """How many copies a statement with copies has."""
    return next(int(part.value) for part in statement.term.parts if part.kind == "number")


def counts(column: Sequence[int], known: Mapping[int, Place]) -> int:
    """Whether the values that copies read are handed out under numbers that count up (1) or down (-1), else 0."""
    if not all(value in known for value in column):
        return 0
    maker, word, start = known[column[0]]
    found = [known[value] for value in column]
    return next(
        (step for step in (1, -1) if found == [(maker, word, start + step * copy) for copy in range(len(column))]), 0
    )


def ports_of_their_own(
    row: Sequence[WrittenStatement], known: Mapping[int, Place], chained: Collection[str] = ()
) -> tuple[str, ...] | None:
    """The ports at which each copy reads a value of its own, by its number; None where numbers do not tell them. What
    it reads at `chained` ports is what the copy before makes."""
    found: list[str] = []
    columns = zip(*([part.value for part in one.term.parts if part.kind == "variable"] for one in row), strict=True)
    for port, column in zip(row[0].ports, columns, strict=True):
        if port in chained or len(set(column)) == 1:
            continue
        if not counts(column, known):
            return None
        found.append(port)
    return tuple(found)

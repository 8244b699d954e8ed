"""Arguments of stages: what the copies of one stage are told in one way, and over the stages a number or a list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from archgraph.importing.writing.copies.copied_arguments import WAYS, tells, told_as, values_told, weight_of_argument
from archgraph.structure.terms import Term, number
from archgraph.structure.unification import ABSENT

OVER_STAGES = "over stages"
"""The kind of a term that holds a number for each stage."""
RISING = ("rising", "rising but first")
"""Ways of a number that grows in equal steps through all stages, as the rate of stochastic depth does; the first copy
of a stage may have the default."""
COUNT = "repeat"
"""The role of how many copies a step has."""
_LIST = 2
"""How hard a list is to read, but for its values."""
_LEAST_RISING = 4
_DIGITS = 6
"""So many digits has a rate that somebody chose."""
Rows = Sequence[tuple[Any, ...]]
"""The values of an argument in each copy of each stage."""


def argument_of_stages(column: Sequence[Term], counts: Sequence[int]) -> tuple[Term, int] | None:
    """`argument name (value)` of all stages, in the way that is easiest to read, and how hard that is. `column` has it
    of each stage, `counts` says how many copies that has. None where sizes differ."""
    if any(part.kind != "number" for one in column for part in one.parts):
        return (column[0], 1) if len({one.outline for one in column}) == 1 else None
    rows = [values_told(one, count) for one, count in zip(column, counts, strict=True)]
    found = [*_told(column[0], rows), *_rising(column[0], rows)]
    return min(found, key=lambda pair: pair[1])


def cost_of_stages(column: Sequence[Term]) -> int:
    """How hard an argument is to read where each stage has a line of its own."""
    return sum(weight_of_argument(one) for one in column)


def over_stages(role: str, values: Sequence[Any]) -> tuple[Term, int]:
    """A number of all stages, and how hard it is to read."""
    return over_networks(role, [values])[0]


def over_networks(role: str, rows: Sequence[Sequence[Any]]) -> list[tuple[Term, int]]:
    """A number of all stages of each of several networks: a list in all of them where it is one in some."""
    known = next(value for values in rows for value in values if value is not ABSENT)
    filled = [_filled(values, known) for values in rows]
    if all(_is_same(value, values[0]) for values in filled for value in values):
        return [(number(role, values[0]), 0) for values in filled]
    made = []
    for values in filled:
        held = sum(len(value) for value in values if isinstance(value, tuple))
        made.append((Term(OVER_STAGES, role, (number(role, values),)), _LIST + (held or len(values) // 4)))
    return made


def _filled(values: Sequence[Any], other: Any) -> tuple[Any, ...]:
    """The values with one of them, or with another one, for those that are not there."""
    known = next((value for value in values if value is not ABSENT), other)
    return tuple(known if value is ABSENT else value for value in values)


def _is_same(value: Any, other: Any) -> bool:
    return type(value) is type(other) and bool(value == other)


def arguments_of_networks(
    columns: Sequence[Sequence[Term]], counts: Sequence[Sequence[int]]
) -> list[tuple[Term, int]] | None:
    """`argument name (value)` of all stages of each of several networks, in the way that is easiest to read of those in
    which all can be told; None where sizes differ. The last stage may lack it."""
    terms = [one for column in columns for one in column]
    if any(part.kind != "number" for one in terms for part in one.parts):
        return [(column[0], 1) for column in columns] if len({one.outline for one in terms}) == 1 else None
    networks = [_rows(column, own) for column, own in zip(columns, counts, strict=True)]
    found = [told for way in WAYS if (told := _told_in_networks(way, columns, networks)) is not None]
    return min(found, key=lambda told: sum(cost for _, cost in told), default=None)


def _rows(column: Sequence[Term], counts: Sequence[int]) -> Rows:
    return [values_told(one, count) for one, count in zip(column, counts, strict=True)]


def _told_in_networks(
    way: str, columns: Sequence[Sequence[Term]], networks: Sequence[Rows]
) -> list[tuple[Term, int]] | None:
    """The argument in one way in which copies are told, in each network; None where some cannot."""
    if not all(tells(way, row) for rows in networks for row in rows):
        return None
    told = [
        [told_as(way, column[0], row).parts for row in rows] for column, rows in zip(columns, networks, strict=True)
    ]
    parts: list[list[Term]] = [[] for _ in networks]
    costs = [1 if way == "argument" else 3] * len(networks)
    for place in range(len(told[0][0])):
        values = [[one[place].value for one in rows] for rows in told]
        if all(value is ABSENT for row in values for value in row):
            return None
        for at, (part, cost) in enumerate(over_networks(told[0][0][place].text, values)):
            parts[at].append(part)
            costs[at] += cost
    argument = columns[0][0]
    default = argument.value
    plain = way == "argument" and default and all(own[0] == number(own[0].text, default[0]) for own in parts)
    terms = [Term(way, argument.text, tuple(own), value=default) for own in parts]
    return [(term, 0 if plain else cost) for term, cost in zip(terms, costs, strict=True)]


def _told(argument: Term, rows: Rows) -> Iterator[tuple[Term, int]]:
    """The argument in the ways in which copies are told."""
    role, default = argument.parts[0].text, argument.value
    for way in WAYS:
        if not all(tells(way, row) for row in rows):
            continue
        columns = [*zip(*([part.value for part in told_as(way, argument, row).parts] for row in rows), strict=True)]
        if any(all(value is ABSENT for value in column) for column in columns):
            continue
        parts = [over_stages(role, values) for values in columns]
        term = Term(way, argument.text, tuple(part for part, _ in parts), value=default)
        plain = way == "argument" and default and parts[0][0] == number(role, default[0])
        yield term, 0 if plain else (1 if way == "argument" else 3) + sum(cost for _, cost in parts)


def _rising(argument: Term, rows: Rows) -> Iterator[tuple[Term, int]]:
    """The argument as `rate * place / steps`, the place being that of the copy among those of all stages."""
    values = [value for row in rows for value in row]
    if len(values) < _LEAST_RISING or not all(type(value) is float for value in values) or not any(values):
        return
    role, default = argument.parts[0].text, argument.value
    before = tuple(sum(map(len, rows[:place])) for place in range(len(rows)))
    highest = max(range(len(values)), key=values.__getitem__)
    for steps in (len(values), len(values) - 1):
        rate = round(values[highest] * steps / max(highest, 1), _DIGITS)
        expected = [rate * place / steps for place in range(len(values))]
        parts = (number(role, rate), number(f"{role}_steps", steps), over_stages("before", before)[0])
        if values == expected:
            yield Term(RISING[0], argument.text, parts, value=default), 5
        elif default and values == [default[0] if at in before else value for at, value in enumerate(expected)]:
            yield Term(RISING[1], argument.text, (*parts, number(role, default[0])), value=default), 6

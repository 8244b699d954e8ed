"""Arguments of stages: what the copies of one stage are told in one way, and over the stages a number or a list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from archgraph.importing.writing.copied_arguments import WAYS, tells, told_as, values_told, weight_of_argument
from archgraph.structure.terms import Term, number
from archgraph.structure.unification import ABSENT

OVER_STAGES = "over stages"
"""The kind of a term that holds a number for each stage."""
RISING = ("rising", "rising but first")
"""Ways of a number that grows in equal steps through all stages, as the rate of stochastic depth does; the first copy
of a stage may have the default."""
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
    known = next(value for value in values if value is not ABSENT)
    filled = tuple(known if value is ABSENT else value for value in values)
    if all(type(value) is type(known) and value == known for value in filled):
        return number(role, known), 0
    held = sum(len(value) for value in filled if isinstance(value, tuple))
    return Term(OVER_STAGES, role, (number(role, filled),)), _LIST + (held or len(filled) // 4)


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

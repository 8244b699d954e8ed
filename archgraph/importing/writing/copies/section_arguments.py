"""Arguments of layers that come in sections: a number for all, one for each section, or one for each copy of all
sections, in the same way in all networks of a family."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archgraph.importing.writing.copies.copied_arguments import GROWING, WAYS, tells, told_as
from archgraph.importing.writing.copies.stage_arguments import OVER_STAGES
from archgraph.structure.terms import Term, number
from archgraph.structure.unification import ABSENT

OF_ALL = "of all copies"
"""A way of telling an argument: a list with a number for each copy of each section."""
_LIST = 2
Rows = Sequence[Sequence[Sequence[Term]]]
"""The arguments of a layer in each copy of each section."""
_Values = list[tuple[Any, ...]]
"""The values of one argument in each copy of each section."""


def arguments_of_sections(networks: Sequence[Rows | None]) -> tuple[list[list[Term]], int] | None:
    """The arguments of a layer in each network, told in the same ways, and how hard they are to read. A network without
    the layer has no numbers. None where sizes differ."""
    known = [rows for rows in networks if rows is not None]
    made: list[list[Term]] = [[] for _ in networks]
    cost = 0
    if len({len(arguments) for rows in known for copies in rows for arguments in copies}) > 1:
        return None
    for place in range(len(known[0][0][0])):
        columns = [[[arguments[place] for arguments in copies] for copies in rows] for rows in known]
        told = _told(columns)
        if told is None:
            return None
        here = iter(told[0])
        lacking = absent(told[0][0])
        for one, rows in zip(made, networks, strict=True):
            one.append(lacking if rows is None else next(here))
        cost += told[1]
    return made, cost


def absent(term: Term) -> Term:
    """A term whose numbers are not there."""
    if term.kind == "number":
        return number(term.text, ABSENT)
    return term._replace(parts=tuple(map(absent, term.parts)))


def cost_of_list(values: Sequence[Any]) -> int:
    """How hard a list is to read."""
    return _LIST + len(values) // 4


def _told(columns: Sequence[Sequence[Sequence[Term]]]) -> tuple[list[Term], int] | None:
    """One argument in each network, of which each copy of each section has one."""
    flat = [part for rows in columns for copies in rows for part in copies]
    first = flat[0]
    if any(part.kind != "number" for one in flat for part in one.parts):
        return ([first] * len(columns), 1) if len({one.outline for one in flat}) == 1 else None
    values: list[_Values] = [[tuple(part.parts[0].value for part in copies) for copies in rows] for rows in columns]
    for way in WAYS:
        if way in (GROWING, "each") or not all(tells(way, row) for rows in values for row in rows):
            continue
        told = [[told_as(way, first, row).parts for row in rows] for rows in values]
        parts = [_over_sections([list(column) for column in zip(*rows, strict=True)]) for rows in told]
        if all(part is not None for row in parts for part in row):
            return _alike(way, first, parts)
    lists = [number(first.parts[0].text, tuple(value for row in rows for value in row)) for rows in values]
    made = [Term(OF_ALL, first.text, (one,), value=first.value) for one in lists]
    return made, 1 + max(cost_of_list(one.value) for one in lists)


def _over_sections(columns: Sequence[Sequence[Term]]) -> list[Term | None]:
    """Each number of a way in all sections, as a list; None where no section has it."""
    found: list[Term | None] = []
    for column in columns:
        known = next((one.value for one in column if one.value is not ABSENT), ABSENT)
        values = tuple(known if one.value is ABSENT else one.value for one in column)
        found.append(None if known is ABSENT else number(column[0].text, values))
    return found


def _alike(way: str, first: Term, rows: Sequence[Sequence[Term | None]]) -> tuple[list[Term], int]:
    """The argument in each network, with a list where a number differs between the sections of any of them."""
    made: list[list[Term]] = [[] for _ in rows]
    cost = 1 if way == "argument" else 3
    for column in zip(*rows, strict=True):
        lists = [one for one in column if one is not None]
        plain = all(_is_same(one.value) for one in lists)
        for own, one in zip(made, lists, strict=True):
            own.append(one._replace(value=one.value[0]) if plain else Term(OVER_STAGES, one.text, (one,)))
        cost += 0 if plain else max(cost_of_list(one.value) for one in lists)
    told = [Term(way, first.text, tuple(own), value=first.value) for own in made]
    default = way == "argument" and first.value and all(one.parts[0].value == first.value[0] for one in told)
    return told, 0 if default else cost


def _is_same(values: Sequence[Any]) -> bool:
    return all(type(value) is type(values[0]) and value == values[0] for value in values)

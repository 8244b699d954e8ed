"""Instances of one class with copies inside, as stages of a network: an argument that is a list in one is so in all."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from archgraph.importing.writing.templates import BodyTemplate, WrittenStatement
from archgraph.structure.terms import Term, number
from archgraph.structure.unification import UnifiedClass

_FIRST_PARAMETER = 1
"""Before the arguments of copies stands how many there are."""


def with_alike_copies(templates: Sequence[BodyTemplate]) -> Sequence[BodyTemplate]:
    """The templates, those of the same statements with arguments of the same kinds in their copies."""
    groups: dict[Hashable, list[BodyTemplate]] = {}
    for template in templates:
        groups.setdefault(tuple(map(_outline, template.entries())), []).append(template)
    for group in groups.values():
        rows = [template.entries() for template in group]
        for template, statements in zip(group, _alike(rows), strict=True):
            template.statements = [*statements]
    return templates


def _outline(statement: WrittenStatement) -> Hashable:
    term = statement.term
    return term.kind, term.text, statement.name, len(term.parts), term.value if term.kind == "copies" else None


def _alike(rows: Sequence[Sequence[WrittenStatement]]) -> Sequence[Sequence[WrittenStatement]]:
    columns = [_column(column) if column[0].term.kind == "copies" else column for column in zip(*rows, strict=True)]
    return list(zip(*columns, strict=True)) if columns else rows


def _column(column: Sequence[WrittenStatement]) -> Sequence[WrittenStatement]:
    """The same copies in each instance, with the kinds of arguments that all of them can have."""
    terms = [one.term for one in column]
    start = _FIRST_PARAMETER + sum(part.kind == "variable" for part in terms[0].parts)
    for place in range(start, len(terms[0].parts)):
        parts = [term.parts[place] for term in terms]
        kind = _common_kind({part.kind for part in parts})
        if any(part.kind != kind for part in parts):
            made = [_of_kind(part, kind, _count(term)) for part, term in zip(parts, terms, strict=True)]
            terms = [_with_part(term, place, part) for term, part in zip(terms, made, strict=True)]
    return [replace(one, term=term) for one, term in zip(column, terms, strict=True)]


def _common_kind(kinds: set[str]) -> str:
    others = kinds - {"argument"}
    return "argument" if not others else others.pop() if len(others) == 1 else "each"


def _count(term: Term) -> int:
    return next(int(part.value) for part in term.parts if part.kind == "number")


def _with_part(term: Term, place: int, part: Term) -> Term:
    return term._replace(parts=(*term.parts[:place], part, *term.parts[place + 1 :]))


def _of_kind(part: Term, kind: str, count: int) -> Term:
    """An argument of copies as that of the first one and the others, of the last one and the others, or as a list."""
    role, values = part.parts[0].text, _values(part, count)
    chosen: dict[str, tuple[Any, ...]] = {
        "first": (values[0], values[1]),
        "last": (values[-1], values[0]),
        "each": (values,),
    }
    return part._replace(kind=kind, parts=tuple(number(role, value) for value in chosen[kind]))


def _values(part: Term, count: int) -> tuple[Any, ...]:
    """The value that each copy has."""
    values = [one.value for one in part.parts]
    if part.kind == "each":
        return tuple(values[0])
    if part.kind == "first":
        return (values[0], *[values[1]] * (count - 1))
    return (*[values[1]] * (count - 1), values[0]) if part.kind == "last" else (values[0],) * count


def counts_in_lists(group: UnifiedClass[BodyTemplate]) -> Mapping[int, str]:
    """The numbers of copies that lists say, which are arguments: their places among the columns of a class, and the
    statements that have them."""
    found: dict[int, str] = {}
    for statement in group.fullest.entries():
        if statement.term.kind != "copies":
            continue
        places = iter([place for place, column in enumerate(group.columns) if column.statement is statement])
        count, lists = -1, False
        for part in statement.term.parts:
            for _ in part.numbers():
                place = next(places)
                count = place if part.kind == "number" else count
                lists |= part.kind == "each" and len(set(map(repr, group.columns[place].values))) > 1
        if lists:
            found[count] = statement.name
    return found

"""Instances of one class with copies inside, as stages of a network: an argument that is a list in one is so in all."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace

from archgraph.importing.writing.classes.templates import BodyTemplate, WrittenStatement
from archgraph.importing.writing.copies.alike_arguments import with_alike_arguments
from archgraph.importing.writing.copies.copies import copies_of_one
from archgraph.importing.writing.copies.numbered_values import count_of
from archgraph.importing.writing.copies.repeated_stages import STAGES
from archgraph.importing.writing.copies.stage_arguments import OVER_STAGES
from archgraph.structure.unification import UnifiedClass

_FIRST_PARAMETER = 1
"""Before the arguments of copies stands how many there are."""


def with_alike_copies(templates: Sequence[BodyTemplate], across: bool = False) -> Sequence[BodyTemplate]:
    """The templates, those of the same statements with arguments of the same kinds in their copies.

    With `across`, copies are alike in all templates that have them, whatever other statements these have, and a single
    module where others have copies is a single copy.
    """
    if across:
        _with_copies_of_one(templates)
    groups: dict[Hashable, list[tuple[BodyTemplate, int]]] = {}
    for template in templates:
        entries = template.entries()
        whole = () if across else tuple(map(_outline, entries))
        for place, statement in enumerate(entries):
            if statement.term.kind == "copies":
                groups.setdefault((whole, _outline(statement)), []).append((template, place))
    for group in groups.values():
        column = _column([template.entries()[place] for template, place in group])
        for (template, place), statement in zip(group, column, strict=True):
            template.statements[place] = statement
    return templates


def _with_copies_of_one(templates: Sequence[BodyTemplate]) -> None:
    known: dict[str, WrittenStatement] = {}
    for template in templates:
        known.update((one.name, one) for one in template.entries() if one.term.kind == "copies")
    for template in templates:
        entries = template.entries()
        for place in range(len(entries)):
            made = (copies_of_one(entries, place, alike) for alike in known.values())
            template.statements[place] = next(filter(None, made), entries[place])


def _outline(statement: WrittenStatement) -> Hashable:
    term = statement.term
    return term.kind, term.text, statement.name, len(term.parts), term.value if term.kind == "copies" else None


def _column(column: Sequence[WrittenStatement]) -> Sequence[WrittenStatement]:
    """The same copies in each instance, with the kinds of arguments that all of them can have."""
    terms = [one.term for one in column]
    start = _FIRST_PARAMETER + sum(part.kind == "variable" for part in terms[0].parts)
    terms = with_alike_arguments(terms, [count_of(one) for one in column], start)
    return [replace(one, term=term) for one, term in zip(column, terms, strict=True)]


def counts_in_lists(group: UnifiedClass[BodyTemplate]) -> Mapping[int, str]:
    """The numbers of copies that lists say, which are arguments: their places among the columns of a class, and the
    statements that have them."""
    found: dict[int, str] = {}
    for statement in group.fullest.entries():
        if statement.term.kind not in ("copies", STAGES):
            continue
        places = iter([place for place, column in enumerate(group.columns) if column.statement is statement])
        count, lists = -1, False
        for part in statement.term.parts:
            for _ in part.numbers():
                place = next(places)
                count = place if part.kind == "number" else count
                lists |= part.kind == "each" and len(set(map(repr, group.columns[place].values))) > 1
            lists |= any(one.kind == OVER_STAGES for one in part.all())
        if lists:
            found[count] = statement.name
    return found

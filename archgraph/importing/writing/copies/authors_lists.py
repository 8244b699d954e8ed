"""Arguments of copies that are a list of the networks' author: `depth: =depths`, though the first two are equal in all
networks and only the last one differs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from archgraph.importing.writing.classes.network_sources import has_affinity
from archgraph.importing.writing.classes.templates import BodyTemplate, WrittenStatement
from archgraph.importing.writing.copies.copied_arguments import told_as, values_told
from archgraph.importing.writing.copies.numbered_values import count_of
from archgraph.importing.writing.numbers.depth_rates import RATE
from archgraph.structure.terms import Term

_TOLD = ("argument", "first", "last", "turns")


def with_authors_lists(templates: Sequence[BodyTemplate]) -> None:
    """Tells the values of copies one by one where they are a list in the arguments of every network, which is called
    after such numbers."""
    if any(template.call is None for template in templates):
        return
    for name in [one.name for one in templates[0].entries() if one.term.kind == "copies"]:
        places = [[at for at, one in enumerate(template.entries()) if one.name == name] for template in templates]
        if any(len(found) != 1 for found in places):
            continue
        row = [template.entries()[found[0]] for template, found in zip(templates, places, strict=True)]
        if len({one.term.outline for one in row}) == 1:
            for template, (place,), made in zip(templates, places, _with_lists(row, templates), strict=True):
                template.statements[place] = made


def _with_lists(row: Sequence[WrittenStatement], templates: Sequence[BodyTemplate]) -> list[WrittenStatement]:
    """One statement of every network, with the arguments as lists that are some of the authors'."""
    made = list(row)
    for place, part in enumerate(row[0].term.parts):
        if part.kind not in _TOLD or not part.parts or part.parts[0].kind != "number" or part.parts[0].text == RATE:
            continue
        values = [values_told(one.term.parts[place], count_of(one)) for one in row]
        if any(len(set(map(repr, one))) > 1 for one in values) and _is_authors(part, values, templates):
            made = [
                replace(one, term=one.term._replace(parts=_with(one.term.parts, place, own)))
                for one, own in zip(made, values, strict=True)
            ]
    return made


def _with(parts: tuple[Term, ...], place: int, values: tuple[Any, ...]) -> tuple[Term, ...]:
    return *parts[:place], told_as("each", parts[place], values), *parts[place + 1 :]


def _is_authors(part: Term, values: Sequence[tuple[Any, ...]], templates: Sequence[BodyTemplate]) -> bool:
    """Whether these values are a list that all networks were constructed with."""
    return any(has_affinity(name, part.parts[0].text) for name in _lists(values, templates))


def _lists(values: Sequence[tuple[Any, ...]], templates: Sequence[BodyTemplate]) -> Iterator[str]:
    rows = [template.call.arguments if template.call is not None else {} for template in templates]
    for name, value in rows[0].items():
        if isinstance(value, (list, tuple)) and all(
            isinstance(given.get(name), (list, tuple)) and tuple(given[name]) == own
            for given, own in zip(rows, values, strict=True)
        ):
            yield name

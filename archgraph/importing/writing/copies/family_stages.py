"""Stages of several networks: they become one group in all of them, which walks as many stages as each network has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archgraph.importing.writing.classes.templates import BodyTemplate, WrittenStatement
from archgraph.importing.writing.copies.repeated_stages import (
    LEAST,
    MOST_STEPS,
    FoundStages,
    StageSearch,
    arguments_of_step,
    with_entries,
)
from archgraph.importing.writing.copies.stage_arguments import COUNT, arguments_of_networks, over_networks
from archgraph.structure.terms import Term

_Group = tuple[int, list[tuple[int, int, WrittenStatement]]]
"""What a group saves, and in each network where it begins, how many statements it is, and the one that stands for
them."""


def with_stages_of_family(templates: Sequence[BodyTemplate]) -> None:
    """Makes alike stages a group with copies: those of which some networks have more than others, and those that are
    less to read so."""
    searches = [StageSearch(template, template.entries()) for template in templates]
    largest = max(templates, key=lambda template: len(template.statements))
    groups: list[_Group] = []
    place = 0
    while place < len(largest.entries()):
        name = largest.entries()[place].name
        found = [one for size in range(1, MOST_STEPS + 1) for one in _group(templates, searches, name, size)]
        if found:
            best = max(found, key=lambda one: one[0])
            groups.append(best)
            place += best[1][templates.index(largest)][1]
        else:
            place += 1
    for at, template in enumerate(templates):
        statements = template.entries()
        for start, length, made in sorted((networks[at] for _, networks in groups), reverse=True, key=_start):
            statements[start : start + length] = [made]
        template.statements = [*statements]


def _start(run: tuple[int, int, WrittenStatement]) -> int:
    return run[0]


def _group(
    templates: Sequence[BodyTemplate], searches: Sequence[StageSearch], name: str, size: int
) -> Iterator[_Group]:
    """The group of the stages of so many steps whose first has a name, if networks have it."""
    places = [
        next((place for place, one in enumerate(template.entries()) if one.name == name), -1) for template in templates
    ]
    if min(places) < 0:
        return
    found = [search.stages(place, size) for search, place in zip(searches, places, strict=True)]
    most = max((one for one in found if one is not None), key=lambda one: one.count, default=None)
    if most is None:
        return
    rows = [
        one or search.stages(place, size, 1, most.form.paths)
        for search, place, one in zip(searches, places, found, strict=True)
    ]
    known = [one for one in rows if one is not None]
    if len(known) < len(rows) or any(one.form != most.form for one in known):
        return
    told = _told(known)
    made = [with_entries(one, entries) for one, entries in zip(known, told, strict=True)] if told is not None else []
    runs = [one for one in made if one is not None]
    worth = len({one.count for one in known}) > 1 or all(run[0] > 0 for run in runs)
    if len(runs) == len(templates) and worth and most.count >= LEAST:
        yield (
            sum(run[0] for run in runs),
            [(place, length, one) for place, (_, length, one) in zip(places, runs, strict=True)],
        )


def _told(networks: Sequence[FoundStages]) -> list[list[list[tuple[Term, int]]]] | None:
    """In each network how often each step is there, and its arguments, told alike in all; None where they cannot be."""
    made: list[list[list[tuple[Term, int]]]] = [[] for _ in networks]
    for place, column in enumerate(networks[0].columns):
        rows = [[arguments_of_step(one) for one in network.columns[place]] for network in networks]
        counts = [network.counts[place] for network in networks]
        if (
            len({len(one) for row in rows for one in row}) > 1
            or len({_kind(one.columns[place]) for one in networks}) > 1
        ):
            return None
        told = [over_networks(COUNT, counts)] if _kind(column) == "copies" else []
        for arguments in zip(*(zip(*row, strict=True) for row in rows), strict=True):
            one = arguments_of_networks(arguments, counts)
            if one is None:
                return None
            told.append(one)
        for at, steps in enumerate(made):
            steps.append([one[at] for one in told])
    return made


def _kind(column: Sequence[WrittenStatement]) -> str:
    return column[0].term.kind

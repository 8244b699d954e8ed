"""Runs of modules in one list of which those in the middle are all alike, as many as each network of a family has: they
begin and end by themselves, so that what differs between networks is a count and no lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archgraph.importing.writing.classes.templates import BodyTemplate, WrittenStatement
from archgraph.importing.writing.copies.copied_arguments import values_told
from archgraph.importing.writing.copies.numbered_values import count_of
from archgraph.importing.writing.modules.copy_pattern import Pattern

_LEAST = 4
"""So many modules in a row that are alike are no accident."""
_MOST_APART = 6
"""So many modules may stand before those in the middle, or behind them."""
_PAIR = 2
"""So many modules are read as they stand."""
Row = Sequence[tuple[Any, ...]]
"""The values of all arguments of each module of a run."""


def cuts_in_runs(templates: Sequence[BodyTemplate]) -> list[frozenset[str]]:
    """For each network the names of modules at which a run must begin anew."""
    cuts: list[set[str]] = [set() for _ in templates]
    columns = [{one.name: one for one in template.entries() if one.term.kind == "copies"} for template in templates]
    for name, one in columns[0].items():
        runs = [column.get(name) for column in columns]
        known = [run for run in runs if run is not None and run.term.value == one.term.value]
        if len(known) == len(templates):
            for own, names in zip(cuts, _names(known), strict=True):
                own.update(names)
    return list(map(frozenset, cuts))


def _names(runs: Sequence[WrittenStatement]) -> list[list[str]]:
    """The names at which each of these runs parts; none where nothing is saved."""
    nothing: list[list[str]] = [[] for _ in runs]
    pattern = runs[0].term.value
    lists = [part for run in runs for part in run.term.parts if part.kind == "each"]
    plain = isinstance(pattern, Pattern) and not (pattern.chain or pattern.read or pattern.mapped or pattern.own)
    if not plain or not lists or len({count_of(run) for run in runs}) == 1:
        return nothing
    middles = [_middle(_values(run)) for run in runs]
    if any(count < _LEAST for _, count in middles) or len({row[start] for row, start in _at(runs, middles)}) > 1:
        return nothing
    behind = [count_of(run) - start - count for run, (start, count) in zip(runs, middles, strict=True)]
    before = [start for start, _ in middles]
    if max(*before, *behind) > _MOST_APART or len({*map(bool, before)}) > 1 or len({*map(bool, behind)}) > 1:
        return nothing
    behind_them = [_apart(_values(run)[start + count :]) for run, (start, count) in zip(runs, middles, strict=True)]
    return [
        [
            f"{pattern.prefix}{pattern.start + place}{pattern.suffix}"
            for place in (start, *(start + count + one for one in end))
        ]
        for (start, count), end in zip(middles, behind_them, strict=True)
    ]


def _apart(rows: Row) -> range:
    """Which modules behind those in the middle begin a run: each of two, else the first."""
    return range(len(rows) if len(rows) <= _PAIR else 1)


def _at(runs: Sequence[WrittenStatement], middles: Sequence[tuple[int, int]]) -> list[tuple[list[str], int]]:
    return [(list(map(repr, _values(run))), start) for run, (start, _) in zip(runs, middles, strict=True)]


def _values(run: WrittenStatement) -> Row:
    count = count_of(run)
    arguments = [part for part in run.term.parts if part.kind not in ("variable", "number")]
    told = [
        values_told(part, count) if part.parts[0].kind == "number" else (part.outline,) * count for part in arguments
    ]
    return list(zip(*told, strict=True))


def _middle(rows: Row) -> tuple[int, int]:
    """Where the longest part of a run begins in which all modules are alike, and how long it is."""
    words = list(map(repr, rows))
    best = (0, 0)
    start = 0
    for place in range(len(words)):
        start = start if words[place] == words[start] else place
        if place - start + 1 > best[1]:
            best = start, place - start + 1
    return best

"""Many problems as a person wants to read them: each told once, in the order of the file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from archgraph.errors import ArchgraphError, Problem, combined

MOST_PATHS = 3
_SIZES = re.compile(r"\[[^\[\]]*\]|\d+")
_COPY = re.compile(r"\.\d+\b")


def gathered(errors: Iterable[ArchgraphError]) -> ArchgraphError:
    """All problems in one error, of their common class where they share one."""
    whole = combined(errors)
    return type(whole)(*told_once(whole.problems))


def same_problem(problem: Problem) -> Any:
    """What two problems share that are one: the place, and what is wrong there but for the sizes of each copy."""
    place = problem.where or _COPY.sub(".*", problem.path)
    return place, _SIZES.sub("#", problem.message), problem.severity


def told_once(problems: Iterable[Problem]) -> list[Problem]:
    """The problems in the order of the file; one that many copies, uses of a block or presets share is told for the
    first."""
    groups: dict[Any, list[Problem]] = {}
    for problem in problems:
        groups.setdefault(same_problem(problem), []).append(problem)
    told = [_with_others(found) for found in groups.values()]
    files = {file: at for at, file in enumerate(dict.fromkeys(p.where.file for p in told if p.where))}

    def position(problem: Problem) -> tuple[int, int, int]:
        where = problem.where
        return (files[where.file], where.line, where.column) if where else (-1, 0, 0)

    return sorted(told, key=position)


def _with_others(found: list[Problem]) -> Problem:
    first, others = found[0], list(dict.fromkeys(problem.path for problem in found if problem.path))[1:]
    if not others:
        return first
    named = ", ".join(others[:MOST_PATHS]) + (", …" if len(others) > MOST_PATHS else "")
    return replace(first, notes=(*first.notes, (f"and {len(others)} more: {named}", None)))

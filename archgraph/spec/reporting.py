"""Many problems as a person wants to read them: each told once, in the order of the file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from archgraph.errors import ArchgraphError, Problem, combined

_COPY = re.compile(r"\.\d+\b")


def gathered(errors: Iterable[ArchgraphError]) -> ArchgraphError:
    """All problems in one error, of their common class where they share one."""
    whole = combined(errors)
    return type(whole)(*told_once(whole.problems))


def told_once(problems: Iterable[Problem]) -> list[Problem]:
    """The problems in the order of the file; one that many copies or uses of a block share is told for the first."""
    groups: dict[Any, list[Problem]] = {}
    for problem in problems:
        place = problem.where or _COPY.sub(".*", problem.path)
        groups.setdefault((place, problem.message, problem.severity), []).append(problem)
    told = [_with_others(found) for found in groups.values()]
    files = list(dict.fromkeys(problem.where.file for problem in told if problem.where))

    def position(problem: Problem) -> tuple[int, int, int]:
        where = problem.where
        return (files.index(where.file), where.line, where.column) if where else (-1, 0, 0)

    return sorted(told, key=position)


def _with_others(found: list[Problem]) -> Problem:
    first, paths = found[0], list(dict.fromkeys(problem.path for problem in found if problem.path))
    if len(paths) < 2:
        return first
    others = ", ".join(f"'{path}'" for path in paths[1:4]) + (f" and {len(paths) - 4} more" if len(paths) > 4 else "")
    return replace(first, notes=(*first.notes, (f"the same at {others}", None)))

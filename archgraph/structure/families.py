"""The order of the work: which scopes share a family, and which families others construct."""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any

from archgraph.codegen.analysis.scopes import Scope

Family = tuple[Any, ...]


def _with_class(scope: Scope) -> Iterator[Scope]:
    """The nearest scopes below that have a class."""
    for step in scope.steps:
        below = step.twin or step.scope
        if below is None:
            continue
        if below.has_class:
            yield below
        else:
            yield from _with_class(below)


def families(root: Scope) -> list[list[Scope]]:
    """The scopes that need classes, family by family, those that others construct first."""
    scopes: list[Scope] = []
    heights: dict[int, int] = {}

    def visit(scope: Scope) -> int:
        if id(scope) not in heights:
            below = [visit(child) for child in _with_class(scope)]
            heights[id(scope)] = 1 + max(below, default=0)
            scopes.append(scope)
        return heights[id(scope)]

    visit(root)
    for key in (lambda scope: scope.family, lambda scope: (*scope.family, heights[id(scope)])):
        grouped: dict[Family, list[Scope]] = {}
        for scope in scopes:
            grouped.setdefault(("root",) if scope.root else key(scope), []).append(scope)
        below = {
            name: {key(child) for scope in members for child in _with_class(scope)} for name, members in grouped.items()
        }
        try:
            return [grouped[name] for name in TopologicalSorter(below).static_order()]
        except CycleError:
            continue
    raise AssertionError("heights leave no cycles")

"""Where the nodes of a graph stand in the modules of a written file: found when an error asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from archgraph.codegen.analysis.scopes import Scope, ScopeStep
from archgraph.codegen.classes.class_plan import Plan
from archgraph.graph.types import Call, Item, Node, Origin, is_module, joined

Place: TypeAlias = tuple[str, str, str, int]
"""The class, the path of a module of it, the node's path within the module, and the how-many-eth of that path."""


@dataclass(slots=True)
class _Unfound:
    """What the places are found from. It does not hold the graph, as whose value it is remembered."""

    root: Scope
    classes: Mapping[int, str]
    items: Sequence[Item]


class NodePlaces:
    """`places` says which node of the graph stands at a place, `origins` where each module and each function comes
    from, by its path."""

    def __init__(self, plan: Plan):
        classes = {id(scope): made.name for made in plan.classes for scope in made.scopes}
        self._unfound: _Unfound | None = _Unfound(plan.root.body.scope, classes, plan.graph.items)
        self._places: dict[Place, str] = {}
        self._origins: dict[str, Origin] = {}

    @property
    def places(self) -> Mapping[Place, str]:
        self._find()
        return self._places

    @property
    def origins(self) -> Mapping[str, Origin]:
        self._find()
        return self._origins

    def _find(self) -> None:
        if self._unfound is not None:
            root, classes, items = self._unfound.root, self._unfound.classes, self._unfound.items
            self._places.update(_placed(root, classes, "", ""))
            self._origins.update(_origins(items, "", ""))
            self._unfound = None

    def __getstate__(self) -> dict[str, Any]:
        self._find()
        return self.__dict__


def occurrences(steps: Sequence[ScopeStep]) -> Iterator[tuple[ScopeStep, str, int]]:
    """Each step with its path, and the how-many-eth it is of that path."""
    counts: dict[str, int] = {}
    for step in steps:
        yield step, step.path, counts.get(step.path, 0)
        counts[step.path] = counts.get(step.path, 0) + 1


def _placed(scope: Scope, classes: Mapping[int, str], module: str, full: str) -> Iterator[tuple[Place, str]]:
    """The places in a scope that stands at a path of the module tree; `full` is the same with hidden levels."""
    name = classes.get(id(scope))
    for step, path, occurrence in occurrences(scope.steps):
        in_modules = step.node is None or is_module(step.node)
        address = joined(module, path) if in_modules else joined(full, step.full)
        if name is not None:
            yield (name, module, path, occurrence), address
        if step.scope is not None:
            yield from _placed(step.scope, classes, joined(module, path), joined(full, step.full))


def _origins(items: Sequence[Item], module: str, full: str) -> Iterator[tuple[str, Origin]]:
    for item in items:
        if isinstance(item, Node) or not item.hidden:
            yield joined(full, item.name), item.origin
            yield joined(module, item.name), item.origin
        if isinstance(item, Call):
            below = module if item.hidden else joined(module, item.name)
            yield from _origins(item.body.items, below, joined(full, item.name))

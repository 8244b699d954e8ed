"""Blocks that are applied several times alike: elaborated once, and copied for every other place.

A body follows from its block, the arguments, the types of the inputs, and what is known of the sizes. That only grows
while a network is elaborated, and what was decided with less holds with more, so a body that came out without a problem
comes out the same later.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from operator import le
from typing import TYPE_CHECKING, Any

from archgraph.errors import Problem
from archgraph.graph.relocation import relocated
from archgraph.graph.types import Graph
from archgraph.language.elaboration.resolve import WrittenNode

if TYPE_CHECKING:
    from archgraph.language.elaboration.blocks import Use
    from archgraph.language.elaboration.elaborate import Elaboration


@dataclass(frozen=True, slots=True)
class ElaborationProgress:
    """How far a run had come when a body was begun, and how deep it stood: in blocks, in bodies, in modules."""

    problems: int
    ties: int
    warnings: int
    nodes: int
    depth: tuple[int, int, int]

    @staticmethod
    def of(run: Elaboration, module: str) -> ElaborationProgress:
        depth = (len(run.uses), run.depth, module.count("."))
        return ElaborationProgress(len(run.problems), len(run.ties), len(run.warnings), run.nodes, depth)


@dataclass(frozen=True, slots=True)
class ElaboratedBody:
    """The body of a block, its parameters, and what it added to the run: nodes and warnings."""

    use: Use
    graph: Graph
    arguments: dict[str, Any]
    nodes: int
    warnings: tuple[Problem, ...]
    depth: tuple[int, int, int]

    def at(self, address: str) -> Graph:
        """The body for another address."""
        return relocated(self.graph, self.use.address, address)

    def warnings_at(self, address: str) -> list[Problem]:
        """Its warnings for another address."""
        start = len(self.use.address)
        return [replace(problem, path=address + problem.path[start:]) for problem in self.warnings]


@dataclass(slots=True)
class BlockCache:
    """The bodies of one run, by what they follow from."""

    bodies: dict[Any, ElaboratedBody] = field(default_factory=dict)

    def find(self, use: Use, begun: ElaborationProgress) -> ElaboratedBody | None:
        """The body of an equal use that stood at least as deep, so that no limit of depth is passed by copying."""
        found = self.bodies.get(_key(use))
        return found if found is not None and all(map(le, begun.depth, found.depth)) else None

    def keep(self, use: Use, body: tuple[Graph, dict[str, Any]], begun: ElaborationProgress, run: Elaboration) -> None:
        """Keeps a body, unless there was a problem, or it ties weights by keys that hold at its place alone."""
        if (len(run.problems), len(run.ties)) == (begun.problems, begun.ties):
            nodes, warnings = run.nodes - begun.nodes, tuple(run.warnings[begun.warnings :])
            self.bodies[_key(use)] = ElaboratedBody(use, *body, nodes, warnings, begun.depth)


def _key(use: Use) -> Any:
    return id(use.block), use.inputs, use.types, use.selected, _identity(use.given)


def _identity(value: Any) -> Any:
    """What two values share that no expression can tell apart: 1, 1.0 and true are three. A node that is handed in is
    the same only at the same place of a file, with the same names around it."""
    if isinstance(value, WrittenNode):
        place = value.place
        return id(place.document), value.spec.where, value.spec.op, id(value.scope), id(place.definitions)
    if isinstance(value, dict):
        return tuple((name, _identity(item)) for name, item in value.items())
    if isinstance(value, (list, tuple)):
        return type(value), tuple(map(_identity, value))
    return type(value), repr(value) if isinstance(value, float) else value

"""Blocks that are applied several times alike: elaborated once, and copied for every other place.

A body follows from its block, the arguments, the types of the inputs, and what is known of the sizes. That only grows
while a network is elaborated, and what was decided with less holds with more, so a body that came out without a problem
comes out the same later.

Bodies of standard blocks are kept for the networks that this process loads later. There nothing is known of the sizes
yet, so what the body has required is required again, and what it has asked must have the same answer.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from operator import le
from typing import TYPE_CHECKING, Any

from archgraph.errors import ArchgraphError, Problem
from archgraph.graph.relocation import AS_THEY_ARE, NewNumbers, relocated
from archgraph.graph.types import Graph
from archgraph.language.elaboration.elaboration_log import AppliedName, BodyInside, FactsCall, LogEntry, condensed
from archgraph.language.elaboration.evaluation import holds_expression
from archgraph.language.elaboration.resolve import WrittenNode
from archgraph.language.elaboration.settings import KnownSettings, Settings
from archgraph.language.expressions import budget
from archgraph.records import record

if TYPE_CHECKING:
    from archgraph.language.elaboration.blocks import Use
    from archgraph.language.elaboration.elaborate import Elaboration

MOST_KEPT_NODES = 10_000
"""Nodes of standard blocks that are kept for later networks: about 10 MB."""


@record()
class ElaborationProgress:
    """How far a run had come when a body was begun, and how deep it stood: in blocks, in bodies, in modules."""

    problems: int
    ties: int
    warnings: int
    nodes: int
    log: int
    depth: tuple[int, int, int]

    @staticmethod
    def of(run: Elaboration, module: str) -> ElaborationProgress:
        depth = (len(run.uses), run.depth, module.count("."))
        ties = len(run.ties) + len(run.stated_ties)
        return ElaborationProgress(len(run.problems), ties, len(run.warnings), run.nodes, len(run.log), depth)


@record()
class ElaboratedBody:
    """The body of a block, its parameters, and what it added to the run: nodes, warnings, and its part of the log."""

    key: Any
    use: Use
    graph: Graph
    arguments: dict[str, Any]
    nodes: int
    warnings: tuple[Problem, ...]
    log: tuple[LogEntry, ...]
    depth: tuple[int, int, int]
    new: NewNumbers = AS_THEY_ARE

    def at(self, address: str) -> Graph:
        """The body for another address."""
        return relocated(self.graph, self.use.address, address, self.new)

    def warnings_at(self, address: str) -> list[Problem]:
        """Its warnings for another address."""
        start = len(self.use.address)
        return [replace(problem, path=address + problem.path[start:]) for problem in self.warnings]

    @property
    def own_nodes(self) -> int:
        """The nodes that are in no body inside this one."""
        return self.nodes - sum(entry.body.nodes for entry in self.log if isinstance(entry, BodyInside))


@dataclass(slots=True)
class BlockCache:
    """The bodies of one run, by what they follow from, and one of each by that without the numbers on which no shape
    depends."""

    bodies: dict[Any, ElaboratedBody] = field(default_factory=dict)
    alike: dict[Any, ElaboratedBody] = field(default_factory=dict)
    settings: KnownSettings = field(default_factory=KnownSettings)

    def find(self, use: Use, begun: ElaborationProgress, run: Elaboration) -> ElaboratedBody | None:
        """The body of an equal use that stood at least as deep, so that no limit of depth is passed by copying: one of
        this network, or of one before it. Its nodes are counted."""
        key = _key(use)
        found = self.bodies.get(key) or self._with_numbers(use, key)
        if found is None:
            found = _KEPT.get(key)
            if found is None or not _deep_enough(found, begun) or not self._taken_over(found, use, run):
                return None
        elif not _deep_enough(found, begun):
            return None
        else:
            run.count_copied(use.mark, use.address, found.nodes)
        run.log.append(BodyInside(found, use.address))
        return found

    def keep(self, use: Use, body: tuple[Graph, dict[str, Any]], begun: ElaborationProgress, run: Elaboration) -> None:
        """Keeps a body, unless there was a problem, or it ties weights by keys that hold at its place alone."""
        if (len(run.problems), len(run.ties) + len(run.stated_ties)) != (begun.problems, begun.ties):
            return
        nodes, warnings, log = (
            run.nodes - begun.nodes,
            tuple(run.warnings[begun.warnings :]),
            tuple(run.log[begun.log :]),
        )
        key = _key(use)
        self.bodies[key] = found = ElaboratedBody(key, use, *body, nodes, warnings, log, begun.depth)
        settings = self._settings(use)
        if settings:
            self.alike[_key(use, settings.names)] = found
        run.log[begun.log :] = [BodyInside(found, use.address)]
        if use.definitions.lasting and all(map(_lasting, use.given.values())):
            _KEPT.keep(replace(found, log=tuple(condensed(log))))

    def _settings(self, use: Use) -> Settings | None:
        """The parameters of a use that decide no shape; None where it has no fractions at all."""
        if not any(type(value) is float for value in use.given.values()):
            return None
        found = self.settings.of(use.block, use.definitions)
        return found if found.names else None

    def _with_numbers(self, use: Use, key: Any) -> ElaboratedBody | None:
        """The body of a use that differs in such numbers only, with those of this one; None where there is none, or
        where one may have something against it."""
        settings = self._settings(use)
        found = self.alike.get(_key(use, settings.names)) if settings else None
        if settings is None or found is None:
            return None
        given = {name: use.given[name] for name in settings.names if type(use.given.get(name)) is float}
        if not settings.takes(given):
            return None
        arguments = {name: given.get(name, value) for name, value in found.arguments.items()}
        self.bodies[key] = made = replace(found, key=key, arguments=arguments, new=settings.numbers(given))
        return made

    def _taken_over(self, body: ElaboratedBody, use: Use, run: Elaboration) -> bool:
        """Whether a body of an earlier network comes out the same in this one. What it requires is required."""
        if not budget.has_room(body.nodes):
            return False  # the node at which there are too many is found by elaborating
        taken, copied = dict[Any, ElaboratedBody](), list[ElaboratedBody]()
        if not self._repeated(body, use.address, run, taken, copied):
            return False
        self.bodies |= taken
        run.count_elaborated(sum(found.own_nodes for found in taken.values()))
        for found in copied:
            run.count_copied(use.mark, use.address, found.nodes)
        return True

    def _repeated(
        self,
        body: ElaboratedBody,
        address: str,
        run: Elaboration,
        taken: dict[Any, ElaboratedBody],
        copied: list[ElaboratedBody],
    ) -> bool:
        """Asks, requires and notes what a body has logged, at another address. Bodies inside it are `taken` over once,
        and then `copied`."""
        start = len(body.use.address)
        for entry in body.log:
            if isinstance(entry, FactsCall):
                if not _same_answer(entry, address + entry.address[start:], run):
                    return False
            elif isinstance(entry, BodyInside):
                if entry.body.key in self.bodies or entry.body.key in taken:
                    copied.append(entry.body)
                elif not self._repeated(entry.body, address + entry.address[start:], run, taken, copied):
                    return False
            elif isinstance(entry, AppliedName):
                run.note_applied(entry)
            else:
                run.paths[entry.name] = entry.path
        taken[body.key] = body
        return True


class KeptBodies:
    """Bodies of standard blocks for later networks; where they are too many, those that were kept first go."""

    def __init__(self) -> None:
        self._bodies: OrderedDict[Any, ElaboratedBody] = OrderedDict()
        self._nodes = 0

    def __iter__(self) -> Iterator[ElaboratedBody]:
        return iter(self._bodies.values())

    def get(self, key: Any) -> ElaboratedBody | None:
        """The body of an equal use."""
        return self._bodies.get(key)

    def keep(self, body: ElaboratedBody) -> None:
        """Keeps one more, in place of an equal one."""
        before = self._bodies.get(body.key)
        self._bodies[body.key] = body
        self._nodes += body.nodes - (before.nodes if before is not None else 0)
        while self._nodes > MOST_KEPT_NODES:
            self._nodes -= self._bodies.popitem(last=False)[1].nodes

    def clear(self) -> None:
        """Forgets all of them."""
        self._bodies.clear()
        self._nodes = 0


_KEPT = KeptBodies()


def _deep_enough(found: ElaboratedBody, begun: ElaborationProgress) -> bool:
    return all(map(le, begun.depth, found.depth))


def _same_answer(call: FactsCall, address: str, run: Elaboration) -> bool:
    """Whether a question has the same answer here, at another address; what it demands may be refused."""
    run.facts.stand_at(call.mark, address)
    try:
        found = run.facts.repeat(call)
    except ArchgraphError:
        return False
    return bool(found == call.answer)


def _lasting(value: Any) -> bool:
    """Whether a parameter's value is the same in every network: a node that a file hands in is not."""
    if isinstance(value, WrittenNode):
        return value.place.definitions.lasting and not _sees_names(value)
    if isinstance(value, dict):
        return all(map(_lasting, value.values()))
    return all(map(_lasting, value)) if isinstance(value, (list, tuple)) else True


def _sees_names(node: WrittenNode) -> bool:
    return holds_expression([node.spec.op, node.spec.arguments])


def _key(use: Use, besides: frozenset[str] = frozenset()) -> Any:
    """What a body follows from; `besides` are parameters that may have any numbers."""
    given = {name: float if name in besides and type(value) is float else value for name, value in use.given.items()}
    return id(use.block), use.inputs, use.types, use.selected, _identity(given if besides else use.given)


def _identity(value: Any) -> Any:
    """What two values share that no expression can tell apart: 1, 1.0 and true are three. A node that is handed in is
    the same only at the same place of a file, with the same names around it where it reads any."""
    if isinstance(value, WrittenNode):
        place, names = value.place, id(value.scope) if _sees_names(value) else None
        return id(place.document), value.spec.where, value.spec.op, names, id(place.definitions)
    if isinstance(value, dict):
        return tuple((name, _identity(item)) for name, item in value.items())
    if isinstance(value, (list, tuple)):
        return type(value), tuple(map(_identity, value))
    return type(value), repr(value) if isinstance(value, float) else value

"""Which nodes the changes are about: the definitions that a network applies, each once for every way to come there.

A path leads through blocks. A block that all paths reach alike is changed itself; where only some of its uses are
meant, these get a copy of it. So a definition is visited once for each state of the paths: for which changes it is on
the way, and how far.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from archgraph.errors import ArchgraphError, Problem, WiringError
from archgraph.language.definitions import Definitions
from archgraph.language.expressions.expression import is_expression
from archgraph.language.extension.applied_names import AppliedNames
from archgraph.language.extension.change import CLOSING, StatedChange
from archgraph.language.extension.path_states import PathStates, States
from archgraph.language.schema.names import NODE_KEYS
from archgraph.language.schema.spec import BlockSpec, NodeSpec, Path

MOST_STEPS = 200_000
"""Nodes, times the changes that may be about each."""


@dataclass(frozen=True, slots=True, eq=False)
class Definition:
    """A block, or a network, with the blocks that its nodes may name."""

    block: BlockSpec
    scope: Definitions


@dataclass(slots=True, eq=False)
class ReachedNode:
    """A node of a definition that changes are about, or that leads to such nodes. `where` is its path below the
    definition; a node that is `handed` to another one stands among its arguments."""

    where: Path
    address: str
    op: str
    names: frozenset[str]
    handed: bool
    changes: list[StatedChange] = field(default_factory=list)
    blocks: dict[str, Visit] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Visit:
    """A definition with what the changes mean in it."""

    definition: Definition
    states: States
    address: str
    nodes: list[ReachedNode] = field(default_factory=list)
    changed: bool = False


class Reach:
    """All definitions that are reached from one, with the changes at their nodes."""

    def __init__(self, root: Definition, changes: Sequence[StatedChange], settled: Mapping[str, Sequence[Any]]):
        self._changes = changes
        self._visits: dict[tuple[int, States], Visit] = {}
        self._waiting: list[Visit] = []
        self._steps = 0
        self.matched: set[int] = set()
        self.closed: dict[int, StatedChange] = {}
        """The changes whose path leads into what another change removes."""
        self.addresses: dict[str, None] = {}
        self.applied: dict[str, None] = {}
        self._names = AppliedNames(root.block, settled, lambda: self._collect(root))
        starts = ((change.number, change.pattern.reached((0,))) for change in changes)
        self.root = self._visit(root, tuple(starts), "")
        self._unaffected: list[Visit] = []
        self._look()
        self._mark_changed()
        if any(visit.changed and visit is not self.root for visit in self._visits.values()):
            self.look_everywhere()  # a block that is changed may have uses that are not

    def look_everywhere(self) -> None:
        """Visits the definitions that no change is about, too."""
        while self._unaffected:
            self._waiting.append(self._unaffected.pop())
            self._look()

    def _look(self) -> None:
        while self._waiting:
            visit = self._waiting.pop()
            states = PathStates(visit.states, self._changes)
            for node in visit.definition.block.body.nodes:
                self._node(visit, node, states, visit.address, handed=False)

    @property
    def visits(self) -> Iterator[Visit]:
        """All of them, the root first."""
        yield from self._visits.values()

    # --- what may be applied ------------------------------------------------------------------------------------------

    def _collect(self, root: Definition) -> None:
        """Notes the arguments of all nodes that may be reached, so that parameters are known where they are applied."""
        new = True
        while new:
            new, seen, waiting = False, {id(root.block)}, [root]
            while waiting:
                here = waiting.pop()
                for node in _all_nodes(here.block):
                    new |= self._names.note(node, here.block)
                    self._spend(1)
                    for name in self._names.of(node.op, here.block) if node.op else ():
                        found = _found(here, name)
                        if found is not None and id(found.block) not in seen:
                            seen.add(id(found.block))
                            waiting.append(found)

    def _spend(self, steps: int) -> None:
        self._steps += steps
        if self._steps > MOST_STEPS:
            message = "the changes of this extension are looked for at too many nodes"
            hint = "patterns are looked for at every node of their level: write names, or fewer patterns"
            raise WiringError(Problem(message, expected=f"at most {MOST_STEPS:,} nodes, times changes", hint=hint))

    # --- one node -----------------------------------------------------------------------------------------------------

    def _visit(self, definition: Definition, states: States, address: str) -> Visit:
        key = (id(definition.block), states)
        if key not in self._visits:
            self._visits[key] = Visit(definition, states, address)
            (self._waiting if states else self._unaffected).append(self._visits[key])
        return self._visits[key]

    def _node(self, visit: Visit, node: NodeSpec, states: PathStates, around: str, handed: bool) -> None:
        definition = visit.definition
        names = self._names.of(node.op, definition.block) if node.op else frozenset[str]()
        self._spend(1 + len(states.of(node.name)))
        address = f"{around}.{node.name}" if around else node.name
        if not handed and len(self.addresses) < MOST_STEPS // 40:
            self.addresses.setdefault(address)
        self.applied.update(dict.fromkeys(names))
        where = node.where[len(definition.block.where) :]
        reached = ReachedNode(where, address, node.op or "", names, handed)
        transparent = node.op is not None and _hands_on(node.op, definition.block)
        after = {name: states.after(node.name, [name] if name else ()) for name in sorted(names) or [""]}
        if not transparent:
            self._match(reached, after)
        inside = () if any(change.verb in CLOSING for change in reached.changes) else None
        self._close(reached, after)
        if node.body is not None:
            level = PathStates(after[""] if inside is None else inside, self._changes)
            for inner in node.body.nodes:
                self._node(visit, inner, level, address, handed=False)
        for name, state in after.items():
            found = _found(definition, name)
            if found is not None:
                below = inside if inside is not None else state
                reached.blocks[name] = self._visit(found, below, address)
                self._handed(visit, node, below, (found.block, address))
        if reached.changes or reached.blocks:
            visit.nodes.append(reached)

    def _handed(self, visit: Visit, node: NodeSpec, states: States, to: tuple[BlockSpec, str]) -> None:
        """The nodes among the arguments."""
        block, around = to
        for name in block.node_parameters:
            value = node.arguments.get(name)
            given = {"op": value} if isinstance(value, str) and not is_expression(value) else value
            if not isinstance(given, dict) or not isinstance(given.get("op"), str):
                continue
            arguments = {key: item for key, item in given.items() if key not in NODE_KEYS}
            inner = NodeSpec(name, given["op"], arguments, where=(*node.where, name))
            if not any(known.where == inner.where[len(visit.definition.block.where) :] for known in visit.nodes):
                self._node(visit, inner, PathStates(states, self._changes), around, handed=True)

    def _match(self, reached: ReachedNode, after: Mapping[str, States]) -> None:
        """Notes the changes that are about a node, whichever of its operations it applies."""
        complete: dict[int, int] = {}
        for states in after.values():
            for number, positions in states:
                if self._changes[number].pattern.complete(positions):
                    complete[number] = complete.get(number, 0) + 1
        for number, count in sorted(complete.items()):
            change = self._changes[number]
            if count < len(after):
                raise WiringError(_ambiguous(change, reached))
            self.matched.add(number)
            reached.changes.append(change)

    def _close(self, reached: ReachedNode, after: Mapping[str, States]) -> None:
        """Notes which changes lead into a node of which nothing is left."""
        closing = next((change for change in reached.changes if change.verb in CLOSING), None)
        if closing is not None:
            for states in after.values():
                for number, positions in states:
                    if positions - self._changes[number].pattern.reached((0,)):  # not for a `**` that is everywhere
                        self.closed.setdefault(number, closing)

    def _mark_changed(self) -> None:
        """A definition is changed where its nodes are, or a definition that one of them applies."""
        users: dict[int, list[Visit]] = {}
        for visit in self._visits.values():
            for node in visit.nodes:
                for used in node.blocks.values():
                    users.setdefault(id(used), []).append(visit)
        waiting = [visit for visit in self._visits.values() if any(node.changes for node in visit.nodes)]
        while waiting:
            visit = waiting.pop()
            if not visit.changed:
                visit.changed = True
                waiting += users.get(id(visit), ())


def _ambiguous(change: StatedChange, reached: ReachedNode) -> Problem:
    names = ", ".join(sorted(reached.names))
    return Problem(
        f"'{change}' is about some of what '{reached.address}' may apply, which is '{reached.op}'",
        change.mark,
        expected="a change of the node, whichever of them it applies",
        received=f"one of {names}",
        hint=f"name the node by its path: {reached.address}; or choose a preset: extends: NETWORK@PRESET",
    )


def _hands_on(op: str, block: BlockSpec) -> bool:
    """Whether a node is the one that its block must be handed, which is changed where it is handed over."""
    name = op[1:].strip()
    return is_expression(op) and name in block.node_parameters and block.params[name].required


def _found(definition: Definition, name: str) -> Definition | None:
    """The block of a name that a node applies, or None for an operation."""
    try:
        found = definition.scope.find(name) if name else None
    except ArchgraphError:  # an ambiguous name: elaboration says so where the block is applied
        return None
    return Definition(*found) if found is not None else None


def _all_nodes(block: BlockSpec) -> Iterator[NodeSpec]:
    waiting = list(block.body.nodes)
    while waiting:
        node = waiting.pop()
        yield node
        waiting += node.body.nodes if node.body is not None else ()

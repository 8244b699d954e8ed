"""How far the paths of changes have come at a level of a network, found by the names of its nodes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from archgraph.language.extension.change import StatedChange
from archgraph.language.schema.node_patterns import is_literal

States = tuple[tuple[int, frozenset[int]], ...]
"""For each change that may still be about something here: its number, and which segments of its path may come next."""


class PathStates:
    """The states of one level. A path that goes on with a plain name is looked at for the nodes of that name only, so
    that many nodes and many changes are not compared each with each."""

    def __init__(self, states: States, changes: Sequence[StatedChange]):
        self._changes = changes
        self._named: dict[str, list[tuple[int, frozenset[int]]]] = {}
        self._open: list[tuple[int, frozenset[int]]] = []
        for state in states:
            self._note(*state)

    def _note(self, number: int, positions: frozenset[int]) -> None:
        segments = self._changes[number].pattern.segments
        following = {segments[position] for position in positions if position < len(segments)}
        if all(map(is_literal, following)):
            for name in following:
                self._named.setdefault(name, []).append((number, positions))
        else:
            self._open.append((number, positions))

    def of(self, name: str) -> States:
        """The states of the paths that may lead to a node of this name, in the order of the changes."""
        named = self._named.get(name)
        return tuple(sorted([*named, *self._open], key=lambda state: state[0]) if named else self._open)

    def after(self, name: str, applied: Iterable[str]) -> States:
        """The states one level deeper, in the node of this name that applies one of these."""
        names = tuple(applied)
        stepped = ((at, self._changes[at].pattern.step(places, name, names)) for at, places in self.of(name))
        return tuple((number, positions) for number, positions in stepped if positions)

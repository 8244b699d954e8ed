"""Tables: what is computed from constants and parameters alone, such as an index of relative positions or a weight from
its direction and length. Beside the main way each is one box.

What serves one table only belongs to it, and so do tables that are read by the same and made of the same, such as sines
and cosines of one angle. Logic synthesis calls the former a maximum fanout-free cone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from archgraph.diagram.flat_flow import Branch, Leaf, Network, Part, Source

_OUTSIDE = -1
"""Who reads a value of a body outside of it."""


def gathered(flow: Network) -> Network:
    """The same flow in an order in which the parts of each table stand next to each other."""
    if not flow.tabled:
        return flow
    gathering = _Gathering(flow)
    parts = tuple(gathering.body(flow.parts))
    outputs = {name: gathering.moved(source) for name, source in flow.outputs.items()}
    return Network(flow.graph, tuple(gathering.leaves), parts, outputs, gathering.tables)


@dataclass(slots=True)
class _Gathering:
    flow: Network
    leaves: list[Leaf] = field(default_factory=list)
    tables: dict[Part, tuple[Part, ...]] = field(default_factory=dict)
    _places: dict[int, int] = field(default_factory=dict)
    """The new number of each leaf."""

    def body(self, parts: Sequence[Part]) -> list[Part]:
        found: list[Part] = []
        for group in _grouped(self.flow, parts):
            new = [self._part(part) for part in group]
            if len(new) > 1:
                self.tables[new[0]] = tuple(new)
            found += new
        return found

    def moved(self, source: Source) -> Source:
        return source if source.leaf < 0 else Source(self._places[source.leaf], source.port)

    def _part(self, part: Part) -> Part:
        start = len(self.leaves)
        if isinstance(part, Branch):
            return Branch(part.path, part.call, tuple(self.body(part.parts)), start, len(self.leaves))
        leaf = replace(part, index=start, sources=tuple(map(self.moved, part.sources)))
        self._places[part.index] = start
        self.leaves.append(leaf)
        return leaf


def _grouped(flow: Network, parts: Sequence[Part]) -> list[list[Part]]:
    """The parts of a body: those of a table together, where the last of them stands, and all others alone.

    Everyone who reads a table reads each of its results, so that they stand behind all of it.
    """
    if not any(map(flow.is_tabled, parts)):
        return [[part] for part in parts]
    table_of = _Tables(flow, parts).found()
    members: dict[int, list[Part]] = {}
    for at, table in sorted(table_of.items()):
        members.setdefault(table, []).append(parts[at])
    lasts = {id(group[-1]): group for group in members.values()}
    return [lasts.get(id(part), [part]) for at, part in enumerate(parts) if at not in table_of or id(part) in lasts]


class _Tables:
    """Finds the tables among the parts of one body. A table is called after the place of the part that began it."""

    def __init__(self, flow: Network, parts: Sequence[Part]):
        self._flow = flow
        self._parts = parts
        self._starts = [part.start for part in parts]
        self._table: dict[int, int] = {}
        self._became: dict[int, int] = {}
        self._readers: dict[int, frozenset[int]] = {}

    def found(self) -> dict[int, int]:
        """The table of each part that belongs to one, by their places."""
        for at in reversed(range(len(self._parts))):
            part = self._parts[at]
            if self._flow.is_tabled(part):
                self._table[at] = self._of(at, self._reading(part))
        return {at: self._now(table) for at, table in self._table.items()}

    def _of(self, at: int, readers: frozenset[int]) -> int:
        """The table that all readers of a part are, where they are one or can be joined to one; else a new one."""
        tables = sorted(readers)
        if tables and all(reader in self._readers for reader in tables):
            first, *others = tables
            outside = self._outside(first)
            if all(self._outside(other) == outside for other in others):
                self._became.update(dict.fromkeys(others, first))
                return first
        self._readers[at] = readers
        return at

    def _outside(self, table: int) -> frozenset[int]:
        """Who reads a table."""
        return frozenset(map(self._now, self._readers[table]))

    def _now(self, at: int) -> int:
        """The table that another one became a part of."""
        while at in self._became:
            at = self._became[at]
        return at

    def _reading(self, part: Part) -> frozenset[int]:
        """Who reads a part: tables, and other parts of the body."""
        everyone = (who for leaf in range(part.start, part.stop) for who in self._flow.readers.get(leaf, ()))
        places = {self._place(who) for who in everyone if not part.start <= who < part.stop}
        return frozenset(self._now(self._table.get(place, place)) for place in places)

    def _place(self, leaf: int) -> int:
        """The place of the part that holds a leaf."""
        inside = self._starts[0] <= leaf < self._parts[-1].stop
        return bisect_right(self._starts, leaf) - 1 if inside else _OUTSIDE

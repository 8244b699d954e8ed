"""Which line of a written file computes which node of the graph."""

from __future__ import annotations

from dataclasses import dataclass, field

from archgraph.codegen.printing.node_places import NodePlaces, Place
from archgraph.records import record


@record()
class Span:
    """Where a node's work stands: a line of the file (from 1), columns on it (from 0, the end excluded), the class,
    and what the node is within the class: its path there, and the how-many-eth of that path."""

    line: int
    start: int
    end: int
    owner: str
    path: str
    occurrence: int = 0
    each: str = ""
    """In a loop, the variable that holds the module of this turn."""
    copied: int = 0
    """In a loop, how many occurrences of that path one turn has; 0 where the path is numbered by the turns."""

    def at(self, line: int) -> Span:
        """The same on another line."""
        return Span(line, self.start, self.end, self.owner, self.path, self.occurrence, self.each, self.copied)

    def covers(self, key: Place) -> bool:
        """Whether a place of the graph is computed here, in some instance and some turn."""
        owner, _, path, occurrence = key
        if owner != self.owner:
            return False
        if not self.each:
            return (path, occurrence) == (self.path, self.occurrence)
        if self.copied:
            return path == self.path and occurrence % self.copied == self.occurrence
        return path.rpartition(".")[0] == self.path.rpartition(".")[0]


@dataclass(slots=True)
class WrittenSource:
    """The text of a file with its tables: `spans` from its lines to places, `nodes` from places to the graph."""

    text: str
    root: str
    nodes: NodePlaces
    spans: list[Span] = field(default_factory=list)
    ties: dict[str, str] = field(default_factory=dict)

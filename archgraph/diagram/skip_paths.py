"""Ways from box to box that may be skips: single arrows, and chains of boxes such as a crop or a projection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from archgraph.diagram.outline import Box, Edge


@dataclass(frozen=True, eq=False, slots=True)
class Path:
    """Arrows one after another, through boxes that read and feed nothing else."""

    edges: tuple[Edge, ...]

    @property
    def tail(self) -> Box:
        return self.edges[0].tail

    @property
    def head(self) -> Box:
        return self.edges[-1].head

    @property
    def via(self) -> tuple[Box, ...]:
        """The boxes between its ends."""
        return tuple(edge.head for edge in self.edges[:-1])


def paths(edges: Sequence[Edge]) -> list[Path]:
    """Each arrow by itself, and the longest chains, by the places of their tails."""
    found = [*(Path((edge,)) for edge in edges), *_chains(edges)]
    return sorted(found, key=lambda path: (path.tail.start, path.head.start))


def _chains(edges: Sequence[Edge]) -> Iterator[Path]:
    leaving: dict[Box, list[Edge]] = {}
    entering: dict[Box, list[Edge]] = {}
    for edge in edges:
        leaving.setdefault(edge.tail, []).append(edge)
        entering.setdefault(edge.head, []).append(edge)
    onward = {box: out[0] for box, out in leaving.items() if len(out) == len(entering.get(box, ())) == 1}
    for edge in edges:
        if edge.tail not in onward and edge.head in onward:
            yield Path(tuple(_followed(edge, onward)))


def _followed(edge: Edge, onward: Mapping[Box, Edge]) -> Iterator[Edge]:
    yield edge
    while edge.head in onward:
        edge = onward[edge.head]
        yield edge

"""What an arrow says: the shape, where it changes in a way that no box says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from archgraph.diagram.outline import Box, Edge, Outline


class EdgeLabels:
    """The labels of the arrows of one picture; each box has at most one. `way` numbers the boxes of the main way."""

    def __init__(self, sketch: Outline, way: Mapping[Box, int], entering: Mapping[Box, Sequence[Edge]]):
        self._sketch = sketch
        self._way = way
        self._entering = entering
        self._labelled: set[Box] = set()

    def is_step(self, edge: Edge) -> bool:
        """Whether an edge is a step along the main way, which is drawn straight; shortcuts bend around it."""
        on = edge.tail in self._way and edge.head in self._way
        return on and self._way[edge.head] == self._way[edge.tail] + 1

    def label(self, edge: Edge) -> str:
        """The shape, where it is another than before the box and neither box says it; not of what no input reaches,
        whose shape is none of the flow."""
        if edge.tail.port or edge.head.port or edge.tail in self._labelled or not edge.tail.leaves:
            return ""
        if self._sketch.is_tabled(edge.tail):
            return ""
        network, wording = self._sketch.network, self._sketch.wording
        after = network.value(edge.sources[0]).shape
        before = [network.value(source).shape for source in network.entries(edge.tail.start, edge.tail.stop)]
        said = wording.said([after]) in edge.tail.caption.line or "→" in edge.tail.caption.line
        if said or after in before or self._is_on_a_step(edge):
            return ""
        self._labelled.add(edge.tail)
        return wording.short(after)

    def _is_on_a_step(self, edge: Edge) -> bool:
        """Whether an arrow past boxes meets a step of the main way that brings the same shape, as a sum asks for: it
        runs along the frame, and its label would lie over the line."""
        if self.is_step(edge):
            return False
        network = self._sketch.network
        steps = (other for other in self._entering[edge.head] if self.is_step(other))
        return network.value(edge.sources[0]).shape in [network.value(step.sources[0]).shape for step in steps]

"""How deep to look where nobody says: as deep as still makes a picture for one page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from archgraph.diagram.broadcasts import noted
from archgraph.diagram.flat_flow import Branch, Network, Part, network
from archgraph.diagram.main_path import spine
from archgraph.diagram.outline import Outline, Sketch, TooManyBoxesError
from archgraph.diagram.shapes import Wording
from archgraph.diagram.tables import gathered
from archgraph.diagram.unet import u_shape
from archgraph.diagram.view import View
from archgraph.graph.types import Graph

MOST_BOXES = 60
DRAFTED = 4 * MOST_BOXES
"""So many boxes a picture may have at first; frames around one of them are boxes in the end."""
MOST_ROWS = 20
"""Boxes below one another: about as many as a page holds."""


def outline(graph: Graph, view: View | None = None) -> Outline:
    """The picture of a graph at a depth: 1 folds the parts at the top, each further number opens one more level.

    A level that shows nothing new anywhere, such as a repetition around blocks, has no number of its own; beyond the
    last level pictures stay the same. By default the deepest that needs at most 60 boxes and fits a page; where even
    the blocks at the top are too many, neighbours of one size are drawn as one box. Raises what `View.check` does.
    """
    view = view or View()
    flow, wording = gathered(network(graph)), Wording(graph, view.sizes)
    view.check(flow)
    levels = _Levels(flow, wording, view)
    return levels.best() if view.depth is None else levels.at(view.depth)


@dataclass(frozen=True, slots=True)
class _Levels:
    """The pictures of one network, each of which shows more than the one before. Each is costly, and is drawn only
    where it decides something."""

    flow: Network
    wording: Wording
    view: View

    def at(self, depth: int) -> Outline:
        """The picture at a depth; the deepest one from where there are no more levels on."""
        if depth > self._height:
            return self._drawn(self._height, asides=True)
        return list(islice(self._distinct(self._first()), depth))[-1]

    def best(self) -> Outline:
        """The deepest picture that fits a page."""
        first = self._first()
        if len(first.boxes) > MOST_BOXES and not self.view.open:
            graph = self.flow.graph
            most = max(1, MOST_BOXES - len(graph.inputs) - len(graph.outputs))
            return Sketch(self.flow, self.wording, 1, most, view=self.view).outline()
        pictures = self._distinct(first, DRAFTED)
        best = next(pictures)
        for deeper in pictures:
            if len(deeper.boxes) > MOST_BOXES or _rows(deeper) > max(MOST_ROWS, _rows(best)):
                break
            best = deeper
        return best

    def _distinct(self, first: Outline, limit: int | None = None) -> Iterator[Outline]:
        """Pictures that show more and more, up to a limit of boxes; what leads only to values that reach blocks
        everywhere is opened last."""
        last = first
        for level, asides in [*((level, False) for level in range(2, self._height + 1)), (self._height, True)]:
            try:
                deeper = self._drawn(level, asides, limit)
            except TooManyBoxesError:
                break
            if _boxed(deeper) != _boxed(last):
                yield last
            last = deeper
        yield last

    def _first(self) -> Outline:
        return self._drawn(1, asides=False)

    def _drawn(self, level: int, asides: bool, limit: int | None = None) -> Outline:
        return Sketch(self.flow, self.wording, level, asides=asides, view=self.view, limit=limit).outline()

    @property
    def _height(self) -> int:
        return max(1, _height(self.flow.parts))


def _boxed(picture: Outline) -> list[list[int]]:
    """What is drawn as one box."""
    return [box.leaves for box in picture.boxes]


def _rows(picture: Outline) -> int:
    """How many boxes stand below one another; the two sides of a U stand side by side."""
    _, edges = noted(picture)
    shape = u_shape(picture, edges)
    way = spine(picture.on_the_way, [edge for edge in edges if shape is None or edge not in shape.crossing])
    if shape is None:
        return len(way)
    return shape.height(way)


def _height(parts: Sequence[Part]) -> int:
    return 1 + max((_height(part.parts) for part in parts if isinstance(part, Branch)), default=0) if parts else 0

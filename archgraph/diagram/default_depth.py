"""How deep to look where nobody says: as deep as still makes a picture for one page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from archgraph.diagram.broadcasts import noted
from archgraph.diagram.flat_flow import Branch, Network, Part, network
from archgraph.diagram.main_path import spine
from archgraph.diagram.outline import Outline, Sketch
from archgraph.diagram.shapes import Wording
from archgraph.diagram.unet import u_shape
from archgraph.diagram.view import View
from archgraph.graph.types import Graph

MOST_BOXES = 60
MOST_ROWS = 20
"""Boxes below one another: about as many as a page holds."""


def outline(graph: Graph, view: View | None = None) -> Outline:
    """The picture of a graph at a depth: 1 folds the parts at the top, each further number opens one more level.

    A level that shows nothing new anywhere, such as a repetition around blocks, has no number of its own; beyond the
    last level pictures stay the same. By default the deepest that needs at most 60 boxes and fits a page; where even
    the blocks at the top are too many, neighbours of one size are drawn as one box. Raises what `View.check` does.
    """
    view = view or View()
    flow, wording = network(graph), Wording(graph, view.sizes)
    view.check(flow)
    pictures = _pictures(flow, wording, view)
    if view.depth is not None:
        return list(islice(pictures, view.depth))[-1]
    best = next(pictures)
    if len(best.boxes) > MOST_BOXES and not view.open:
        most = max(1, MOST_BOXES - len(graph.inputs) - len(graph.outputs))
        return Sketch(flow, wording, 1, most, view=view).outline()
    for deeper in pictures:
        if len(deeper.boxes) > MOST_BOXES or _rows(deeper) > max(MOST_ROWS, _rows(best)):
            break
        best = deeper
    return best


def _pictures(flow: Network, wording: Wording, view: View) -> Iterator[Outline]:
    """Pictures that tell more and more; what leads only to values that reach blocks everywhere is opened last."""
    height = max(1, _height(flow.parts))
    last = Sketch(flow, wording, 1, asides=False, view=view).outline()
    for level, asides in [*((level, False) for level in range(2, height + 1)), (height, True)]:
        deeper = Sketch(flow, wording, level, asides=asides, view=view).outline()
        if _boxed(deeper) != _boxed(last):
            yield last
        last = deeper
    yield last


def _boxed(picture: Outline) -> list[list[int]]:
    """What is drawn as one box."""
    return [box.leaves for box in picture.boxes]


def _rows(picture: Outline) -> int:
    """How many boxes stand below one another; the two sides of a U stand side by side."""
    _, edges = noted(picture)
    shape = u_shape(picture, edges)
    way = spine(picture.boxes, [edge for edge in edges if shape is None or edge not in shape.crossing])
    if shape is None:
        return len(way)
    return shape.height(way)


def _height(parts: Sequence[Part]) -> int:
    return 1 + max((_height(part.parts) for part in parts if isinstance(part, Branch)), default=0) if parts else 0

"""How deep to look where nobody says: as deep as still makes a picture for one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from archgraph.diagram.notes import noted
from archgraph.diagram.outline import Outline, Sketch
from archgraph.diagram.shapes import Wording
from archgraph.diagram.spine import spine
from archgraph.diagram.unet import u_shape
from archgraph.diagram.wiring import Branch, Part, network
from archgraph.graph.types import Graph

MOST_BOXES = 60
MOST_ROWS = 20
"""Boxes below one another: about as many as a page holds."""


def outline(graph: Graph, depth: int | None = None, sizes: Mapping[str, int] | None = None) -> Outline:
    """The picture of a graph, with blocks folded at a depth.

    By default the largest depth that needs at most 60 boxes and fits a page; where even the blocks at the top are too
    many, neighbours of one size are drawn as one box.
    """
    flow, wording = network(graph), Wording(graph, sizes)
    if depth is not None:
        return Sketch(flow, wording, depth).outline()
    best = Sketch(flow, wording, 1).outline()
    if len(best.boxes) > MOST_BOXES:
        most = max(1, MOST_BOXES - len(graph.inputs) - len(graph.outputs))
        return Sketch(flow, wording, 1, most).outline()
    for level in range(2, _height(flow.parts) + 1):
        deeper = Sketch(flow, wording, level, asides=False).outline()
        if len(deeper.boxes) > MOST_BOXES or _rows(deeper) > max(MOST_ROWS, _rows(best)):
            break
        best = deeper
    return best


def _rows(picture: Outline) -> int:
    """How many boxes stand below one another; the two sides of a U stand side by side."""
    _, edges = noted(picture)
    shape = u_shape(picture, edges)
    way = spine(picture.boxes, [edge for edge in edges if shape is None or edge not in shape.crossing])
    if shape is None:
        return len(way)
    falling, bottom, rising = (len(set(way) & set(side)) for side in (shape.falling, shape.bottom, shape.rising))
    return max(falling, rising) + bottom


def _height(parts: Sequence[Part]) -> int:
    return 1 + max((_height(part.parts) for part in parts if isinstance(part, Branch)), default=0) if parts else 0

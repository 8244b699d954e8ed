"""A long picture in columns next to each other, so that a page of usual proportions holds them all."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from math import ceil, sqrt

from archgraph.diagram.cuts import cut
from archgraph.diagram.dot import Drawing
from archgraph.diagram.dot_text import LINE
from archgraph.diagram.main_path import spine
from archgraph.diagram.outline import Box, Edge, Outline
from archgraph.diagram.pieces import Pieces, inlet, outlet
from archgraph.diagram.placed_text import OVERLAP, PlacedText, Point, line

LONGEST = 60
"""Boxes of a column: more of them and Graphviz takes long."""
_PROPORTION = 0.31
"""Columns are about five times as wide as a box is high, and wider by the boxes next to the main way; a page is a third
to a half wider than high."""
_GAP = 44
"""Points between columns."""


def in_columns(sketch: Outline, drawing: Drawing) -> Pieces:
    """The columns of a drawing."""
    return Pieces(sketch, drawing, boxes_by_column(sketch, drawing.edges))


def boxes_by_column(outline: Outline, edges: Sequence[Edge]) -> list[list[Box]]:
    """The boxes of each column, in the order of the flow."""
    rows, boxes = len(spine(outline.on_the_way, edges)), len(outline.boxes)
    return cut(outline, edges, max(ceil(sqrt(_PROPORTION * rows * rows / boxes)), ceil(boxes / LONGEST)))


def joined(head: str, texts: Sequence[PlacedText], passing: Sequence[int]) -> str:
    """One picture of columns that Graphviz has placed, side by side; `passing` are those that the flow leaves by an
    arrow to the next."""
    tallest = max(text.size[1] for text in texts)
    lefts = list(accumulate((text.size[0] + _GAP for text in texts), initial=0.0))
    moved = [text.moved(left, tallest - text.size[1]) for text, left in zip(texts, lefts, strict=False)]
    lines = ["digraph {", f"  {head}"]
    lines += [text.text.replace("digraph", f"subgraph column{at}", 1) for at, text in enumerate(moved)]
    for at in passing:
        way = _between(moved[at].place(outlet(at)), moved[at + 1].place(inlet(at + 1)), lefts[at + 1] - _GAP / 2)
        lines.append(f'  {outlet(at)} -> {inlet(at + 1)} [arrowhead=none, color="{LINE}", pos="{line(way)}"]')
    return "\n".join([*lines, "}", ""])


def _between(start: Point, stop: Point, x: float) -> list[Point]:
    """The corners of an arrow from the end of a column to the beginning of the next, through the gap at x."""
    (start_x, low), (stop_x, high) = start, stop
    return [(start_x, low + OVERLAP), start, (x, low), (x, high), stop, (stop_x, high - OVERLAP)]

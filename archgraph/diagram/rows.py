"""A picture to the right in rows: like lines of text, and of a U each level as a row, its encoder next to its decoder.

So it has the proportions of a slide, however long the network is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import sqrt

from archgraph.diagram.cuts import cut
from archgraph.diagram.dot import Drawing
from archgraph.diagram.dot_text import GREEN, LINE, quoted, tip
from archgraph.diagram.levels import Levels, levels
from archgraph.diagram.outline import Box, Edge, Group, Outline
from archgraph.diagram.pieces import inlet, outlet
from archgraph.diagram.placed_text import OVERLAP, PlacedText, Point, arrow, line
from archgraph.diagram.skip_labels import skip_text
from archgraph.diagram.unet import Skip, UShape

LONGEST = 6
"""Boxes of the main way in one row; a level of a U may have twice as many."""
_BOX, _HEIGHT, _FRAME = 190, 80, 34
"""Points that a box takes of the width of a row, a row of the height, and each frame around another box."""
_PROPORTION = 2.0
"""How many times as wide as high a picture shall be."""
_GAP, _BETWEEN = 40, 64
"""Points between rows, and between the two sides of a U."""
_LANE, _RETURN, _MARGIN = 12, 10, 16
"""Points between skips one above the other, from a row to the line below it that leads to the next, and from that line
to the left end of the next row."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Pieces of the flow, and the row and side of each: 0 is the left one."""

    boxes: list[list[Box]]
    cells: list[tuple[int, int]]
    anchors: list[Box]
    """The first box of each piece on the main way, whose middle is that of the row."""
    skips: tuple[Skip, ...] = ()
    across: frozenset[Edge] = frozenset()
    """The edges of the skips that lead from piece to piece."""

    def joined(self, drawing: Drawing, texts: Sequence[PlacedText], passing: Sequence[int]) -> str:
        """One picture of pieces that Graphviz has placed."""
        return _Page(self, texts).text(drawing, passing)


def rows_of(sketch: Outline, drawing: Drawing) -> Rows | None:
    """The rows of a picture to the right, or None where one is enough or it runs downwards."""
    if not drawing.runs_right:
        return None
    if drawing.shape is not None:
        found = levels(sketch, drawing.edges, drawing.shape)
        if max(_length(piece, drawing) for piece in (*found.encoder, found.bottom, *found.decoder)) <= LONGEST:
            return _levelled(found, drawing, drawing.shape)
    return _lines(sketch, drawing) if len(drawing.way) > LONGEST else None


def _length(piece: Sequence[Box], drawing: Drawing) -> int:
    return sum(box in drawing.way for box in piece)


def _lines(sketch: Outline, drawing: Drawing) -> Rows:
    """The flow in rows like lines of text."""
    height = _HEIGHT + _FRAME * max((_depth(item) for item in sketch.tree), default=0)
    number = round(sqrt(len(drawing.way) * _BOX / (_PROPORTION * height)))
    boxes = cut(sketch, drawing.edges, max(2, number))
    return Rows(boxes, [(at, 0) for at in range(len(boxes))], _anchors(boxes, drawing))


def _depth(item: Box | Group) -> int:
    """How many frames stand in one another."""
    return 1 + max(map(_depth, item.children)) if isinstance(item, Group) else 0


def _levelled(found: Levels, drawing: Drawing, shape: UShape) -> Rows:
    """The levels of a U in rows. What a skip passes stands with its head; what is of neither side stands next to the
    bottom, where there is room."""
    last = len(found.encoder)
    decoder = {box: at for at, piece in enumerate(found.decoder) for box in piece}
    passed = {box: decoder[skip.head] for skip in shape.skips for box in skip.via}
    right = [[*(box for box in passed if passed[box] == at), *piece] for at, piece in enumerate(found.decoder)]
    others = [box for box in found.others if box not in passed]
    placed = [(piece, (at, 0)) for at, piece in enumerate(found.encoder)]
    placed += [(found.bottom, (last, 0))] if found.bottom else []
    placed += [(right[at], (at, 1)) for at in reversed(range(len(right)))]
    placed += [(others, (last, 1))] if others else []
    boxes, cells = [piece for piece, _ in placed], [cell for _, cell in placed]
    across = frozenset(edge for edge in shape.crossing if edge.tail not in passed)
    return Rows(boxes, cells, _anchors(boxes, drawing), shape.skips, across)


def _anchors(boxes: Sequence[Sequence[Box]], drawing: Drawing) -> list[Box]:
    return [next((box for box in piece if box in drawing.way), piece[0]) for piece in boxes]


class _Page:
    """Places pieces in rows, and draws what leads from piece to piece."""

    def __init__(self, rows: Rows, texts: Sequence[PlacedText]):
        self._rows = rows
        piece = {box: at for at, boxes in enumerate(rows.boxes) for box in boxes}
        self._row = {box: rows.cells[at][0] for box, at in piece.items()}
        self._lanes = self._sorted_skips(texts, piece)
        self._middles, self._bottoms = self._heights(texts)
        self._lefts = self._lefts_of(texts)
        self._texts = [
            text.moved(left, self._middles[row] - text.place(quoted(anchor.id))[1])
            for text, left, (row, _), anchor in zip(texts, self._lefts, rows.cells, rows.anchors, strict=True)
        ]
        self._text_of = {box: self._texts[at] for box, at in piece.items()}

    def text(self, drawing: Drawing, passing: Sequence[int]) -> str:
        """The whole picture; `passing` are the pieces that the flow leaves by an arrow to the next one."""
        lines = ["digraph {", f"  {drawing.page()}"]
        lines += [text.text.replace("digraph", f"subgraph piece{at}", 1) for at, text in enumerate(self._texts)]
        for at in passing:
            way = line(self._return(at))
            lines.append(f'  {outlet(at)} -> {inlet(at + 1)} [arrowhead=none, color="{LINE}", pos="{way}"]')
        lines += [self._skip(skip, drawing) for skip in self._rows.skips]
        return "\n".join([*lines, "}", ""])

    def _sorted_skips(self, texts: Sequence[PlacedText], piece: Mapping[Box, int]) -> dict[int, list[Skip]]:
        """The skips that run above each row: from the lowest, which starts last, to the highest."""
        found: dict[int, list[Skip]] = {}
        starts = {skip: texts[piece[skip.tail]].place(quoted(skip.tail.id))[0] for skip in self._rows.skips}
        for skip in sorted(self._rows.skips, key=lambda skip: -starts[skip]):
            for row in {self._row[skip.tail], self._row[skip.head]}:
                found.setdefault(row, []).append(skip)
        return found

    def _heights(self, texts: Sequence[PlacedText]) -> tuple[list[float], list[float]]:
        """The middle and the bottom of each row."""
        number = 1 + max(row for row, _ in self._rows.cells)
        above, below = [0.0] * number, [0.0] * number
        for text, (row, _), anchor in zip(texts, self._rows.cells, self._rows.anchors, strict=True):
            middle = text.place(quoted(anchor.id))[1]
            above[row], below[row] = max(above[row], text.size[1] - middle), max(below[row], middle)
        self._above = above
        tops = [above[row] + _GAP + _LANE * len(self._lanes.get(row, ())) for row in range(number)]
        down = list(accumulate(tops[row] + (below[row - 1] if row else 0) for row in range(number)))
        total = down[-1] + below[-1]
        middles = [total - at for at in down]
        return middles, [middle - low for middle, low in zip(middles, below, strict=True)]

    def _lefts_of(self, texts: Sequence[PlacedText]) -> list[float]:
        """Where pieces start: both sides of a U next to the gap between them, lines of text below one another."""
        sides = [side for _, side in self._rows.cells]
        middle = max(text.size[0] for text, side in zip(texts, sides, strict=True) if side == 0)
        if max(sides) > 0:
            widths = [text.size[0] for text in texts]
            return [middle + _BETWEEN if side else middle - at for at, side in zip(widths, sides, strict=True)]
        starts = [_left(text, anchor) for text, anchor in zip(texts, self._rows.anchors, strict=True)]
        return [max(starts) - start for start in starts]

    def _return(self, at: int) -> list[Point]:
        """The corners of the arrow from a piece to the next one."""
        (start, y), (stop, end) = self._texts[at].place(outlet(at)), self._texts[at + 1].place(inlet(at + 1))
        (row, side), (next_row, next_side) = self._rows.cells[at : at + 2]
        x, out = self._lefts[at + 1] - _MARGIN, start + _RETURN
        between = self._bottoms[min(row, next_row)] - _RETURN
        turns = [(x, y)] if side != next_side else [(out, y), (out, between), (x, between)]
        return [(start - OVERLAP, y), *turns, (x, end), (stop + OVERLAP, end)]

    def _skip(self, skip: Skip, drawing: Drawing) -> str:
        """A dashed arrow above the row, with its number in the middle."""
        tail, head = skip.stops[:2]
        (start_x, start_y), (stop_x, stop_y) = self._top(tail), self._top(head)
        leaves, enters = self._lane(skip, self._row[tail]), self._lane(skip, self._row[skip.head])
        x = max(self._lefts) - _BETWEEN / 2
        way = [(start_x, start_y), (start_x, leaves), (x, leaves), (x, enters), (stop_x, enters), (stop_x, stop_y)]
        corners = [at for at in way if leaves != enters or at[0] != x]
        text = skip_text(skip)
        return (
            f'  {quoted(tail.id)} -> {quoted(head.id)} [style=dashed, color="{GREEN}", label={quoted(text)}, '
            f'lp="{x:.2f},{leaves + _ABOVE:.2f}", pos="{arrow(corners)}", '
            f"tooltip={quoted(tip(drawing.handed(skip)))}]"
        )

    def _top(self, box: Box) -> Point:
        """Where skips leave and enter a box: at its top, right of the title of a frame around it."""
        text, name = self._text_of[box], quoted(box.id)
        (x, y), (width, height) = text.place(name), text.box(name)
        return x + width / 4, y + height / 2

    def _lane(self, skip: Skip, row: int) -> float:
        top = self._middles[row] + self._above[row]
        return top + _LANE * (1.25 + self._lanes[row].index(skip))


def _left(text: PlacedText, box: Box) -> float:
    """The left end of a box."""
    return text.place(quoted(box.id))[0] - text.box(quoted(box.id))[0] / 2


_ABOVE = 6
"""Points from a skip to the middle of its number."""

"""The text of each column of a long picture, with arrows to the next one and stubs of those that lead further."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from archgraph.diagram.columns import cut, inlet, joined, outlet, split
from archgraph.diagram.default_depth import outline
from archgraph.diagram.dot import GREEN, LINE, Drawing, Section
from archgraph.diagram.dot_text import apart, grey, quoted, tip
from archgraph.diagram.layout import drawn
from archgraph.diagram.outline import Box, Edge, Outline
from archgraph.diagram.unet import Skip
from archgraph.diagram.view import View
from archgraph.diagram.waypoints import INVISIBLE
from archgraph.graph.types import Graph

_STUB = 'shape=plaintext, style="", margin=0.02'
_NAMED = 2
"""Boxes that a stub names before it says `…`."""


def placed(graph: Graph, view: View | None = None) -> tuple[str, str]:
    """The DOT text of a picture, and the engine of Graphviz that draws it: long ones come as columns that have been
    laid out. Raises what `View.check` does, and RenderError."""
    view = view or View()
    sketch = outline(graph, view)
    drawing = Drawing(sketch, view)
    if not drawing.is_long:
        return drawing.text(), "dot"
    columns = Columns(sketch, drawing)
    texts = [text.decode("utf-8") for text in drawn(columns.texts(), "dot")]
    return joined(drawing.page(), texts, columns.passing), "nop2"


class Columns:
    """A drawing by column. Everything is sorted into its column once, so that the time grows with the length."""

    def __init__(self, sketch: Outline, drawing: Drawing):
        self._drawing = drawing
        self._columns = cut(sketch, drawing.edges)
        self._column = {box: at for at, boxes in enumerate(self._columns) for box in boxes}
        self._sections = self._sorted(sketch)
        self._flows = set(drawing.flows)
        crossing = [edge for edge in drawing.edges if self._column[edge.tail] != self._column[edge.head]]
        self._steps = {self._column[edge.tail]: edge for edge in crossing if self._is_step(edge)}
        """The edges that lead from the last box of a column to the first of the next."""
        self._entering: dict[int, list[Edge]] = defaultdict(list)
        self._leaving_far: dict[int, list[Edge]] = defaultdict(list)
        self._coming_far: dict[int, list[Edge]] = defaultdict(list)
        starts = {edge.tail: at for at, edge in self._steps.items()}
        for edge in crossing:
            tail, head = self._column[edge.tail], self._column[edge.head]
            if starts.get(edge.tail) == head - 1:
                self._entering[head].append(edge)
            else:
                self._leaving_far[tail].append(edge)
                self._coming_far[head].append(edge)

    @property
    def passing(self) -> list[int]:
        """The columns that the flow leaves by an arrow to the next one."""
        return sorted(self._steps)

    def texts(self) -> list[str]:
        """The text of each column."""
        return [
            self._drawing.column(section, at, [*self._ends_of(at), *self._stubs(at)])
            for at, section in enumerate(self._sections)
        ]

    def _sorted(self, sketch: Outline) -> list[Section]:
        """What each column holds of the drawing."""
        trees, column = split(sketch.tree, self._column), self._column
        found = [Section(trees[at], boxes, [], [], []) for at, boxes in enumerate(self._columns)]
        for note in self._drawing.notes:
            found[column[note.box]].notes.append(note)
        for edge in self._drawing.flows:
            if column[edge.tail] == column[edge.head]:
                found[column[edge.tail]].flows.append(edge)
        for skip in self._drawing.skips:
            for piece in self._uncut(skip):
                found[column[piece.tail]].skips.append(piece)
        return found

    def _uncut(self, skip: Skip) -> list[Skip]:
        """A skip, or what of it lies within columns where it is cut."""
        pieces = [skip]
        if skip.via and len({self._column[box] for box in skip.stops}) > 1:
            pieces = [Skip(tail, head, skip.sources) for tail, head in pairwise(skip.stops)]
        return [piece for piece in pieces if self._column[piece.tail] == self._column[piece.head]]

    def _is_step(self, edge: Edge) -> bool:
        """Whether an edge leads out of a column, from its last box to the first one of the next."""
        at = self._column[edge.tail]
        last = edge.tail is self._columns[at][-1] and self._column[edge.head] == at + 1
        return last and edge.head is self._columns[at + 1][0]

    def _ends_of(self, at: int) -> Iterator[str]:
        """The pieces of the arrows from the column before and to the next one."""
        if at in self._steps:
            yield f"{outlet(at)} [{INVISIBLE}]"
            yield f"{quoted(self._steps[at].tail.id)} -> {outlet(at)} [arrowhead=none]"
        if at - 1 in self._steps:
            yield f"{inlet(at)} [{INVISIBLE}]"
            for edge in self._entering[at]:
                yield from self._drawing.rest(edge, inlet(at), self._sections[at].boxes)

    def _stubs(self, at: int) -> Iterator[str]:
        """Short arrows that name the box in another column where they come from or lead to."""
        leaving: dict[Box, list[Edge]] = {}
        for edge in self._leaving_far[at]:
            leaving.setdefault(edge.tail, []).append(edge)
        for edge in self._coming_far[at]:
            name = apart(f"from {edge.tail.id}\t{edge.head.id}")
            yield f"{name} [{_STUB}, label=<{grey(f'from {edge.tail.id}', 8)}>]"
            yield from self._drawing.rest(edge, name, self._sections[at].boxes, [self._stub_line(edge)])
        for tail, edges in leaving.items():
            name = apart(f"from {tail.id}")
            heads = ", ".join(edge.head.id for edge in edges[:_NAMED]) + (" …" if len(edges) > _NAMED else "")
            yield f"{name} [{_STUB}, label=<{grey(f'to {heads}', 8)}>]"
            yield f"{quoted(tail.id)} -> {name} [{self._stub_line(edges[0])}]"

    def _stub_line(self, edge: Edge) -> str:
        colour = LINE if edge in self._flows else GREEN
        return f'style=dashed, weight=1, color="{colour}", tooltip={quoted(tip(self._drawing.values(edge)))}'

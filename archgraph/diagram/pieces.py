"""The DOT text of each piece of a picture, with arrows to the next one and stubs of those that lead further."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise

from archgraph.diagram.cuts import split
from archgraph.diagram.dot import Drawing, Section
from archgraph.diagram.dot_text import GREEN, LINE, apart, grey, quoted, tip
from archgraph.diagram.outline import Box, Edge, Outline
from archgraph.diagram.unet import Skip
from archgraph.diagram.waypoints import INVISIBLE

_STUB = 'shape=plaintext, style="", margin=0.02'
_NAMED = 2
"""Boxes that a stub names before it says `…`."""


def outlet(piece: int) -> str:
    """Where the flow leaves a piece for the next one; quoted."""
    return apart(f"out {piece}")


def inlet(piece: int) -> str:
    """Where the flow enters a piece from the one before; quoted."""
    return apart(f"in {piece}")


class Pieces:
    """A drawing by piece. Everything is sorted into its piece once, so that the time grows with the length."""

    def __init__(
        self, sketch: Outline, drawing: Drawing, boxes: Sequence[Sequence[Box]], across: Collection[Edge] = ()
    ):
        self._drawing = drawing
        self._piece = {box: at for at, held in enumerate(boxes) for box in held}
        self._ends = [_ends(held, drawing.way) for held in boxes]
        self._sections = self._sorted(sketch, boxes)
        self._flows = set(drawing.flows)
        crossing = [edge for edge in drawing.edges if self._piece[edge.tail] != self._piece[edge.head]]
        self._steps = {self._piece[edge.tail]: edge for edge in crossing if self._is_step(edge)}
        """The edges that lead from the last box of a piece to the first of the next."""
        self._entering: dict[int, list[Edge]] = defaultdict(list)
        self._leaving_far: dict[int, list[Edge]] = defaultdict(list)
        self._coming_far: dict[int, list[Edge]] = defaultdict(list)
        starts = {edge.tail: at for at, edge in self._steps.items()}
        for edge in crossing:
            tail, head = self._piece[edge.tail], self._piece[edge.head]
            if starts.get(edge.tail) == head - 1:
                self._entering[head].append(edge)
            elif edge not in across:  # which the page draws
                self._leaving_far[tail].append(edge)
                self._coming_far[head].append(edge)

    @property
    def passing(self) -> list[int]:
        """The pieces that the flow leaves by an arrow to the next one."""
        return sorted(self._steps)

    def texts(self) -> list[str]:
        """The text of each piece."""
        return [
            self._drawing.piece(section, at, [*self._ends_of(at), *self._stubs(at)])
            for at, section in enumerate(self._sections)
        ]

    def _sorted(self, sketch: Outline, boxes: Sequence[Sequence[Box]]) -> list[Section]:
        """What each piece holds of the drawing."""
        trees, piece = split(sketch.tree, self._piece), self._piece
        found = [Section(trees[at], held, [], [], []) for at, held in enumerate(boxes)]
        for note in self._drawing.notes:
            found[piece[note.box]].notes.append(note)
        for edge in self._drawing.flows:
            if piece[edge.tail] == piece[edge.head]:
                found[piece[edge.tail]].flows.append(edge)
        for skip in self._drawing.skips:
            for part in self._uncut(skip):
                found[piece[part.tail]].skips.append(part)
        return found

    def _uncut(self, skip: Skip) -> list[Skip]:
        """A skip, or what of it lies within pieces where it is cut."""
        pieces = [skip]
        if skip.via and len({self._piece[box] for box in skip.stops}) > 1:
            pieces = [Skip(tail, head, skip.sources) for tail, head in pairwise(skip.stops)]
        return [piece for piece in pieces if self._piece[piece.tail] == self._piece[piece.head]]

    def _is_step(self, edge: Edge) -> bool:
        """Whether an edge leads out of a piece, from its last box to the first one of the next."""
        at = self._piece[edge.tail]
        follows = edge.tail is self._ends[at][1] and self._piece[edge.head] == at + 1
        return follows and edge.head is self._ends[at + 1][0]

    def _ends_of(self, at: int) -> Iterator[str]:
        """The pieces of the arrows from the piece before and to the next one."""
        if at in self._steps:
            yield f"{outlet(at)} [{INVISIBLE}]"
            yield f"{quoted(self._steps[at].tail.id)} -> {outlet(at)} [arrowhead=none]"
        if at - 1 in self._steps:
            yield f"{inlet(at)} [{INVISIBLE}]"
            for edge in self._entering[at]:
                straight = [] if edge is self._steps[at - 1] else ["weight=1"]
                yield from self._drawing.rest(edge, inlet(at), self._sections[at].boxes, straight)

    def _stubs(self, at: int) -> Iterator[str]:
        """Short arrows that name the box in another piece where they come from or lead to, next to the box in this."""
        leaving: dict[Box, list[Edge]] = {}
        for edge in self._leaving_far[at]:
            leaving.setdefault(edge.tail, []).append(edge)
        for edge in self._coming_far[at]:
            yield from self._coming(edge, self._sections[at].boxes)
        for tail, edges in leaving.items():
            name = apart(f"from {tail.id}")
            heads = ", ".join(edge.head.id for edge in edges[:_NAMED]) + (" …" if len(edges) > _NAMED else "")
            yield f"{name} [{_STUB}, label=<{grey(f'to {heads}', 8)}>]"
            yield f"{{rank=same; {quoted(tail.id)} -> {name} [{self._stub_line(edges[0])}]}}"

    def _coming(self, edge: Edge, held: Sequence[Box]) -> Iterator[str]:
        name = apart(f"from {edge.tail.id}\t{edge.head.id}")
        yield f"{name} [{_STUB}, label=<{grey(f'from {edge.tail.id}', 8)}>]"
        if self._drawing.bends(edge, held):
            yield from self._drawing.rest(edge, name, held, [self._stub_line(edge)])
        else:
            yield f"{{rank=same; {quoted(edge.head.id)} -> {name} [dir=back, {self._stub_line(edge)}]}}"

    def _stub_line(self, edge: Edge) -> str:
        colour = LINE if edge in self._flows else GREEN
        return f'style=dashed, weight=1, color="{colour}", tooltip={quoted(tip(self._drawing.values(edge)))}'


def _ends(boxes: Sequence[Box], way: Collection[Box]) -> tuple[Box, Box]:
    """Where the flow enters a piece and leaves it: its first and last box on the main way, where it has any."""
    on = [box for box in boxes if box in way] or boxes
    return on[0], on[-1]

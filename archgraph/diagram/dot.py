"""The picture as DOT text: what Graphviz lays out, and what a person may edit further."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from archgraph.diagram.broadcasts import Note, noted
from archgraph.diagram.changes import REMOVED, removed_notes
from archgraph.diagram.default_depth import outline
from archgraph.diagram.dot_text import FRAME, GREEN, GREY, LINE, apart, digraph, grey, padded, quoted, tip, wrapped
from archgraph.diagram.edge_labels import EdgeLabels
from archgraph.diagram.flat_flow import Source
from archgraph.diagram.fonts import FONT_LIST
from archgraph.diagram.labels import Labels
from archgraph.diagram.layout import ROUTING
from archgraph.diagram.main_path import spine
from archgraph.diagram.outline import Box, Edge, Group, Outline
from archgraph.diagram.roles import COLOURS
from archgraph.diagram.skip_labels import MARGIN, skip_label
from archgraph.diagram.unet import Skip, UShape, u_shape
from archgraph.diagram.view import View
from archgraph.diagram.waypoints import SIDES, Waypoint, pieces, side_boxes, side_tables, waypoints
from archgraph.graph.types import Graph

LONGEST_COLUMN = 30
"""Boxes below one another, where it is no U: from there on columns."""
TALLEST = 40
"""Boxes below one another. A taller U tears its sides apart to keep its rows level, so it is drawn as columns."""


def dot(graph: Graph, view: View | None = None) -> str:
    """The diagram of a graph as DOT text. Raises what `View.check` does."""
    view = view or View()
    return Drawing(outline(graph, view), view).text()


@dataclass(frozen=True, slots=True)
class Section:
    """What of a picture is written into one DOT text: all, or one piece."""

    tree: Sequence[Box | Group]
    boxes: Sequence[Box]
    notes: list[Note]
    flows: list[Edge]
    skips: list[Skip]


class Drawing:
    """Writes one outline; a U as what it is, unless `as_u` is false."""

    def __init__(self, sketch: Outline, view: View, *, as_u: bool = True):
        self._sketch = sketch
        self._direction = view.rankdir
        self._labels = Labels(sketch, view)
        self.notes, self.edges = noted(sketch)
        if view.changes is not None:
            gone = removed_notes(sketch, view.changes)
            self.notes += [Note(box, text, (), removed) for box, text, removed in gone]
        self.shape = shape = u_shape(sketch, self.edges) if as_u else None
        self.skips = list(shape.skips) if shape else []
        self._tails = {skip.tail for skip in self.skips}
        self.flows = [edge for edge in self.edges if not shape or edge not in shape.crossing]
        self._spine = spine(sketch.on_the_way, self.flows)
        self._heads: dict[Box, list[Edge]] = {}
        for edge in self.flows:
            self._heads.setdefault(edge.head, []).append(edge)
        self._place = {box: at for at, box in enumerate(self._spine)}
        self._edge_labels = EdgeLabels(sketch, self._place, self._heads)
        self._starts = [box.start for box in self._spine]
        self._u = shape if shape and not self.runs_right and shape.height(self._spine) <= TALLEST else None
        plain = self._u is None and not self.runs_right
        self._tables = side_tables(sketch, self.flows, self._place) if plain else {}
        self._beside = {**side_boxes(sketch.tree, self.flows, self._spine), **self._tables}
        self._waypoints = waypoints(sketch.tree, self.flows, self._spine, self._beside, self.runs_right)
        self._side = {box: side for side, boxes in _sides(self._u) for box in boxes} if self._u else {}
        self._sideways = self._tails | {edge.tail for edge in self.flows if self._turns(edge)}
        """Boxes of a U that arrows leave to the right."""
        if self._u:
            self._round_bottom(self._u)

    def text(self) -> str:
        everything = Section(self._sketch.tree, self._sketch.boxes, self.notes, self.flows, self.skips)
        lines = [*self._head(), *self._body(everything)]
        lines += self._rows(self._u) if self._u else self._below(self._sketch.tree)
        return digraph([*lines, *self._top(everything.boxes)])

    def piece(self, section: Section, number: int, more: Iterable[str]) -> str:
        """One piece as a picture of its own, with more lines after those of its boxes and edges."""
        lines = [*self._head(title=False), *self._body(section, f"\t{number}"), *more]
        return digraph([*lines, *self._top(section.boxes)])

    def _body(self, section: Section, column: str = "") -> Iterator[str]:
        held = frozenset(section.boxes)
        if not self._u:  # of a U they stand in its rows
            yield from (point.line(LINE, self.runs_right) for point in self._points("", held))
        yield from self._items(section.tree, held, column)
        yield from map(self._note, section.notes)
        for edge in section.flows:
            yield from self._flow(edge)
        for skip in section.skips:
            yield from self._skip(skip)

    @property
    def way(self) -> dict[Box, int]:
        """The boxes of the main way, numbered."""
        return self._place

    @property
    def runs_right(self) -> bool:
        """Whether the flow runs to the right."""
        return self._direction == "LR"

    @property
    def is_long(self) -> bool:
        """Whether it is better drawn in columns."""
        return self._u is None and self._direction == "TB" and len(self._spine) > LONGEST_COLUMN

    def page(self) -> str:
        """What frames all columns: the defaults and the title."""
        return "; ".join(self._head())

    # The page

    def _head(self, title: bool = True) -> Iterator[str]:
        label = f"label=<{self._labels.title()}>" if title else "linelength=0"
        yield (
            f'graph [rankdir={self._direction}, newrank=true, bgcolor="white", pad=0.25, {ROUTING}, '
            f'fontname="{FONT_LIST}", fontsize=13, labelloc=t, labeljust=l, {label}]'
        )
        yield (
            f'node [shape=box, style="rounded,filled", fontname="{FONT_LIST}", fontsize=10, penwidth=1, '
            'margin="0.09,0.04"]'
        )
        yield (
            f'edge [fontname="{FONT_LIST}", fontsize=8, fontcolor="{GREY}", color="{LINE}", arrowsize=0.55, weight=20]'
        )

    # Boxes

    def _items(self, items: Sequence[Box | Group], held: frozenset[Box], column: str) -> Iterator[str]:
        for item in items:
            if isinstance(item, Box):
                yield self._box(item)
                yield from self._side_row(item, held)
                continue
            title = self._labels.of_frame(item)
            yield f"subgraph {quoted('cluster_' + item.id + column)} {{"
            yield f'  style=rounded; color="{FRAME}"; fontsize=10; labeljust=l; margin={MARGIN}; label=<{title}>'
            yield f"  tooltip={quoted(tip(self._labels.frame_tooltip(item)))}"
            yield from (f"  {line}" for line in self._items(item.children, held, column))
            # behind the frames inside: what Graphviz reads first it would lead along their left
            yield from (f"  {point.line(LINE, self.runs_right)}" for point in self._points(item.id, held))
            yield "}"

    def _side_row(self, box: Box, held: Collection[Box]) -> Iterator[str]:
        """A box on a shortcut stands to the right of the main way, or below it, where shortcuts are; a table next to
        its reader. This is written in its frame, because Graphviz repeats edges between boxes of one frame there, and
        would draw this twice."""
        beside = self._beside.get(box)
        if beside is not None and beside in held:
            after, order = ("; ", "") if box in self._tables else (" -> ", " [style=invis, weight=1]")
            yield f"{{rank=same; {quoted(beside.id)}{after}{quoted(box.id)}{order}}}"

    def _points(self, frame: str, held: Collection[Box]) -> list[Waypoint]:
        return [point for point in self._waypoints.in_frame.get(frame, ()) if point.stands_in(held)]

    def _box(self, box: Box) -> str:
        colour = self._labels.colour(box)
        attributes = [
            f"label=<{self._labels.of_box(box)}>",
            f'fillcolor="{colour.fill}", color="{colour.border}"',
            f"tooltip={quoted(tip(self._labels.box_tooltip(box)))}",
        ]
        if box in self._place:
            attributes.append("group=right" if self._side.get(box) == "rising" else "group=left")
            if not self._u:
                attributes.append("ordering=out")  # what leads past it stands on the right, or below
        return f"{quoted(box.id)} [{', '.join(attributes)}]"

    def _note(self, note: Note) -> str:
        if note.removed:
            return self._removed(note)
        name = apart(f"note {note.box.id}")
        colour = COLOURS["embedding"].border
        text = f'{name} [shape=plaintext, style="", margin=0.02, label=<{grey(note.text, 8)}>]'
        ends = f"{quoted(note.box.id)} -> {name}"
        return f'{text}\n  {ends} [style=dashed, color="{colour}", tooltip={quoted(note.text)}]'

    def _removed(self, note: Note) -> str:
        name, colour = apart(f"removed {note.box.id}"), REMOVED
        lines = "<BR/>".join(grey(line, 8) for line in wrapped(note.text, 34))
        drawn = f'fillcolor="{colour.fill}", color="{colour.border}", style="rounded,filled,dashed"'
        text = f"{name} [{drawn}, label=<{lines}>, tooltip={quoted(tip(note.removed))}]"
        line = f'style=dashed, color="{colour.border}", arrowhead=none, constraint=false, weight=1'
        return f"{text}\n  {{rank=same; {quoted(note.box.id)} -> {name} [{line}]}}"

    # Edges

    def _flow(self, edge: Edge) -> Iterator[str]:
        """An edge in the pieces between its waypoints."""
        common = [f"tooltip={quoted(tip(self.values(edge)))}"]
        upwards = self._side.get(edge.head) == "rising" and edge.tail in self._side
        if self._u and edge.tail not in self._side and edge.head in self._side:
            common.append("constraint=false")
        if edge.tail not in self._place or edge.head not in self._place or not self._edge_labels.is_step(edge):
            common.append("weight=1")
        if label := self._edge_labels.label(edge):
            label = f"label=<{padded(label)}>" if self.runs_right else f"label={quoted(' ' + label)}"
        if edge.tail in self._tables:  # in one row, where Graphviz ranks to the right
            tail, head = self.ends(edge)
            return iter([f"{head} -> {tail}:w [{', '.join([*common, 'dir=back'])}]"])
        sides = SIDES[self._direction, upwards]
        return pieces(self.ends(edge), self._waypoints.of_edge.get(edge, ()), sides, common, label)

    def bends(self, edge: Edge, held: Collection[Box]) -> bool:
        """Whether an arrow from another piece passes points in the one that holds these boxes."""
        return bool(self._points_of(edge, held))

    def rest(self, edge: Edge, start: str, held: Collection[Box], attributes: Sequence[str] = ()) -> Iterator[str]:
        """An arrow from another piece in the parts that this one holds."""
        points = self._points_of(edge, held)
        return pieces([start, self.ends(edge)[1]], points, SIDES[self._direction, False], attributes)

    def _points_of(self, edge: Edge, held: Collection[Box]) -> list[Waypoint]:
        return [point for point in self._waypoints.of_edge.get(edge, ()) if point.stands_in(held)]

    def _round_bottom(self, shape: UShape) -> None:
        """The arrow from the bottom to the way up turns where it starts, however far it is up from there."""
        rows = {right: left for left, right in shape.rows(self._spine)}
        for edge in self.flows:
            if self._turns(edge) and self._place.get(rows.get(edge.head, edge.tail), 0) < self._place[edge.tail] - 1:
                self._waypoints.add(edge, "", self._spine[self._place[edge.tail] - 1])

    def _turns(self, edge: Edge) -> bool:
        """Whether an edge leads from the bottom of a U to its way up."""
        on = edge.tail in self._place and edge.head in self._place and self._edge_labels.is_step(edge)
        return on and self._side.get(edge.head) == "rising" and self._side.get(edge.tail) not in (None, "rising")

    def ends(self, edge: Edge) -> list[str]:
        """The boxes of an edge and the sides where it meets them: what bends around boxes starts and ends at the side,
        so that it is told apart from the steps along the spine."""
        tail, head = quoted(edge.tail.id), quoted(edge.head.id)
        on = [box in self._place for box in (edge.tail, edge.head)]
        if all(on) and self._edge_labels.is_step(edge):
            return [f"{tail}:e", f"{head}:s"] if self._turns(edge) else [tail, head]
        side, corner = ("s", "sw") if self.runs_right else ("e", "ne")
        starts = f":{side}" if not self._is_met_beside(edge.tail) else ":se"
        ends = f":{corner}" if edge.head in self._sideways and self._side else f":{side}"
        return [tail + starts * (on[0] and edge.tail.port is None), head + ends * self._is_met_beside(edge.head)]

    def _is_met_beside(self, box: Box) -> bool:
        """Whether an arrow that is no step along the spine ends at a box of the spine."""
        return box in self._place and len(self._heads.get(box, ())) > 1

    def _skip(self, skip: Skip) -> Iterator[str]:
        """A dashed arrow across, through the boxes that it passes. Its number stands at an end, because a label in the
        middle would take a row."""
        # What passes boxes orders them from left to right; it needs their row, which only a U has.
        ordered = self.runs_right or (skip.via and self._u is not None)
        drawn = f'style=dashed, color="{GREEN}", {"weight=1" if ordered else "constraint=false, minlen=3"}'
        for at, (tail, head) in enumerate(pairwise(skip.stops)):
            numbered = at == 0 and skip.tail in self._tails
            said = [skip_label(skip, self._sketch.tree, upwards=self._u is not None)] if numbered else []
            attributes = ", ".join([drawn, *said, f"tooltip={quoted(tip(self.handed(skip)))}"])
            yield f"{quoted(tail.id)} -> {quoted(head.id)} [{attributes}]"

    def handed(self, skip: Skip) -> str:
        """The values of a skip, a line each."""
        return "\n".join(map(self._from, skip.sources))

    def _from(self, source: Source) -> str:
        """Where a skip really starts: its arrow is drawn from the last of several boxes."""
        network = self._sketch.network
        name = network.leaves[source.leaf].path if source.leaf >= 0 else network.value(source).name
        return f"from {name} {self._sketch.wording.full(network.value(source).shape)}"

    def values(self, edge: Edge) -> str:
        values = [self._sketch.network.value(source) for source in edge.sources]
        return "\n".join(f"{value.name} {self._sketch.wording.full(value.shape)}" for value in values)

    # Rows

    def _rows(self, shape: UShape) -> Iterator[str]:
        for left, right in shape.rows(self._spine):
            yield f"{{rank=same; {quoted(left.id)}; {quoted(right.id)}}}"
        for skip in self.skips:
            if skip.via:
                yield f"{{rank=same; {'; '.join(quoted(box.id) for box in skip.stops)}}}"
        yield from (point.line(LINE, attributes=", group=right") for point in self._points("", self._place))

    def _below(self, items: Sequence[Box | Group], before: Box | None = None) -> Iterator[str]:
        """Boxes that read nothing drawn stand below what comes before their frame, else the frame pushes it aside."""
        placed = {edge.head for edge in self.flows} | {skip.head for skip in self.skips} | {*self._tables}
        for item in items:
            if isinstance(item, Group):
                above = bisect_left(self._starts, item.start)
                yield from self._below(item.children, self._spine[above - 1] if above else None)
            elif before and item not in placed:
                yield f"{quoted(before.id)} -> {quoted(item.id)} [style=invis, weight=0]"

    def _top(self, boxes: Sequence[Box]) -> Iterator[str]:
        """Inputs in one row at the top, whatever they lead to."""
        inputs = [box for box in boxes if box.port and box.port.leaf < 0 and box.start < 0]
        if len(inputs) > 1 and not self._u:
            yield f"{{rank=same; {'; '.join(quoted(box.id) for box in inputs)}}}"


def _sides(shape: UShape) -> list[tuple[str, Sequence[Box]]]:
    return [("falling", shape.falling), ("bottom", shape.bottom), ("rising", shape.rising)]

"""The picture as DOT text: what Graphviz lays out, and what a person may edit further."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence
from math import atan2, degrees, hypot

from archgraph.diagram.broadcasts import Note, noted
from archgraph.diagram.columns import cut, inlet, joined, outlet, within
from archgraph.diagram.default_depth import outline
from archgraph.diagram.dot_text import GREY, grey, quoted, tip
from archgraph.diagram.flat_flow import Source
from archgraph.diagram.fonts import FONT_LIST, width
from archgraph.diagram.labels import Labels
from archgraph.diagram.layout import drawn
from archgraph.diagram.main_path import spine
from archgraph.diagram.outline import Box, Edge, Group, Outline, groups
from archgraph.diagram.roles import COLOURS
from archgraph.diagram.unet import Shape, Skip, u_shape
from archgraph.diagram.view import View
from archgraph.graph.types import Graph

LINE, FRAME, GREEN = "#9CA3AF", "#D1D5DB", "#3E9B6A"
MARGIN, PASSED = 9, 15
"""Points between a frame and what is in it; more where a shortcut from outside would run along the frame otherwise."""
LONGEST_COLUMN = 30
"""Boxes below one another, where it is no U: from there on columns."""
TALLEST = 40
"""Boxes below one another. A taller U tears its sides apart to keep its rows level, so it is drawn as columns."""


def dot(graph: Graph, view: View | None = None) -> str:
    """The diagram of a graph as DOT text. Raises what `View.check` does."""
    view = view or View()
    return Drawing(outline(graph, view), view).text()


def placed(graph: Graph, view: View | None = None) -> tuple[str, str]:
    """The DOT text of a picture, and the engine of Graphviz that draws it: long ones come as columns that have been
    laid out. Raises what `View.check` does, and RenderError."""
    view = view or View()
    drawing = Drawing(outline(graph, view), view)
    if not drawing.is_long:
        return drawing.text(), "dot"
    texts, passing = drawing.columns()
    return joined(drawing.page(), [text.decode("utf-8") for text in drawn(texts, "dot")], passing), "nop2"


class Drawing:
    """Writes one outline."""

    def __init__(self, sketch: Outline, view: View):
        self._sketch = sketch
        self._direction = view.rankdir
        self._labels = Labels(sketch, view)
        self._notes, self._edges = noted(sketch)
        shape = u_shape(sketch, self._edges) if self._direction == "TB" else None
        self._skips = shape.skips if shape else ()
        self._flows = [edge for edge in self._edges if not shape or edge not in shape.crossing]
        self._spine = spine(sketch.boxes, self._flows)
        self._heads: dict[Box, list[Edge]] = {}
        for edge in self._flows:
            self._heads.setdefault(edge.head, []).append(edge)
        self._place = {box: at for at, box in enumerate(self._spine)}
        self._starts = [box.start for box in self._spine]
        self._u = shape if shape and shape.height(self._spine) <= TALLEST else None
        self._side = {box: side for side, boxes in _sides(self._u) for box in boxes} if self._u else {}
        self._labelled: set[Box] = set()

    def text(self) -> str:
        lines = [*self._head(), *self._items(self._sketch.tree), *map(self._note, self._notes)]
        lines += map(self._flow, self._flows)
        lines += map(self._skip, self._skips)
        lines += self._rows(self._u) if self._u else self._below(self._sketch.tree)
        lines += self._top(self._sketch.boxes)
        return _digraph(lines)

    # Columns

    @property
    def is_long(self) -> bool:
        """Whether it is better drawn in columns."""
        return self._u is None and self._direction == "TB" and len(self._spine) > LONGEST_COLUMN

    def page(self) -> str:
        """What frames all columns: the defaults and the title."""
        return "; ".join(self._head())

    def columns(self) -> tuple[list[str], list[int]]:
        """The text of each column, and the columns that the flow leaves by an arrow to the next one."""
        columns = cut(self._sketch, self._edges)
        self._column = {box: at for at, boxes in enumerate(columns) for box in boxes}
        crossing = [edge for edge in self._edges if self._column[edge.tail] != self._column[edge.head]]
        steps = {at: edge for edge in crossing if (at := self._step_across(edge, columns)) is not None}
        tails = {edge.tail: at for at, edge in steps.items()}
        across = [edge for edge in crossing if tails.get(edge.tail) != self._column[edge.head] - 1]
        self._entering = {
            at: [e for e in crossing if e not in across and self._column[e.head] == at + 1] for at in steps
        }
        return [self._column_text(at, boxes, steps, across) for at, boxes in enumerate(columns)], sorted(steps)

    def _step_across(self, edge: Edge, columns: Sequence[Sequence[Box]]) -> int | None:
        """The column that an edge leads out of, from its last box to the first one of the next."""
        at = self._column[edge.tail]
        last = edge.tail is columns[at][-1] and self._column[edge.head] == at + 1 and edge.head is columns[at + 1][0]
        return at if last else None

    def _column_text(self, at: int, boxes: Sequence[Box], steps: Mapping[int, Edge], across: Sequence[Edge]) -> str:
        held = frozenset(boxes)
        lines = [*self._head(title=False), *self._items(list(within(self._sketch.tree, held)), f" ({at})")]
        lines += [self._note(note) for note in self._notes if note.box in held]
        lines += [self._flow(edge) for edge in self._flows if edge.tail in held and edge.head in held]
        lines += [self._skip(skip) for skip in self._skips if skip.tail in held and skip.head in held]
        if at in steps:
            lines += [_point(outlet(at)), f'{quoted(steps[at].tail.id)} -> "{outlet(at)}" [arrowhead=none]']
        if at - 1 in steps:
            lines += [_point(inlet(at))]
            lines += [f'"{inlet(at)}" -> {self._ends(edge)[1]}' for edge in self._entering[at - 1]]
        lines += self._stubs(held, across)
        return _digraph([*lines, *self._top(boxes)])

    def _stubs(self, held: frozenset[Box], across: Sequence[Edge]) -> Iterator[str]:
        """Short arrows that name the box in another column where they come from or lead to."""
        crossing = {id(edge) for edge in self._edges} - {id(edge) for edge in self._flows}
        leaving: dict[Box, list[Edge]] = {}
        for edge in across:
            if edge.tail in held:
                leaving.setdefault(edge.tail, []).append(edge)
            if edge.head in held:
                name = quoted(f"⟵ {edge.tail.id} ⟶ {edge.head.id}")
                yield f"{name} [{_STUB}, label=<{grey(f'from {edge.tail.id}', 8)}>]"
                yield f"{name} -> {quoted(edge.head.id)} [{self._stub_line(edge, crossing)}]"
        for tail, edges in leaving.items():
            name = quoted(f"{tail.id} ⟶")
            heads = ", ".join(edge.head.id for edge in edges[:_NAMED]) + (" …" if len(edges) > _NAMED else "")
            yield f"{name} [{_STUB}, label=<{grey(f'to {heads}', 8)}>]"
            yield f"{quoted(tail.id)} -> {name} [{self._stub_line(edges[0], crossing)}]"

    def _stub_line(self, edge: Edge, crossing: Collection[int]) -> str:
        colour = GREEN if id(edge) in crossing else LINE
        return f'style=dashed, weight=1, color="{colour}", tooltip={quoted(tip(self._values(edge)))}'

    # The page

    def _head(self, title: bool = True) -> Iterator[str]:
        label = f"label=<{self._labels.title()}>" if title else "linelength=0"
        yield (
            f'graph [rankdir={self._direction}, newrank=true, bgcolor="white", pad=0.25, nodesep=0.3, ranksep=0.2, '
            f'splines=spline, fontname="{FONT_LIST}", fontsize=13, labelloc=t, labeljust=l, {label}]'
        )
        yield (
            f'node [shape=box, style="rounded,filled", fontname="{FONT_LIST}", fontsize=10, penwidth=1, '
            'margin="0.09,0.04"]'
        )
        yield (
            f'edge [fontname="{FONT_LIST}", fontsize=8, fontcolor="{GREY}", color="{LINE}", arrowsize=0.55, weight=20]'
        )

    # Boxes

    def _items(self, items: Sequence[Box | Group], column: str = "") -> Iterator[str]:
        for item in items:
            if isinstance(item, Box):
                yield self._box(item)
                continue
            title = self._labels.of_frame(item)
            yield f"subgraph {quoted('cluster_' + item.id + column)} {{"
            margin = PASSED if self._is_passed(item) else MARGIN
            yield f'  style=rounded; color="{FRAME}"; fontsize=10; labeljust=l; margin={margin}; label=<{title}>'
            yield f"  tooltip={quoted(tip(self._labels.frame_tooltip(item)))}"
            yield from (f"  {line}" for line in self._items(item.children, column))
            yield "}"

    def _is_passed(self, group: Group) -> bool:
        """Whether a shortcut from outside bends around boxes of a frame."""
        inside = [self._place[box] for box in group.boxes() if box in self._place]
        return any(
            edge.tail in self._place and self._place[edge.tail] not in inside
            for at in inside[1:]
            for edge in self._heads.get(self._spine[at], ())
        )

    def _box(self, box: Box) -> str:
        colour = self._labels.colour(box)
        attributes = [
            f"label=<{self._labels.of_box(box)}>",
            f'fillcolor="{colour.fill}", color="{colour.border}"',
            f"tooltip={quoted(tip(self._labels.box_tooltip(box)))}",
        ]
        if box in self._place:
            attributes.append("group=right" if self._side.get(box) == "rising" else "group=left")
            if not self._u and self._direction == "TB":
                attributes.append("ordering=out")  # what leads past it stands on the right
        return f"{quoted(box.id)} [{', '.join(attributes)}]"

    def _note(self, note: Note) -> str:
        name = quoted(f"note {note.box.id}")
        colour = COLOURS["embedding"].border
        text = f'{name} [shape=plaintext, style="", margin=0.02, label=<{grey(note.text, 8)}>]'
        ends = f"{quoted(note.box.id)} -> {name}"
        return f'{text}\n  {ends} [style=dashed, color="{colour}", tooltip={quoted(note.text)}]'

    # Edges

    def _flow(self, edge: Edge) -> str:
        ends = self._ends(edge)
        attributes = [f"tooltip={quoted(tip(self._values(edge)))}"]
        if label := self._edge_label(edge):
            attributes.insert(0, f"label={quoted(' ' + label)}")
        if self._side.get(edge.head) == "rising" and edge.tail in self._side:
            ends.reverse()  # drawn upwards
            attributes.append("dir=back")
        elif self._u and edge.tail not in self._side and edge.head in self._side:
            attributes.append("constraint=false")
        if edge.tail not in self._place or edge.head not in self._place or not self._next(edge):
            attributes.append("weight=1")
        return f"{' -> '.join(ends)} [{', '.join(attributes)}]"

    def _ends(self, edge: Edge) -> list[str]:
        """The boxes of an edge and the sides where it meets them: what bends around boxes starts and ends at the side,
        so that it is told apart from the steps along the spine."""
        tail, head = quoted(edge.tail.id), quoted(edge.head.id)
        on = [box in self._place for box in (edge.tail, edge.head)]
        if all(on) and self._next(edge):
            turns = self._side.get(edge.head) == "rising" and self._side.get(edge.tail) not in (None, "rising")
            return [f"{tail}:e", f"{head}:s"] if turns else [tail, head]
        side = ":e" if self._direction == "TB" else ":s"
        starts = side if not self._is_met_beside(edge.tail) else ":se"
        return [tail + starts * (on[0] and edge.tail.port is None), head + side * self._is_met_beside(edge.head)]

    def _is_met_beside(self, box: Box) -> bool:
        """Whether an arrow that is no step along the spine ends at a box of the spine."""
        return box in self._place and len(self._heads.get(box, ())) > 1

    def _next(self, edge: Edge) -> bool:
        """Whether an edge is a step along the spine, which is drawn straight; shortcuts bend around it."""
        on = edge.tail in self._place and edge.head in self._place
        return on and self._place[edge.head] == self._place[edge.tail] + 1

    def _edge_label(self, edge: Edge) -> str:
        """The shape, where it is another than before the box and neither box says it; once for each box."""
        if edge.tail.port or edge.head.port or edge.tail in self._labelled or not edge.tail.leaves:
            return ""
        network, wording = self._sketch.network, self._sketch.wording
        after = network.value(edge.sources[0]).shape
        before = [network.value(source).shape for source in network.entries(edge.tail.start, edge.tail.stop)]
        said = wording.said([after]) in edge.tail.caption.line or "→" in edge.tail.caption.line
        if said or after in before or self._told_beside(edge):
            return ""
        self._labelled.add(edge.tail)
        return wording.short(after)

    def _told_beside(self, edge: Edge) -> bool:
        """Whether an arrow past boxes meets a step of the spine that brings the same shape, as a sum asks for: it runs
        along the frame, and its label would lie over the line."""
        if edge.tail in self._place and self._next(edge):
            return False
        shapes = [
            self._sketch.network.value(other.sources[0]).shape
            for other in self._heads[edge.head]
            if other.tail in self._place and edge.head in self._place and self._next(other)
        ]
        return self._sketch.network.value(edge.sources[0]).shape in shapes

    def _skip(self, skip: Skip) -> str:
        """A dashed arrow across. Its number stands at its tail, because a label in the middle would take a row."""
        number = len(skip.sources)
        said = f"{number} skip{'s' if number > 1 else ''}"
        along, up = self._room_passed(skip) + width(said, 8) / 2 + 4, 11
        place = f"labelangle={degrees(atan2(up, along)) * (1 if self._u else -1):.0f}, "
        place += f"labeldistance={hypot(along, up) / 10:.1f}"
        values = (self._from(source) for source in skip.sources)
        return (
            f'{quoted(skip.tail.id)} -> {quoted(skip.head.id)} [style=dashed, color="{GREEN}", constraint=false, '
            f"minlen=3, taillabel={quoted(said)}, {place}, "
            f"tooltip={quoted(tip(chr(10).join(values)))}]"
        )

    def _room_passed(self, skip: Skip) -> int:
        """How far it is from a box to the outermost frame that its arrow leaves, beyond which its number is clear."""
        around = (group for group in groups(self._sketch.tree) if group.start <= skip.tail.start < group.stop)
        passed = [group for group in around if not group.start <= skip.head.start < group.stop]
        return self._room(passed[0]) if passed else 0

    def _room(self, group: Group) -> int:
        """The widest margins around a box in a frame, with those of the frames in it."""
        inner = [self._room(child) for child in group.children if isinstance(child, Group)]
        return max(inner, default=0) + (PASSED if self._is_passed(group) else MARGIN)

    def _from(self, source: Source) -> str:
        """Where a skip really starts: its arrow is drawn from the last of several boxes."""
        network = self._sketch.network
        name = network.leaves[source.leaf].path if source.leaf >= 0 else network.value(source).name
        return f"from {name} {self._sketch.wording.full(network.value(source).shape)}"

    def _values(self, edge: Edge) -> str:
        values = [self._sketch.network.value(source) for source in edge.sources]
        return "\n".join(f"{value.name} {self._sketch.wording.full(value.shape)}" for value in values)

    # Rows

    def _rows(self, shape: Shape) -> Iterator[str]:
        for left, right in shape.rows(self._spine):
            yield f"{{rank=same; {quoted(left.id)}; {quoted(right.id)}}}"

    def _below(self, items: Sequence[Box | Group], before: Box | None = None) -> Iterator[str]:
        """Boxes that read nothing drawn stand below what comes before their frame, else the frame pushes it aside."""
        read = {edge.head for edge in self._flows} | {skip.head for skip in self._skips}
        for item in items:
            if isinstance(item, Group):
                above = bisect_left(self._starts, item.start)
                yield from self._below(item.children, self._spine[above - 1] if above else None)
            elif before and item not in read:
                yield f"{quoted(before.id)} -> {quoted(item.id)} [style=invis, weight=0]"

    def _top(self, boxes: Sequence[Box]) -> Iterator[str]:
        """Inputs in one row at the top, whatever they lead to."""
        inputs = [box for box in boxes if box.port and box.port.leaf < 0 and box.start < 0]
        if len(inputs) > 1 and not self._u:
            yield f"{{rank=same; {'; '.join(quoted(box.id) for box in inputs)}}}"


def _digraph(lines: Sequence[str]) -> str:
    return "\n".join(["digraph {", *(f"  {line}" for line in lines), "}", ""])


def _point(name: str) -> str:
    """A place for an arrow to pass, which is not seen."""
    return f'"{name}" [shape=point, style=invis, width=0.01, label=""]'


_STUB = 'shape=plaintext, style="", margin=0.02'
_NAMED = 2


def _sides(shape: Shape) -> list[tuple[str, Sequence[Box]]]:
    return [("falling", shape.falling), ("bottom", shape.bottom), ("rising", shape.rising)]

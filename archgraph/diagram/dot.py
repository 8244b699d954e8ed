"""The picture as DOT text: what Graphviz lays out, and what a person may edit further."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archgraph.diagram.depth import outline
from archgraph.diagram.labels import Labels
from archgraph.diagram.notes import Note, noted
from archgraph.diagram.outline import Box, Edge, Group, Outline
from archgraph.diagram.roles import COLOURS
from archgraph.diagram.spine import spine
from archgraph.diagram.text import GREY, grey, quoted, tip
from archgraph.diagram.unet import Shape, Skip, u_shape
from archgraph.diagram.view import View
from archgraph.diagram.wiring import Source
from archgraph.graph.types import Graph

FONTS = "Helvetica,Arial,DejaVu Sans,sans-serif"
LINE, FRAME, GREEN = "#9CA3AF", "#D1D5DB", "#3E9B6A"
MARGIN, PASSED = 9, 15
"""Points between a frame and what is in it; more where a shortcut from outside would run along the frame otherwise."""
TALLEST = 40
"""Boxes below one another. A taller U tears its sides apart to keep its rows level, so it is drawn as one column."""


def dot(graph: Graph, view: View | None = None) -> str:
    """The diagram of a graph as DOT text. Raises what `View.check` does."""
    view = view or View()
    return Drawing(outline(graph, view), view).text()


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
        self._u = shape if shape and shape.height(self._spine) <= TALLEST else None
        self._side = {box: side for side, boxes in _sides(self._u) for box in boxes} if self._u else {}
        self._labelled: set[Box] = set()

    def text(self) -> str:
        lines = [*self._head(), *self._items(self._sketch.tree), *map(self._note, self._notes)]
        lines += map(self._flow, self._flows)
        lines += map(self._skip, self._skips)
        lines += self._rows(self._u) if self._u else self._below(self._sketch.tree)
        lines += self._top()
        return "\n".join(["digraph {", *(f"  {line}" for line in lines), "}", ""])

    # The page

    def _head(self) -> Iterator[str]:
        label = self._labels.title()
        yield (
            f'graph [rankdir={self._direction}, newrank=true, bgcolor="white", pad=0.25, nodesep=0.3, ranksep=0.2, '
            f'splines=spline, fontname="{FONTS}", fontsize=13, labelloc=t, labeljust=l, label=<{label}>]'
        )
        yield (
            f'node [shape=box, style="rounded,filled", fontname="{FONTS}", fontsize=10, penwidth=1, margin="0.09,0.04"]'
        )
        yield (f'edge [fontname="{FONTS}", fontsize=8, fontcolor="{GREY}", color="{LINE}", arrowsize=0.55, weight=20]')

    # Boxes

    def _items(self, items: Sequence[Box | Group]) -> Iterator[str]:
        for item in items:
            if isinstance(item, Box):
                yield self._box(item)
                continue
            title = self._labels.of_frame(item)
            yield f"subgraph {quoted('cluster_' + item.id)} {{"
            margin = PASSED if self._is_passed(item) else MARGIN
            yield f'  style=rounded; color="{FRAME}"; fontsize=10; labeljust=l; margin={margin}; label=<{title}>'
            yield f"  tooltip={quoted(tip(self._labels.frame_tooltip(item)))}"
            yield from (f"  {line}" for line in self._items(item.children))
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
        return f"{quoted(box.id)} [{', '.join(attributes)}]"

    def _note(self, note: Note) -> str:
        name = quoted(f"note {note.box.id}")
        colour = COLOURS["embedding"].border
        text = f'{name} [shape=plaintext, style="", margin=0.02, label=<{grey(note.text, 8)}>]'
        ends = f"{quoted(note.box.id)} -> {name}"
        return f'{text}\n  {ends} [style=dashed, color="{colour}", tooltip={quoted(note.text)}]'

    # Edges

    def _flow(self, edge: Edge) -> str:
        ends = [quoted(edge.tail.id), quoted(edge.head.id)]
        attributes = [f"tooltip={quoted(tip(self._values(edge)))}"]
        if label := self._edge_label(edge):
            attributes.insert(0, f"label={quoted(' ' + label)}")
        if self._side.get(edge.head) == "rising" and self._side.get(edge.tail) in ("rising", "bottom"):
            if self._side[edge.tail] == "bottom":  # the turn of the U
                ends = [f"{ends[0]}:e", f"{ends[1]}:s"]
            ends.reverse()  # drawn upwards
            attributes.append("dir=back")
        elif self._u and edge.tail not in self._side and edge.head in self._side:
            attributes.append("constraint=false")
        if edge.tail not in self._place or edge.head not in self._place or not self._next(edge):
            attributes.append("weight=1")
        return f"{' -> '.join(ends)} [{', '.join(attributes)}]"

    def _next(self, edge: Edge) -> bool:
        """Whether an edge is a step along the spine, which is drawn straight; shortcuts bend around it."""
        return self._place[edge.head] == self._place[edge.tail] + 1

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
        values = (self._from(source) for source in skip.sources)
        return (
            f'{quoted(skip.tail.id)} -> {quoted(skip.head.id)} [style=dashed, color="{GREEN}", constraint=false, '
            f"minlen=3, taillabel={quoted(said)}, labelangle={22 if self._u else -22}, labeldistance=2.8, "
            f"tooltip={quoted(tip(chr(10).join(values)))}]"
        )

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
                above = [box for box in self._spine if box.start < item.start]
                yield from self._below(item.children, above[-1] if above else None)
            elif before and item not in read:
                yield f"{quoted(before.id)} -> {quoted(item.id)} [style=invis, weight=0]"

    def _top(self) -> Iterator[str]:
        """Inputs in one row at the top, whatever they lead to."""
        inputs = [box for box in self._sketch.boxes if box.port and box.port.leaf < 0 and box.start < 0]
        if len(inputs) > 1 and not self._u:
            yield f"{{rank=same; {'; '.join(quoted(box.id) for box in inputs)}}}"


def _sides(shape: Shape) -> list[tuple[str, Sequence[Box]]]:
    return [("falling", shape.falling), ("bottom", shape.bottom), ("rising", shape.rising)]

"""Points that an arrow passes on its way: without them Graphviz leads a shortcut around the frame that it ends in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from archgraph.diagram.dot_text import apart, quoted
from archgraph.diagram.outline import Box, Edge, Group, Outline

INVISIBLE = 'shape=point, style=invis, width=0.01, label=""'
"""What nobody sees, though arrows lead there."""


@dataclass(frozen=True, slots=True)
class Waypoint:
    """A place in the row of a box where an arrow runs straight on. `name` is quoted."""

    name: str
    box: Box
    head: Box
    """Where its arrow ends."""
    left: Box
    """What stands next to it in the row, on the inner side of the arrow: the box, or a shorter way around it."""

    def stands_in(self, boxes: Collection[Box]) -> bool:
        """Whether the point and the rest of its arrow are drawn in a column with these boxes."""
        return self.box in boxes and self.head in boxes

    def line(self, colour: str, across: bool = False, attributes: str = "") -> str:
        """The point and its row in DOT; `across` where arrows run to the right.

        Graphviz ends arrows a point before what they lead to, so a short stroke of their colour closes the gap.
        """
        stroke = [f'<TD FIXEDSIZE="TRUE" {size}></TD>' for size in _STROKE]
        rows = "".join(stroke) if across else "</TR><TR>".join(stroke)
        table = f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0" BGCOLOR="{colour}">'
        label = f"{table}<TR>{rows}</TR></TABLE>"
        row = f"{{rank=same; {quoted(self.left.id)} -> {self.name} [style=invis, weight=0]}}"  # to the right of it
        return f'{self.name} [shape=plain, style="", tooltip=" ", label=<{label}>{attributes}]\n  {row}'

    def side(self, compass: str) -> str:
        """An end of an arrow: the point's side."""
        return f"{self.name}:{_PORT}:{compass}"


_PORT = "at"
_STROKE = ('WIDTH="1" HEIGHT="1"', f'WIDTH="1" HEIGHT="1" PORT="{_PORT}"', 'WIDTH="1" HEIGHT="1"')


@dataclass(frozen=True, slots=True)
class Waypoints:
    """The points of a picture: those of each edge, from its tail to its head, and those that stand in each frame."""

    of_edge: dict[Edge, list[Waypoint]] = field(default_factory=dict)
    in_frame: dict[str, list[Waypoint]] = field(default_factory=dict)

    def add(self, edge: Edge, frame: str, box: Box, left: Box | None = None) -> None:
        """One more point of an edge, in the frame of that name or in none, in the row of a box: to its right, or
        to that of `left`."""
        point = Waypoint(apart(f"{edge.tail.id}\t{edge.head.id}\t{box.id}"), box, edge.head, left or box)
        self.of_edge.setdefault(edge, []).append(point)
        self.in_frame.setdefault(frame, []).append(point)


SIDES = {
    ("TB", False): ("n", "s"),
    ("TB", True): ("s", "n"),
    ("LR", False): ("w", "e"),
}
"""The sides where arrows come to a waypoint and leave it, by direction and by whether they lead upwards."""


def pieces(
    ends: Sequence[str],
    points: Sequence[Waypoint],
    sides: tuple[str, str],
    attributes: Sequence[str],
    label: str = "",
) -> Iterator[str]:
    """The edges in DOT that make one arrow from end to end. The first has the label, but of what leads upwards the
    last, which runs straight where the arrow from the bottom of a U turns; and that is written from its head, because
    Graphviz ranks downwards."""
    enter, leave = sides
    upwards = enter == "s"
    labelled = len(points) if upwards else 0
    starts = [ends[0], *(point.side(leave) for point in points)]
    stops = [*(point.side(enter) for point in points), ends[1]]
    for at, (start, stop) in enumerate(zip(starts, stops, strict=True)):
        tip = ["dir=none"] if at < len(points) else ["dir=back"] if upwards else []
        said = [label] if label and at == labelled else []
        two = f"{stop} -> {start}" if upwards else f"{start} -> {stop}"
        yield f"{two} [{', '.join([*said, *attributes, *tip])}]"


def waypoints(
    tree: Sequence[Box | Group], edges: Collection[Edge], way: Sequence[Box], beside: Mapping[Box, Box], across: bool
) -> Waypoints:
    """Where shortcuts bend around boxes of the main way: next to the first box of each frame that they enter; and
    `across`, where frames leave little room below them, next to the first and the last box that they bend around.

    Of frames that start with one box only the innermost has a point. `beside` are boxes that stand next to another one.
    """
    around = dict(_around(tree, ()))
    place = {box: at for at, box in enumerate(way)}
    shorter = _ends_of_side_boxes(edges, beside)
    starts = _starts(way, around)
    found = Waypoints()
    for edge in edges:
        start, stop = place.get(edge.tail), place.get(edge.head)
        if start is None or stop is None or stop - start < 2:
            continue
        entered = around[edge.head][_shared(around[edge.tail], around[edge.head]) :]
        rows = {starts[group]: group.id for group in entered if group in starts and starts[group] is not edge.head}
        for box in (way[start + 1], way[stop - 1]) if across else ():
            common = _shared(around[box], around[edge.head])
            rows.setdefault(box, around[box][common - 1].id if common else "")
        for box in sorted(rows, key=place.__getitem__):
            inner = [other for other, end in shorter.get(box, ()) if place[end] <= stop]
            found.add(edge, rows[box], box, inner[-1] if inner else box)
    return found


def _ends_of_side_boxes(edges: Iterable[Edge], beside: Mapping[Box, Box]) -> dict[Box, list[tuple[Box, Box]]]:
    """The boxes that stand next to a box of the main way, each with the box that it feeds."""
    fed = {edge.tail: edge.head for edge in edges}
    found: dict[Box, list[tuple[Box, Box]]] = {}
    for other, box in beside.items():
        found.setdefault(box, []).append((other, fed[other]))
    return found


def side_tables(sketch: Outline, edges: Iterable[Edge], way: Collection[Box]) -> dict[Box, Box]:
    """The boxes that read nothing and that only one box reads, which stands on the main way in the same frame: they
    stand next to it. Next to a box there is room for one."""
    around = dict(_around(sketch.tree, ()))
    heads: dict[Box, list[Box]] = {}
    reading: set[Box] = set()
    for edge in edges:
        heads.setdefault(edge.tail, []).append(edge.head)
        reading.add(edge.head)
    found: dict[Box, Box] = {}
    for box, fed in heads.items():
        head, alone = fed[0], len(fed) == 1 and box not in reading
        if alone and head in way and sketch.is_tabled(box) and around[box] == around[head]:
            found.setdefault(head, box)
    return {box: head for head, box in found.items()}


def side_boxes(tree: Sequence[Box | Group], edges: Iterable[Edge], way: Sequence[Box]) -> dict[Box, Box]:
    """The boxes on shortcuts, such as a projection, each with the first box in its frame that it bends around."""
    around = dict(_around(tree, ()))
    place = {box: at for at, box in enumerate(way)}
    tails: dict[Box, list[Box]] = {}
    heads: dict[Box, list[Box]] = {}
    for edge in edges:
        tails.setdefault(edge.head, []).append(edge.tail)
        heads.setdefault(edge.tail, []).append(edge.head)
    found: dict[Box, Box] = {}
    for box in around:
        read, fed = tails.get(box, []), heads.get(box, [])
        if box not in place and len(read) == len(fed) == 1 and read[0] in place and fed[0] in place:
            between = way[place[read[0]] + 1 : place[fed[0]]]
            inside = [other for other in between if around[other] == around[box]]
            if inside:
                found[box] = inside[0]
    return found


def _starts(way: Sequence[Box], around: Mapping[Box, tuple[Group, ...]]) -> dict[Group, Box]:
    """The first box of each frame on the main way; of frames that start with one box only the innermost is there."""
    first: dict[Group, Box] = {}
    innermost: dict[Box, Group] = {}
    for box in way:
        for group in around[box]:
            if first.setdefault(group, box) is box:
                innermost[box] = group
    return {group: box for box, group in innermost.items()}


def _around(items: Sequence[Box | Group], frames: tuple[Group, ...]) -> Iterator[tuple[Box, tuple[Group, ...]]]:
    """Each box with the frames that it stands in, the outermost first."""
    for item in items:
        if isinstance(item, Group):
            yield from _around(item.children, (*frames, item))
        else:
            yield item, frames


def _shared(some: Sequence[Group], others: Sequence[Group]) -> int:
    """How many of the outermost frames two boxes have in common."""
    return sum(one is other for one, other in zip(some, others, strict=False))

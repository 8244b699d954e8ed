"""Points that an arrow passes on its way: without them Graphviz leads a shortcut around the frame that it ends in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from archgraph.diagram.dot_text import apart, quoted
from archgraph.diagram.outline import Box, Edge, Group

INVISIBLE = 'shape=point, style=invis, width=0.01, label=""'
"""What nobody sees, though arrows lead there."""


@dataclass(frozen=True, slots=True)
class Waypoint:
    """A place in the row of a box where an arrow runs straight on. `name` is quoted."""

    name: str
    box: Box
    head: Box
    """Where its arrow ends."""

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
        row = f"{{rank=same; {quoted(self.box.id)} -> {self.name} [style=invis, weight=0]}}"  # to the right of it
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

    def add(self, edge: Edge, frame: str, box: Box) -> None:
        """One more point of an edge, in the frame of that name or in none, in the row of a box."""
        point = Waypoint(apart(f"{edge.tail.id}\t{edge.head.id}\t{box.id}"), box, edge.head)
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


def entries(tree: Sequence[Box | Group], edges: Iterable[Edge], place: Mapping[Box, int]) -> Waypoints:
    """Where shortcuts enter the frames whose first boxes they bend around: next to the first box.

    `place` numbers the boxes of the main way. Of frames that start with one box only the innermost has a point.
    """
    around = dict(_around(tree, ()))
    first: dict[Group, Box] = {}
    innermost: dict[Box, Group] = {}
    for box in place:
        for group in around[box]:
            if first.setdefault(group, box) is box:
                innermost[box] = group
    found = Waypoints()
    for edge in edges:
        if edge.tail in place and edge.head in place:
            for group in around[edge.head][_shared(around[edge.tail], around[edge.head]) :]:
                box = first[group]
                if box is not edge.head and innermost[box] is group:
                    found.add(edge, group.id, box)
    return found


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

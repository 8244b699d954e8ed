"""A diagram of what changed: its boxes coloured by what is new in them, and what is gone next to where it stood."""

from __future__ import annotations

from collections.abc import Iterator

from archgraph.diagram.dot_text import cell, grey, swatch, table
from archgraph.diagram.fonts import width
from archgraph.diagram.outline import Box, Outline
from archgraph.diagram.roles import Colour
from archgraph.graph.changed_parts import ChangedParts, RemovedPart

ADDED = Colour("#DFF5E6", "#2E9E5B")
CHANGED = Colour("#FFF1D6", "#D08A1D")
REMOVED = Colour("#FDE4E4", "#CF4A4A")
SAME = Colour("#FBFBFC", "#C3C7CE")
MEANINGS = (("added", ADDED), ("changed inside", CHANGED), ("removed", REMOVED), ("as before", SAME))
_SMALL, _GAP = 8, 9
MOST_NAMED = 3
"""Removed parts that one note names."""


class Changes:
    """What the boxes of one picture say of the difference."""

    def __init__(self, sketch: Outline, parts: ChangedParts):
        self._parts = parts
        self._paths = [leaf.path for leaf in sketch.network.leaves]

    def colour(self, box: Box) -> Colour:
        """Added where all of it is, changed where a part of it is."""
        paths = [self._paths[leaf] for leaf in box.leaves]
        if box.port is not None or not paths:
            return SAME
        if all(path in self._parts.added for path in paths):
            return ADDED
        if any(path in self._parts.added or path in self._parts.changed for path in paths):
            return CHANGED
        return SAME

    def legend(self) -> str:
        """A row of swatches: what each colour means."""
        cells = []
        for name, colour in MEANINGS:
            cells += [swatch(colour.fill, colour.border), cell([grey(name, _SMALL)], width(name, _SMALL) + _GAP)]
        return table("".join(cells))

    @property
    def against(self) -> str:
        """What it is compared with."""
        return f"against {self._parts.before}"


def removed_notes(sketch: Outline, parts: ChangedParts) -> Iterator[tuple[Box, str, str]]:
    """The parts that are gone: the box that they stood behind, their names, and all of them."""
    by_path = {leaf.path: box for box in sketch.boxes for at in box.leaves for leaf in (sketch.network.leaves[at],)}
    found: dict[Box, list[RemovedPart]] = {}
    for part in parts.removed:
        box = by_path.get(part.behind, sketch.boxes[0])
        found.setdefault(box, []).append(part)
    for box, gone in found.items():
        yield box, _names(gone), "\n".join(f"removed: {part.path} ({part.kind})" for part in gone)


def _names(gone: list[RemovedPart]) -> str:
    names = [part.path for part in gone]
    return ", ".join(names[:MOST_NAMED]) + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "")

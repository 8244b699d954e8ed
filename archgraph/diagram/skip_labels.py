"""Where the number of skips stands: at the end of the arrow that leaves fewer frames, and beyond them."""

from __future__ import annotations

from collections.abc import Sequence
from math import atan2, degrees, hypot

from archgraph.diagram.dot_text import quoted
from archgraph.diagram.fonts import width
from archgraph.diagram.outline import Box, Group, groups
from archgraph.diagram.unet import Skip

MARGIN = 9
"""Points between a frame and what is in it."""
_POINTS, _GAP, _ABOVE = 8, 4, 11
"""The text's size, its distance from a frame, and from the arrow."""


def skip_label(skip: Skip, tree: Sequence[Box | Group], upwards: bool) -> str:
    """The attributes in DOT; `upwards` where the arrow's left side is above it, as in a U."""
    text = skip_text(skip)
    leaves, enters = _frames(tree, skip.tail, skip.head), _frames(tree, skip.head, skip.tail)
    at_head = upwards and enters < leaves
    along = min(leaves, enters) * MARGIN if upwards else leaves * MARGIN
    along += width(text, _POINTS) // 2 + _GAP
    turn = 1 if upwards and not at_head else -1
    return (
        f"{'head' if at_head else 'tail'}label={quoted(text)}, "
        f"labelangle={degrees(atan2(_ABOVE, along)) * turn:.0f}, labeldistance={hypot(along, _ABOVE) / 10:.1f}"
    )


def skip_text(skip: Skip) -> str:
    """`3 skips`."""
    number = len(skip.sources)
    return f"{number} skip{'s' if number > 1 else ''}"


def _frames(tree: Sequence[Box | Group], box: Box, other: Box) -> int:
    """How many frames deep what is around one box, but not around the other, is."""
    around = (group for group in groups(tree) if group.start <= box.start < group.stop)
    passed = [group for group in around if not group.start <= other.start < group.stop]
    return _depth(passed[0]) if passed else 0


def _depth(group: Group) -> int:
    """How many frames stand in one another there."""
    return 1 + max((_depth(child) for child in group.children if isinstance(child, Group)), default=0)

"""The main way through a picture, and how tall it makes the drawing."""

from __future__ import annotations

from collections.abc import Sequence

from archgraph.diagram.outline import Box, Edge


def spine(boxes: Sequence[Box], edges: Sequence[Edge]) -> list[Box]:
    """The longest way along the edges between these boxes; where two are equally long, the one that starts first.

    Beside a shortcut it takes the way through the blocks, so that drawing it straight bends the shortcuts.
    """
    length = dict.fromkeys(boxes, 1)
    after: dict[Box, Box] = {}
    heads: dict[Box, list[Box]] = {}
    for edge in edges:
        if edge.head in length:
            heads.setdefault(edge.tail, []).append(edge.head)
    for box in reversed(boxes):
        for head in heads.get(box, ()):
            if length[head] + 1 > length[box]:
                length[box], after[box] = length[head] + 1, head
    found = [max(boxes, key=lambda box: length[box])] if boxes else []
    while found and found[-1] in after:
        found.append(after[found[-1]])
    return found

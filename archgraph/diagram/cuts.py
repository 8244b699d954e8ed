"""Where a long picture is cut into pieces, which are laid out one by one, so that the time grows with the length and
not faster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from math import ceil

from archgraph.diagram.outline import Box, Edge, Group, Outline, groups

_LEAST, _MOST = 0.75, 1.25
"""How far from the equal share a piece may end, to end where little is cut."""
_FRAME = 3
"""What cutting a frame costs, where the arrows of a box cost one."""


def cut(outline: Outline, edges: Sequence[Edge], number: int) -> list[list[Box]]:
    """The boxes in about so many pieces, in the order of the flow, cut where few frames and arrows are."""
    boxes = outline.boxes
    costs = cut_costs(outline, edges)
    share = len(boxes) / number
    ends, at = [0], 0
    while len(boxes) - at > _MOST * share:
        nearest = range(at + ceil(_LEAST * share), min(len(boxes) - 1, at + int(_MOST * share)) + 1)
        at = min(nearest, key=lambda end: (costs[end], abs(end - ends[-1] - share)))
        ends.append(at)
    return [list(boxes[start:stop]) for start, stop in pairwise([*ends, len(boxes)])]


def cut_costs(outline: Outline, edges: Sequence[Edge]) -> list[int]:
    """What a cut before each box would cut: frames, and boxes whose arrows lead on."""
    place = {box: at for at, box in enumerate(outline.boxes)}
    changes = [0] * (len(place) + 1)
    furthest: dict[Box, int] = {}
    for edge in edges:
        furthest[edge.tail] = max(furthest.get(edge.tail, 0), place[edge.head])
    spans = [(place[tail], last, 1) for tail, last in furthest.items()]
    for group in groups(outline.tree):
        inside = [place[box] for box in group.boxes()]
        spans.append((min(inside), max(inside), _FRAME))
    for first, last, weight in spans:
        changes[first + 1] += weight
        changes[last + 1] -= weight
    return list(accumulate(changes))


def split(items: Sequence[Box | Group], piece: Mapping[Box, int]) -> dict[int, list[Box | Group]]:
    """Boxes and frames by piece; a frame that is cut stands in each of its pieces."""
    found: dict[int, list[Box | Group]] = {}
    for item in items:
        if isinstance(item, Box):
            found.setdefault(piece[item], []).append(item)
            continue
        parts = split(item.children, piece)
        for at, children in parts.items():
            found.setdefault(at, []).append(item if len(parts) == 1 else replace(item, children=tuple(children)))
    return found

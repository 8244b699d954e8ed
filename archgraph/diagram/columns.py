"""A long picture in columns: each is laid out by itself, so that the time grows with the length and not faster, and a
page of usual proportions holds them all."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from math import ceil, sqrt

from archgraph.diagram.dot_text import apart
from archgraph.diagram.main_path import spine
from archgraph.diagram.outline import Box, Edge, Group, Outline, groups

LONGEST = 60
"""Boxes of a column: more of them and Graphviz takes long."""
_PROPORTION = 0.31
"""Columns are about five times as wide as a box is high, and wider by the boxes next to the main way; a page is a third
to a half wider than high."""
_GAP = 44
"""Points between columns."""
_LEAST, _MOST = 0.75, 1.2
"""How far from the equal share a column may end, to end where little is cut."""


def cut(outline: Outline, edges: Sequence[Edge]) -> list[list[Box]]:
    """The boxes by column, in the order of the flow, cut where few frames and arrows are."""
    boxes = outline.boxes
    costs = _costs(outline, edges)
    rows = len(spine(boxes, edges))
    share = len(boxes) / max(ceil(sqrt(_PROPORTION * rows * rows / len(boxes))), ceil(len(boxes) / LONGEST))
    ends, at = [0], 0
    while len(boxes) - at > _MOST * share:
        nearest = range(at + ceil(_LEAST * share), min(len(boxes) - 1, at + int(_MOST * share)) + 1)
        at = min(nearest, key=lambda end: (costs[end], abs(end - ends[-1] - share)))
        ends.append(at)
    return [list(boxes[start:stop]) for start, stop in pairwise([*ends, len(boxes)])]


def _costs(outline: Outline, edges: Sequence[Edge]) -> list[int]:
    """What a cut before each box would cut: frames, and arrows."""
    place = {box: at for at, box in enumerate(outline.boxes)}
    changes = [0] * (len(place) + 1)
    spans = [(place[edge.tail], place[edge.head], 1) for edge in edges]
    for group in groups(outline.tree):
        inside = [place[box] for box in group.boxes()]
        spans.append((min(inside), max(inside), _FRAME))
    for first, last, weight in spans:
        changes[first + 1] += weight
        changes[last + 1] -= weight
    return list(accumulate(changes))


_FRAME = 3


def split(items: Sequence[Box | Group], column: Mapping[Box, int]) -> dict[int, list[Box | Group]]:
    """Boxes and frames by column; a frame that is cut stands in each of its columns."""
    found: dict[int, list[Box | Group]] = {}
    for item in items:
        if isinstance(item, Box):
            found.setdefault(column[item], []).append(item)
            continue
        pieces = split(item.children, column)
        for at, children in pieces.items():
            found.setdefault(at, []).append(item if len(pieces) == 1 else replace(item, children=tuple(children)))
    return found


def outlet(column: int) -> str:
    """Where the flow leaves a column for the next one; quoted."""
    return apart(f"out {column}")


def inlet(column: int) -> str:
    """Where the flow enters a column from the one before; quoted."""
    return apart(f"in {column}")


def joined(head: str, texts: Sequence[str], passing: Sequence[int]) -> str:
    """One picture of columns that Graphviz has placed, side by side; `passing` are those that the flow leaves by an
    arrow to the next."""
    sizes = [_numbers(_attribute(text, "bb"))[2:] for text in texts]
    tallest = max(height for _, height in sizes)
    lefts = list(accumulate((width + _GAP for width, _ in sizes), initial=0.0))
    moved = [_moved(text, lefts[at], tallest - sizes[at][1]) for at, text in enumerate(texts)]
    lines = ["digraph {", f"  {head}"]
    for at, text in enumerate(moved):
        lines.append(text.replace("digraph", f"subgraph column{at}", 1))
    for at in passing:
        start, stop = _place(moved[at], outlet(at)), _place(moved[at + 1], inlet(at + 1))
        middle = lefts[at + 1] - _GAP / 2
        corners = [start, (middle, start[1]), (middle, stop[1]), stop]
        lines.append(f'  {outlet(at)} -> {inlet(at + 1)} [arrowhead=none, color="#9CA3AF", pos="{_line(corners)}"]')
    return "\n".join([*lines, "}", ""])


def _moved(text: str, right: float, up: float) -> str:
    """A placed text with all its places moved."""

    def pair(found: re.Match[str]) -> str:
        return f"{float(found[1]) + right:.2f},{float(found[2]) + up:.2f}"

    def places(found: re.Match[str]) -> str:
        return f'{found[1]}="{re.sub(f"({_NUMBER}),({_NUMBER})", pair, found[2])}"'

    return re.sub(r'\b(pos|bb|lp|head_lp|tail_lp)="([^"]*)"', places, text)


_NUMBER = r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?"


def _attribute(text: str, name: str) -> str:
    found = re.search(rf'\b{name}="([^"]*)"', text)
    return found[1] if found else ""


def _place(text: str, node: str) -> tuple[float, float]:
    """Where a node without a label stands."""
    found = re.search(rf"{node}\s*\[([^\]]*)\]", text)
    x, y = _numbers(_attribute(found[1] if found else "", "pos"))
    return x, y


def _numbers(text: str) -> list[float]:
    return [float(number) for number in text.split(",")]


def _line(corners: Sequence[tuple[float, float]]) -> str:
    """A line with corners as the curve that Graphviz reads: three points for each stretch."""
    points = [corners[0]]
    for (x, y), (to_x, to_y) in pairwise(corners):
        points += [(x + (to_x - x) * part / 3, y + (to_y - y) * part / 3) for part in (1, 2, 3)]
    return " ".join(f"{x:.2f},{y:.2f}" for x, y in points)

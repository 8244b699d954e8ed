"""DOT text in which Graphviz has placed everything: read, moved, and given lines of our own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import pairwise

Point = tuple[float, float]

_NUMBER = r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?"
_INCH = 72
"""Points."""
_TIP = 5.5
"""Points: the length of an arrow's tip."""
OVERLAP = 2.0
"""Points that a line runs over the arrow that it continues, because Graphviz ends arrows before what they lead to."""
_CORNER = 7.0
"""Points: the radius of a corner."""


class PlacedText:
    """A text that Graphviz has placed, without broken lines; y grows upwards."""

    def __init__(self, text: str):
        self.text = text

    @cached_property
    def size(self) -> Point:
        """Width and height."""
        found = re.search(r'\bbb="([^"]*)"', self.text)
        _, _, width, height = _numbers(found[1] if found else "0,0,0,0")
        return width, height

    def place(self, node: str) -> Point:
        """The middle of a node, which is named as in the text before it was placed."""
        found = re.search(r'\bpos="([^"]*)"', self._statement(node))
        x, y = _numbers(found[1] if found else "0,0")
        return x, y

    def box(self, node: str) -> Point:
        """Width and height of a node."""
        statement = self._statement(node)
        width, height = (re.search(rf"[\s\[]{name}=({_NUMBER})", statement) for name in ("width", "height"))
        return (float(width[1]) if width else 0) * _INCH, (float(height[1]) if height else 0) * _INCH

    def moved(self, right: float, up: float) -> PlacedText:
        """With all its places moved."""

        def pair(found: re.Match[str]) -> str:
            return f"{float(found[1]) + right:.2f},{float(found[2]) + up:.2f}"

        def places(found: re.Match[str]) -> str:
            return f'{found[1]}="{re.sub(f"({_NUMBER}),({_NUMBER})", pair, found[2])}"'

        return PlacedText(re.sub(r'\b(pos|bb|lp|head_lp|tail_lp)="([^"]*)"', places, self.text))

    def _statement(self, node: str) -> str:
        """The text of a node from its attributes on; Graphviz leaves out quotes where it can."""
        bare = node[1:-1]
        found = re.search(rf"^\s*(?:{re.escape(node)}|{re.escape(bare)})\s*\[", self.text, re.M)
        return self.text[found.end() - 1 :] if found else ""


def line(corners: Sequence[Point]) -> str:
    """A line with round corners as Graphviz writes a curve: a point, and three for each stretch."""
    points = [corners[0]]
    for stretch in _rounded([*(at for at, after in pairwise(corners) if at != after), corners[-1]]):
        points += stretch
    return " ".join(f"{x:.2f},{y:.2f}" for x, y in points)


def arrow(corners: Sequence[Point]) -> str:
    """The same with room for a tip at its end."""
    tip = corners[-1]
    return f"e,{tip[0]:.2f},{tip[1]:.2f} {line([*corners[:-1], _towards(tip, corners[-2], _TIP)])}"


def _rounded(corners: Sequence[Point]) -> Iterator[Iterable[Point]]:
    """The stretches of a line: straight ones, and a curve at each corner."""
    at = corners[0]
    for corner, after in pairwise(corners[1:]):
        radius = min(_CORNER, _distance(at, corner), _distance(corner, after) / 2)
        start, stop = _towards(corner, at, radius), _towards(corner, after, radius)
        yield _straight(at, start)
        yield _towards(corner, start, radius / 2), _towards(corner, stop, radius / 2), stop
        at = stop
    yield _straight(at, corners[-1])


def _straight(start: Point, stop: Point) -> Iterator[Point]:
    for part in (1, 2, 3):
        yield start[0] + (stop[0] - start[0]) * part / 3, start[1] + (stop[1] - start[1]) * part / 3


def _towards(start: Point, stop: Point, distance: float) -> Point:
    """A point so far from one on the way to another."""
    share = distance / max(_distance(start, stop), distance, 1e-9)
    return start[0] + (stop[0] - start[0]) * share, start[1] + (stop[1] - start[1]) * share


def _distance(one: Point, other: Point) -> float:
    return abs(one[0] - other[0]) + abs(one[1] - other[1])


def _numbers(text: str) -> list[float]:
    return [float(number) for number in text.split(",")]

"""Which nodes a change is about: `fc`, `layer1.conv2`, `layer*.relu?`, `**.norm`, `<bottleneck>.bn3`."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase

from archgraph.errors import SchemaError
from archgraph.records import record

LONGEST_PATTERN = 200
MOST_SEGMENTS = 32
ANYWHERE = "**"
_NAME = re.compile(r"[A-Za-z0-9_*?]+\Z")
_APPLIED = re.compile(r"<[A-Za-z0-9_.*?]+>\Z")
_SEGMENT = re.compile(r"<[^<>]*>|[^.]+")
EXAMPLES = "a path such as fc, layer1.conv2, layer*.relu1, **.norm or <bottleneck>.bn3"


@record()
class NodePattern:
    """Segments of a path: a name, with `*` and `?` for any of its characters, `**` for any number of levels, or
    `<op>` for a node that applies an operation or a block. A pattern that starts with `<op>` starts at any level."""

    text: str
    segments: tuple[str, ...]

    @property
    def literal(self) -> bool:
        """Whether it can be about one node only."""
        return is_literal(self.text)

    def reached(self, positions: Iterable[int]) -> frozenset[int]:
        """The positions, and those behind a `**` that stands for no level."""
        found: set[int] = set()
        for position in positions:
            found.add(position)
            while position < len(self.segments) and self.segments[position] == ANYWHERE:
                position += 1
                found.add(position)
        return frozenset(found)

    def step(self, positions: Iterable[int], name: str, applied: Collection[str]) -> frozenset[int]:
        """Where the pattern is after one more level: the node of this name, which applies one of these."""
        after: set[int] = set()
        for position in positions:
            if position == len(self.segments):
                continue
            segment = self.segments[position]
            if segment == ANYWHERE:
                after.add(position)
            elif _fits(segment, name, applied):
                after.add(position + 1)
        return self.reached(after)

    def complete(self, positions: Iterable[int]) -> bool:
        """Whether the levels so far are the whole of it."""
        return len(self.segments) in positions


def is_literal(text: str) -> bool:
    """Whether a path, or a segment of one, means itself and nothing else."""
    return not any(sign in text for sign in "*?<")


def _fits(segment: str, name: str, applied: Collection[str]) -> bool:
    if segment.startswith("<"):
        return any(fnmatchcase(one, segment[1:-1]) for one in applied)
    return segment == name or (not is_literal(segment) and fnmatchcase(name, segment))


def node_pattern(text: str) -> NodePattern:
    """The pattern that a text spells. Raises SchemaError."""
    segments = tuple(_SEGMENT.findall(text))
    written = len(text) <= LONGEST_PATTERN and ".".join(segments) == text
    if not written or not segments or len(segments) > MOST_SEGMENTS or not all(map(_is_segment, segments)):
        raise SchemaError(f"'{text:.{LONGEST_PATTERN}}' is no path of nodes", expected=EXAMPLES, hint=_hint(text))
    return NodePattern(text, (ANYWHERE, *segments) if segments[0].startswith("<") else segments)


def _is_segment(segment: str) -> bool:
    return bool(_NAME.match(segment) or _APPLIED.match(segment))


def _hint(text: str) -> str:
    if "{" in text:
        return "a path of nodes holds no expressions: the change is about all copies of a node"
    return "levels are joined by dots" if "/" in text else ""

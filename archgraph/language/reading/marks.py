"""Places in a text, kept for every key and value of a document and turned into `Mark`s only when an error asks."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import lru_cache

from archgraph.errors import Mark

LONGEST_EXCERPT = 400
"""A line longer than this (a minified JSON file) is not shown under an error."""


@dataclass(slots=True)
class TextPlace:
    """Where a value stands: character offsets of its start and end, of its keys, and the places inside it."""

    start: int
    end: int
    keys: dict[str, tuple[int, int]] = field(default_factory=dict)
    children: dict[str | int, TextPlace] = field(default_factory=dict)


Source = tuple[str, str]
"""A file's name and its text."""


@dataclass(slots=True)
class GraftedPlace(TextPlace):
    """Where a value stands that comes from another text than what is around it: from `source`, with its key at `key`.

    Neither is there for what comes from a Python mapping.
    """

    source: Source | None = None
    key: tuple[int, int] | None = None


@lru_cache(maxsize=8)
def _line_starts(text: str) -> list[int]:
    """Where the lines of a text start; many problems of one text ask for it."""
    starts, at = [0], text.find("\n")
    while at >= 0:
        starts.append(at + 1)
        at = text.find("\n", at + 1)
    return starts


@lru_cache(maxsize=2048)
def mark_at(file: str, text: str, start: int, end: int) -> Mark:
    """The place between two character offsets; its length ends with its first line."""
    start = min(max(start, 0), len(text))
    starts = _line_starts(text)
    number = bisect_right(starts, start)
    begin = starts[number - 1]
    stop = text.find("\n", start)
    stop = len(text) if stop < 0 else stop
    line = text[begin:stop].rstrip("\r") if stop - begin <= LONGEST_EXCERPT else ""
    length = max(1, len(text[start : min(end, stop)].rstrip()))
    return Mark(file, number, start - begin + 1, line, length)


class Marks:
    """The places of all keys and values of a document, addressed by the path of keys from the root.

    A path that leads further than the text knows falls back to the nearest enclosing place. A document that was made
    from a Python mapping has no text, so all its places are None.
    """

    __slots__ = ("_root", "_source")

    def __init__(self, file: str, text: str, root: TextPlace | None):
        self._source: Source | None = (file, text) if type(root) is not GraftedPlace else root.source
        self._root = root

    def place(self, *path: str | int) -> tuple[TextPlace | None, Source | None]:
        """The place of the value at this path, or of what encloses it, and the text that it stands in."""
        place, source = self._root, self._source
        if place is None:
            return None, None
        for step in path:
            inner = place.children.get(step)
            if inner is None:
                break
            if type(inner) is GraftedPlace:
                source = inner.source
            place = inner
        return place, source

    def value(self, *path: str | int) -> Mark | None:
        """Where the value at this path starts."""
        place, source = self.place(*path)
        return mark_at(*source, place.start, place.end) if place is not None and source is not None else None

    def key(self, *path: str | int) -> Mark | None:
        """Where the last key of this path stands; for an entry of a list, where the entry starts."""
        if self._root is None or not path:
            return self.value(*path)
        place: TextPlace | None = self._root
        source = self._source
        found: tuple[Source | None, tuple[int, int]] | None = None
        for step in path:
            if place is None or (step not in place.keys and step not in place.children):
                break
            inner = place.children.get(step)
            span = place.keys.get(str(step))
            if type(inner) is GraftedPlace:
                source, span = inner.source, inner.key or span
            span = span or ((inner.start, inner.end) if inner else None)
            found = (source, span) if span is not None else None
            place = inner
        if found is None:
            return self.value()
        return mark_at(*found[0], *found[1]) if found[0] is not None else None

"""A YAML tree that can be edited: values keep their places in their files, and only opened mappings are copied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from archgraph.errors import Mark
from archgraph.language.reading.document import Document
from archgraph.language.reading.marks import GraftedPlace, Marks, Source, TextPlace, mark_at

Path = tuple[str | int, ...]


@dataclass(slots=True, eq=False)
class Piece:
    """A value of a document with its place and that of its key; `parts` are the values of a mapping that was opened."""

    data: Any
    place: TextPlace | None = None
    source: Source | None = None
    key: tuple[int, int] | None = None
    parts: dict[str, Piece] | None = None

    def opened(self) -> dict[str, Piece]:
        """The values of a mapping, which may be changed; those of a text or a list are none."""
        if self.parts is None:
            if not isinstance(self.data, dict):
                return {}
            self.parts = {key: self._part(key) for key in self.data}
        return self.parts

    def _part(self, key: str | int) -> Piece:
        inner = self.place.children.get(key) if self.place is not None else None
        span = self.place.keys.get(str(key)) if self.place is not None else None
        if type(inner) is GraftedPlace:
            return Piece(self.data[key], inner, inner.source, inner.key)
        return Piece(self.data[key], inner, self.source, span)

    def entries(self) -> Iterator[Piece]:
        """The entries of a list."""
        yield from (self._part(at) for at in range(len(self.data)))

    def holds(self, *path: str | int) -> bool:
        """Whether there is a value at this path of keys."""
        here = self
        for step in path:
            if str(step) not in here.opened():
                return False
            here = here.opened()[str(step)]
        return True

    def at(self, *path: str | int) -> Piece:
        """The value at a path of keys that is there."""
        here = self
        for step in path:
            here = here.opened()[str(step)]
        return here

    def whole(self) -> Any:
        """The value as plain data."""
        return self.closed()[0]

    def copied(self) -> Piece:
        """The value as it is now; changes of one leave the other as it is."""
        data, place = self.closed()
        return Piece(data, place, self.source, self.key)

    def with_data(self, data: Any) -> Piece:
        """Another value in the same place."""
        return Piece(data, self.place, self.source, self.key)

    def reset(self, other: Piece) -> None:
        """Becomes another value, with its places, under the same key."""
        self.data, self.place, self.source, self.parts = other.data, other.place, other.source, other.parts
        self.key = other.key

    @property
    def mark(self) -> Mark | None:
        """Where the value stands: its key, where it has one."""
        span = self.key or ((self.place.start, self.place.end) if self.place is not None else None)
        return mark_at(*self.source, *span) if self.source is not None and span is not None else None

    @property
    def value_mark(self) -> Mark | None:
        """Where the value itself begins."""
        if self.place is None or self.source is None:
            return self.mark
        return mark_at(*self.source, self.place.start, self.place.end)

    def lines(self) -> range:
        """The lines that the key and the value cover."""
        if self.source is None or self.place is None:
            return range(0)
        start = mark_at(*self.source, self.key[0] if self.key else self.place.start, self.place.end).line
        return range(start, start + self.source[1].count("\n", self.key[0] if self.key else 0, self.place.end) + 1)

    def closed(self) -> tuple[Any, TextPlace | None]:
        """The plain data, with the places of its parts."""
        if self.parts is None:
            return self.data, self.place
        place = TextPlace(self.place.start, self.place.end) if self.place is not None else TextPlace(0, 0)
        data: dict[str, Any] = {}
        for key, part in self.parts.items():
            data[key], inner = part.closed()
            if part.source is not self.source or inner is None or self.place is None:
                inner = _grafted(inner, part)
            elif type(inner) is GraftedPlace:
                inner = TextPlace(inner.start, inner.end, inner.keys, inner.children)
            if part.key is not None:
                place.keys[key] = part.key
            place.children[key] = inner
        return data, place


def _grafted(place: TextPlace | None, part: Piece) -> GraftedPlace:
    if place is None:
        return GraftedPlace(0, 0, source=None)
    return GraftedPlace(place.start, place.end, place.keys, place.children, part.source, part.key)


def piece_of(document: Document, *path: str | int) -> Piece:
    """The value at a path of a document. It is a copy: its changes leave the document as it is."""
    data: Any = document.data
    for step in path:
        data = data[step]
    place, source = document.marks.place(*path)
    if place is None:
        return Piece(data)
    around, _ = document.marks.place(*path[:-1])
    span = around.keys.get(str(path[-1])) if around is not None and path else None
    return Piece(data, place, source, place.key if type(place) is GraftedPlace else span)


def document_of(piece: Piece, file: str, text: str, values: int) -> Document:
    """The document that a piece is."""
    data, place = piece.closed()
    root = place if piece.source is not None else _without_text(place)
    return Document(data, Marks(file, text, root), file, text, values)


def _without_text(place: TextPlace | None) -> TextPlace | None:
    """What a Python mapping extends has places, the mapping itself has none."""
    return GraftedPlace(0, 0, {}, place.children, None, None) if place is not None else None

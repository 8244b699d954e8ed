"""The text of a spec as it is after everything that it extends, with the file and line that each value is from."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archgraph.errors import Mark
from archgraph.graph.spec_text import spec_lines
from archgraph.language.library import PACKAGE, shipped_specs
from archgraph.language.reading.document import Document

WIDEST = 100
"""Comments start at most here."""


@dataclass(frozen=True, slots=True)
class OriginLine:
    """A line of a spec's text with the place of what it says, and the places of what in it is from elsewhere."""

    text: str
    origin: Mark | None
    others: tuple[tuple[str, Mark], ...] = ()

    def comment(self) -> str:
        """The places, as they stand behind the line."""
        if self.origin is None:
            return ""
        parts = [place_text(self.origin)]
        names: dict[str, list[str]] = {}
        for name, mark in self.others:
            names.setdefault(place_text(mark), []).append(name)
        return "; ".join([*parts, *(f"{', '.join(found)}: {place}" for place, found in names.items())])


def origin_lines(document: Document) -> Iterator[OriginLine]:
    """The lines of the expanded text, each with its origin."""
    lines = list(spec_lines(document.data))
    paths = {path for _, path in lines}
    for text, path in lines:
        if not path:
            yield OriginLine(text, None)
            continue
        origin = document.marks.key(*path)
        inside = (
            () if any(len(one) > len(path) and one[: len(path)] == path for one in paths) else _leaves(document, path)
        )
        others = [(name, mark) for name, mark in inside if origin is not None and _elsewhere(mark, origin)]
        yield OriginLine(text, origin, tuple(others))


def _elsewhere(mark: Mark, origin: Mark) -> bool:
    return (mark.file, mark.line) != (origin.file, origin.line) and mark.file != origin.file


def _leaves(document: Document, path: tuple[str | int, ...]) -> Iterator[tuple[str, Mark]]:
    """The values below a path with their places: keys of mappings at any depth, and a value that stands by itself."""
    data: Any = document.data
    for step in path:
        data = data[step]
    if not isinstance(data, dict):
        mark = document.marks.value(*path)
        if mark is not None:
            yield "value", mark
        return
    for key in data:
        mark = document.marks.key(*path, key)
        if mark is not None:
            yield key, mark
        if isinstance(data[key], dict):
            yield from ((f"{key}.{name}", inner) for name, inner in _leaves(document, (*path, key)))


def origin_text(document: Document) -> str:
    """The expanded text with a comment behind each line: the file and the line that it is from."""
    lines = list(origin_lines(document))
    width = min(max((len(line.text) for line in lines), default=0), WIDEST)
    return "".join(
        f"{line.text.ljust(width)}  # {line.comment()}".rstrip(" #") + "\n"
        if line.origin is None
        else f"{line.text.ljust(width)}  # {line.comment()}\n"
        for line in lines
    )


def origin_values(document: Document) -> list[dict[str, Any]]:
    """Each value with its path, its file and its line, as plain data."""
    return list(_values(document, (), document.data))


def _values(document: Document, path: tuple[str | int, ...], data: Any) -> Iterator[dict[str, Any]]:
    if isinstance(data, dict) and data:
        for key, value in data.items():
            yield from _values(document, (*path, key), value)
        return
    mark = document.marks.value(*path)
    found: dict[str, Any] = {"path": ".".join(map(str, path)), "value": data}
    yield found | ({"file": mark.file, "line": mark.line} if mark is not None else {})


def place_text(mark: Mark) -> str:
    """`net.yaml:3`, from the current folder; shipped files by their folder in the package."""
    path = Path(mark.file)
    for folder, name in ((shipped_specs(), "specs"), (PACKAGE / "blocks", "blocks")):
        if path.parent == folder:
            return f"{name}/{path.name}:{mark.line}"
    below = os.path.relpath(path)
    return f"{mark.file if below.startswith('..') else below}:{mark.line}"

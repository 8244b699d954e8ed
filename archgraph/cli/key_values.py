"""Options of the form NAME=VALUE, as --set, --size and --arg have it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from archgraph.errors import SpecError


def pairs_as_yaml(given: Iterable[str], option: str, example: str = "") -> dict[str, Any]:
    """The pairs of an option KEY=VALUE, values read as in spec files. Raises SpecError, ReadError."""
    from archgraph.language.reading.document import read_text

    found: dict[str, Any] = {}
    for name, text in pairs(given, option, example or f"{option} name=value"):
        found[name] = read_text(text, f"{option} {name}").data if text.strip() else ""
    return found


def pairs(given: Iterable[str], option: str, example: str) -> Iterator[tuple[str, str]]:
    """Names and values as text; a name of --arg may lead into a nested configuration, one of --leaf is that of a class
    in its module. Raises SpecError."""
    seen: set[str] = set()
    for text in given:
        name, equals, value = text.partition("=")
        name = name.strip()
        parts = name.split(".") if option in ("--arg", "--leaf") else [name]
        if not equals or not all(map(str.isidentifier, parts)):
            raise SpecError(f"{option} takes name=value", expected=example, received=f"{option} {text}")
        if name in seen:
            raise SpecError(f"{option} {name} is given twice")
        seen.add(name)
        yield name, value

"""The metadata that sessions act on, compared with those that the network demands."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from archgraph.artifact.metadata_keys import BATCH, CONSTRAINTS, INPUTS, META, OUTPUTS, RANGES
from archgraph.errors import Problem

CHECKED = (INPUTS, OUTPUTS, CONSTRAINTS, META, BATCH, RANGES)
"""What sessions act on."""
_SIZES = ("symbol", "modulus", "residues", "minimum", "maximum")
"""Of a constraint; its sentence and its causes are for people."""


def entries_of(model: Any) -> dict[str, str]:
    """The metadata of a model; of texts that are none, which protobuf hands out as bytes, what can be read."""
    return {_text(entry.key): _text(entry.value) for entry in model.metadata_props}


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode(errors="replace")


def misstatements(wanted: Mapping[str, str], found: Mapping[str, str]) -> Iterator[Problem]:
    """The entries of the metadata, `archgraph.…`, that are not what they should be."""
    for entry in CHECKED:
        key = entry.key
        expected, received = wanted.get(key, "null"), found.get(key, "null")
        if entry in (BATCH, RANGES) and key not in found:
            continue
        older = key == CONSTRAINTS.key and RANGES.key not in found
        if _read(key, expected) != _read(key, received) and not (older and _lacks_maxima(expected, received)):
            yield Problem(
                f"the file's metadata entry '{key}' is not what the network says",
                expected=_short(expected),
                received=_short(received),
            )


def _read(key: str, text: str) -> Any:
    """What counts of an entry; the text itself where it is damaged."""
    try:
        data = json.loads(text)
        return [[entry[part] for part in _SIZES] for entry in data] if key == CONSTRAINTS.key else data
    except (ValueError, TypeError, KeyError, RecursionError):
        return text


def _lacks_maxima(expected: str, received: str) -> bool:
    """Whether a file's constraints are those of the network, but for the largest sizes: those that follow from the rows
    of tables were not derived when it was written."""
    wanted, found = _read(CONSTRAINTS.key, expected), _read(CONSTRAINTS.key, received)
    if not isinstance(wanted, list) or not isinstance(found, list):
        return False
    try:
        there = {entry[0]: entry for entry in found}
        theirs = [there.pop(entry[0], [entry[0], 1, [0], 1, None]) for entry in wanted]
        return not there and all(_is_wider(*pair) for pair in zip(theirs, wanted, strict=True))
    except TypeError:  # a damaged file's symbol may be a list, and a size a text
        return False


def _is_wider(entry: list[Any], than: list[Any]) -> bool:
    """Whether a rule is another one with a larger maximum, or the same."""
    return entry[:-1] == than[:-1] and (entry[-1] is None or (than[-1] is not None and entry[-1] >= than[-1]))


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:200]}…"

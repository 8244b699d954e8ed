"""What a file says of itself and sessions act on, held against what its network says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from archgraph.errors import Problem

BRANCH_KEY, PART_KEY = "archgraph.time_branch", "archgraph.time_branch_of"
"""Where a main file speaks of its time branch, and a time branch of its main file."""
BATCH_KEY = "archgraph.batch"
"""The size of dimension 0, where the places along it know nothing of each other. A file without it says nothing."""
CHECKED = ("inputs", "outputs", "constraints", "meta", "batch")
_SIZES = ("symbol", "modulus", "residues", "minimum", "maximum")
"""Of a constraint; its sentence and its causes are for people."""


def entries_of(model: Any) -> dict[str, str]:
    """The metadata of a model."""
    return {entry.key: entry.value for entry in model.metadata_props}


def misstatements(wanted: Mapping[str, str], found: Mapping[str, str]) -> Iterator[Problem]:
    """The entries of the metadata, `archgraph.…`, that are not what they should be."""
    for name in CHECKED:
        key = f"archgraph.{name}"
        expected, received = wanted.get(key, "null"), found.get(key, "null")
        if key == BATCH_KEY and key not in found:
            continue
        if _read(name, expected) != _read(name, received):
            yield Problem(
                f"the file's metadata entry '{key}' is not what the network says",
                expected=_short(expected),
                received=_short(received),
            )


def _read(name: str, text: str) -> Any:
    """What counts of an entry; the text itself where it is damaged."""
    try:
        data = json.loads(text)
        return [[entry[part] for part in _SIZES] for entry in data] if name == "constraints" else data
    except (ValueError, TypeError, KeyError, RecursionError):
        return text


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:200]}…"

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
RANGES_KEY = "archgraph.ranges"
"""Which whole numbers each input that is an index may hold. A file without it is older: sessions check none."""
CHECKED = ("inputs", "outputs", "constraints", "meta", "batch", "ranges")
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
        if key in (BATCH_KEY, RANGES_KEY) and key not in found:
            continue
        older = name == "constraints" and RANGES_KEY not in found
        if _read(name, expected) != _read(name, received) and not (older and _lacks_maxima(expected, received)):
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


def _lacks_maxima(expected: str, received: str) -> bool:
    """Whether a file's constraints are those of the network, but for the largest sizes: those that follow from the rows
    of tables were not derived when it was written."""
    wanted, found = _read("constraints", expected), _read("constraints", received)
    if not isinstance(wanted, list) or not isinstance(found, list):
        return False
    there = {entry[0]: entry for entry in found}
    theirs = [there.pop(entry[0], [entry[0], 1, [0], 1, None]) for entry in wanted]
    return not there and all(_is_wider(*pair) for pair in zip(theirs, wanted, strict=True))


def _is_wider(entry: list[Any], than: list[Any]) -> bool:
    """Whether a rule is another one with a larger maximum, or the same."""
    return entry[:-1] == than[:-1] and (entry[-1] is None or (than[-1] is not None and entry[-1] >= than[-1]))


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:200]}…"

"""Lists of a family without entries that nobody reads: where the stages that had equal ones in all networks are written
once, another value of an unread entry would change nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from archgraph.importing.writing.plain_data.written_nodes import BODY, replaced_texts, texts


def with_read_entries(spec: dict[str, Any]) -> dict[str, Any]:
    """The spec in which entries that are equal in all presets, and of which some are not read, are one entry."""
    for name, default in spec.get("params", {}).items():
        if isinstance(default, list):
            spec = _without_unread(spec, name, default)
    return spec


def _without_unread(spec: dict[str, Any], name: str, default: Sequence[Any]) -> dict[str, Any]:
    found = [text for key in BODY for text in texts(spec.get(key)) if text.startswith("=") or "{" in text]
    read = {int(place) for text in found for place in re.findall(rf"\b{name}\[(\d+)\]", text)}
    if not read or any(re.search(rf"\b{name}\b(?!\[\d+\])", text) for text in found):
        return spec
    lists = [default, *(given[name] for given in spec.get("presets", {}).values() if name in given)]
    columns = [repr([one[place] for one in lists]) for place in range(len(default))]
    merged = {columns[place] for place in range(len(default)) if place not in read} & {columns[one] for one in read}
    kept = [one for one, column in enumerate(columns) if column not in merged or columns.index(column) == one]
    if len(kept) == len(columns) or len(kept) < _LEAST:
        return spec
    new = {place: kept.index(columns.index(columns[place]) if columns[place] in merged else place) for place in read}

    def shorter(given: Mapping[str, Any]) -> dict[str, Any]:
        return {key: [value[one] for one in kept] if key == name else value for key, value in given.items()}

    def change(text: str) -> str:
        return re.sub(rf"\b{name}\[(\d+)\]", lambda match: f"{name}[{new[int(match[1])]}]", text)

    return {
        **spec,
        **{key: replaced_texts(spec[key], change) for key in BODY if key in spec},
        "params": shorter(spec["params"]),
        "presets": {word: shorter(given) for word, given in spec.get("presets", {}).items()},
    }


_LEAST = 2
"""A list of one entry is a number."""

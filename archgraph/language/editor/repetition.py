"""A JSON Schema without repetition: parts that occur more than once become definitions. Editors read it faster."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from archgraph.language.editor.value_forms import JsonSchema

SHORTEST = 60
"""Parts of fewer characters are hardly longer than a reference to them."""
HOLD_SCHEMAS = ("properties", "patternProperties", "$defs")


def shared(schema: JsonSchema) -> JsonSchema:
    """The schema with each longer part that is repeated written once, under `$defs`."""
    counts: Counter[str] = Counter()
    _count(schema, counts)
    names = {text: f"_{at}" for at, (text, count) in enumerate(counts.items()) if count > 1}
    parts = {name: _replaced(json.loads(text), names, whole=True) for text, name in names.items()}
    found: JsonSchema = _replaced(schema, names, whole=True)
    found["$defs"] = {**found["$defs"], **parts}
    return found


def _count(part: Any, counts: Counter[str]) -> None:
    """Counts each longer schema below a part, those of a repeated one once."""
    for schema in _schemas_below(part):
        text = json.dumps(schema)
        if len(text) >= SHORTEST:
            counts[text] += 1
            if counts[text] > 1:
                continue
        _count(schema, counts)


def _schemas_below(part: Any) -> list[Any]:
    """The schemas right below one, a list of schemas or a mapping to schemas among its values."""
    if isinstance(part, list):
        return [entry for entry in part if isinstance(entry, dict)]
    found: list[Any] = []
    for key, value in part.items():
        if key in HOLD_SCHEMAS:
            found += [entry for entry in value.values() if isinstance(entry, dict)]
        elif isinstance(value, list):
            found += _schemas_below(value)
        elif isinstance(value, dict):
            found.append(value)
    return found


def _replaced(part: Any, names: dict[str, str], whole: bool = False) -> Any:
    """The part with references in place of what has a name."""
    if isinstance(part, list):
        return [_replaced(entry, names) for entry in part]
    if not isinstance(part, dict):
        return part
    if not whole and (name := names.get(json.dumps(part))):
        return {"$ref": f"#/$defs/{name}"}
    return {
        key: {inner: _replaced(entry, names) for inner, entry in value.items()}
        if key in HOLD_SCHEMAS
        else _replaced(value, names)
        for key, value in part.items()
    }

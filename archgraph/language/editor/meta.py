"""`meta` as a JSON Schema: the keys that somebody reads, and what each may hold. Any other key is admitted."""

from __future__ import annotations

from collections.abc import Mapping

from archgraph.language.editor.value_forms import JsonSchema, admitted
from archgraph.meta import SECTIONS, Each, Field, Section
from archgraph.meta.fields import whole
from archgraph.meta.meanings import MEANINGS

SIZES = {"description": MEANINGS["size"], "type": "object", "additionalProperties": admitted(whole(1).fits)}
NAMED = "schedule"
"""The section that may be the name of its kind instead."""


def meta_schema() -> JsonSchema:
    """The schema of `meta`."""
    found = _section(SECTIONS, "", open_to_others=True)
    found["properties"]["size"] = SIZES
    return found


def _section(section: Section, path: str, open_to_others: bool = False) -> JsonSchema:
    properties = {key: _entry(key, value, f"{path}{key}") for key, value in section.items()}
    return {"type": ["object", "null"], "properties": properties, "additionalProperties": open_to_others}


def _entry(key: str, value: Field | Each | Section, path: str) -> JsonSchema:
    meaning = MEANINGS.get(path, "")
    if isinstance(value, Each):
        return {"description": meaning, "type": ["array", "null"], "items": _section(value.entry, f"{path}.")}
    if not isinstance(value, Mapping):
        form = _nullable(admitted(value.fits, value.choices))
        return {"description": f"{meaning} Expected: {value.expected}.", **form}
    found = _section(value, f"{path}.")
    if key == NAMED:
        return {"description": meaning, "anyOf": [found, _entry("kind", value["kind"], f"{path}.kind")]}
    return {"description": meaning, **found}


def _nullable(form: JsonSchema) -> JsonSchema:
    """null takes the place of a key that is left out."""
    if "anyOf" in form:
        return {"anyOf": [*form["anyOf"][:-1], _nullable(form["anyOf"][-1])]}
    return form if "null" in form["type"] else form | {"type": [*form["type"], "null"]}

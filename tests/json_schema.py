"""The part of JSON Schema 2020-12 that ours is written in, by the letter of the standard."""

from __future__ import annotations

import re
from typing import Any

TYPES: dict[str, Any] = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
KNOWN = {
    *("$schema", "title", "description", "$defs", "$ref", "type", "properties", "additionalProperties", "required"),
    *("anyOf", "allOf", "not", "if", "then", "else", "const", "enum", "pattern", "patternProperties", "propertyNames"),
    *("minLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    *("items", "minItems", "maxItems", "minProperties"),
}
EDITORS = {"errorMessage", "patternErrorMessage", "enumDescriptions"}
"""What the YAML language server shows, and what admits nothing and refuses nothing."""
KEYWORDS = KNOWN | EDITORS
APPLIED = {"$ref", "anyOf", "not", "allOf"}


class Schema:
    """A schema with its definitions."""

    def __init__(self, root: dict[str, Any]):
        self.root = root

    def admits(self, value: Any, schema: Any = None) -> bool:
        """Whether the value is valid, by the whole schema or by a part of it."""
        schema = self.root if schema is None else schema
        if isinstance(schema, bool):
            return schema
        assert schema.keys() <= KEYWORDS, schema.keys() - KEYWORDS
        if not self._typed(value, schema) or not self._of_its_form(value, schema):
            return False
        if "if" in schema and not self._conditional(value, schema):
            return False
        return APPLIED.isdisjoint(schema) or self._applied(value, schema)

    def _of_its_form(self, value: Any, schema: Any) -> bool:
        """By the keywords that are about values of this form only."""
        if isinstance(value, str):
            return self._text(value, schema)
        if isinstance(value, dict):
            return self._mapping(value, schema)
        return self._list(value, schema) if isinstance(value, list) else self._number(value, schema)

    def _applied(self, value: Any, schema: Any) -> bool:
        if "$ref" in schema and not self.admits(value, self.root["$defs"][schema["$ref"].removeprefix("#/$defs/")]):
            return False
        if "anyOf" in schema and not any(self.admits(value, choice) for choice in schema["anyOf"]):
            return False
        if "not" in schema and self.admits(value, schema["not"]):
            return False
        return all(self.admits(value, part) for part in schema.get("allOf", ()))

    def _conditional(self, value: Any, schema: Any) -> bool:
        return self.admits(value, schema.get("then" if self.admits(value, schema["if"]) else "else", True))

    def _typed(self, value: Any, schema: Any) -> bool:
        names = schema.get("type", [])
        if names and not any(of_type(value, name) for name in ([names] if isinstance(names, str) else names)):
            return False
        return not ("const" in schema and value != schema["const"]) and value in schema.get("enum", [value])

    def _text(self, value: Any, schema: Any) -> bool:
        return len(value) >= schema.get("minLength", 0) and bool(re.search(schema.get("pattern", ""), value))

    def _number(self, value: Any, schema: Any) -> bool:
        if not of_type(value, "number"):
            return True
        least, most = schema.get("minimum", value), schema.get("maximum", value)
        above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
        return least <= value <= most and (above is None or value > above) and (below is None or value < below)

    def _list(self, value: Any, schema: Any) -> bool:
        fits = schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value))
        return fits and all(self.admits(entry, schema.get("items", True)) for entry in value)

    def _mapping(self, value: Any, schema: Any) -> bool:
        return (
            len(value) >= schema.get("minProperties", 0)
            and set(schema.get("required", ())) <= value.keys()
            and all(self._entry(key, entry, schema) for key, entry in value.items())
            and all(self.admits(key, schema.get("propertyNames", True)) for key in value)
        )

    def _entry(self, key: str, value: Any, schema: Any) -> bool:
        found = [schema["properties"][key]] if key in schema.get("properties", {}) else []
        found += [part for pattern, part in schema.get("patternProperties", {}).items() if re.search(pattern, key)]
        return all(self.admits(value, part) for part in found or [schema.get("additionalProperties", True)])


def of_type(value: Any, name: str) -> bool:
    """Whether a value is of a type of JSON. True and false are no numbers."""
    if name in ("integer", "number"):
        return isinstance(value, int if name == "integer" else (int, float)) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])

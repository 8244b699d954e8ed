"""The schema as a file: a definition on each line, so that versions of it can be compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from archgraph.language.editor.spec_schema import spec_schema
from archgraph.language.editor.value_forms import JsonSchema
from archgraph.language.schema.spec import Spec

FILE = "archgraph.schema.json"
"""The usual name, which the first line of a new spec has."""
TITLE = "archgraph spec"


def schema_text(spec: Spec | None = None) -> str:
    """The JSON Schema of all specs, or of one with its own blocks."""
    schema: JsonSchema = {**spec_schema(spec)}
    definitions = schema.pop("$defs")
    lines = [f"  {_compact(name)}: {_compact(part)}" for name, part in definitions.items()]
    keys = [f" {_compact(key)}: {_compact(value)}" for key, value in schema.items()]
    return "{\n" + ",\n".join(keys) + ',\n "$defs": {\n' + ",\n".join(lines) + "\n }\n}\n"


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def is_schema(path: Path) -> bool:
    """Whether the file is a schema that was written here, of whatever version, so that it may be written anew."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(data, dict) and data.get("title") == TITLE


def editor_line(schema: str = f"./{FILE}") -> str:
    """The first line of a spec, which editors with the YAML language server read."""
    return f"# yaml-language-server: $schema={schema}\n"

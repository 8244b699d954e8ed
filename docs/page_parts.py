"""Tables, links and sentences of the generated pages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from archgraph.language.schema.parameter_types import ParameterType

NOTICE = "<!-- Written by docs/generate.py from {source}. Edit that, and run it again. -->\n"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def link(name: str) -> str:
    """A link to the section of that name on the same page."""
    return f"[{name}](#{name})"


def sentence(text: str) -> str:
    """Text on one line that ends in a full stop, with nothing that Markdown would take for emphasis."""
    text = " ".join(text.split())
    text = text if "`" in text else text.replace("*", r"\*")
    return text if text.endswith((".", ")")) and not text.endswith("..)") else f"{text}."


def flow(values: Any) -> str:
    """Plain data as a spec writes it on one line."""
    if isinstance(values, Mapping):
        return "{" + ", ".join(f"{key}: {flow(value)}" for key, value in values.items()) + "}"
    if isinstance(values, (list, tuple)):
        return f"[{', '.join(map(flow, values))}]"
    return plain(values)


def plain(value: Any) -> str:
    """A value as a spec writes it."""
    if isinstance(value, str):
        return value if re.fullmatch(r"=?[\w .*/+-]+", value) else json.dumps(value)
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value)


def parameters(params: Mapping[str, ParameterType]) -> str:
    """A table of parameters; nothing where there are none."""
    rows = []
    for name, kind in params.items():
        words = kind.text.removesuffix(f" = {kind.default}")
        default = "required" if kind.required else f"`{plain(kind.default)}`"
        rows.append((f"`{name}`", words.partition(" = ")[0], default))
    return table(("parameter", "type", "default"), rows) if rows else ""

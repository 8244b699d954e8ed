"""`archgraph models`: the shipped collection."""

from __future__ import annotations

import textwrap
from typing import Any

from archgraph.cli.options import JsonOption, NameArgument
from archgraph.cli.output import echo, one_line, print_json


def run(name: NameArgument = None, json: JsonOption = False) -> None:
    """Lists the shipped models with their presets, or shows the spec of one.

    Example: archgraph models resnet
    """
    from archgraph.language.library import find, read_spec, shipped_specs

    if name is not None and not json:
        echo(find(name).spec.document.text, end="")
        return
    paths = sorted(shipped_specs().glob("*.yaml"))
    specs = [find(name).spec] if name is not None else [read_spec(path) for path in paths]
    documents = [spec.document.data for spec in specs if spec.document.data.get("nodes")]
    if json:
        print_json([_plain(data) for data in documents])
        return
    for data in documents:
        echo(f"{data['name']}: {one_line(data.get('about'))}")
        if data.get("presets"):
            echo(textwrap.fill(", ".join(data["presets"]), 100, initial_indent="  ", subsequent_indent="  "))


def _plain(data: dict[str, Any]) -> dict[str, Any]:
    """A row of the catalogue."""
    found = {key: data.get(key) for key in ("name", "about", "params", "presets", "inputs")}
    return found | {"presets": list(data.get("presets") or ())}

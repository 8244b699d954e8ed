"""`archgraph models`: the shipped collection."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from archgraph.cli.options import JsonOption, NameArgument
from archgraph.cli.output import echo, one_line, print_json
from archgraph.errors import UnknownNameError

SearchOption = Annotated[
    list[str] | None,
    typer.Option(
        "--search",
        metavar="WORD",
        help="Only models that have this word in their name, presets, papers or description; may be repeated.",
    ),
]


def run(name: NameArgument = None, search: SearchOption = None, json: JsonOption = False) -> None:
    """Lists the shipped models with their presets, or shows the spec of one.

    Example: archgraph models --search segmentation
    """
    from archgraph.language.library import find, read_spec, shipped_specs

    if name is not None and not json:
        echo(find(name).spec.document.text, end="")
        return
    paths = sorted(shipped_specs().glob("*.yaml"))
    specs = [find(name).spec] if name is not None else [read_spec(path) for path in paths]
    documents = [spec.document.data for spec in specs if spec.document.data.get("nodes")]
    documents = [data for data in documents if _mentions(data, search or ())]
    if not documents:
        words = " and ".join(repr(word) for word in search or ())
        raise UnknownNameError(
            f"no shipped model has {words} in its name, presets, papers or description",
            hint="'archgraph models' lists all",
        )
    if json:
        print_json([_plain(data) for data in documents])
        return
    for data in documents:
        echo(f"{data['name']}: {one_line(data.get('about'))}")
        if data.get("presets"):
            echo(textwrap.fill(", ".join(data["presets"]), 100, initial_indent="  ", subsequent_indent="  "))


def _mentions(data: dict[str, Any], words: Sequence[str]) -> bool:
    meta = data.get("meta") or {}
    papers = (" ".join(map(str, paper.values())) for paper in meta.get("papers") or ())
    said = (data["name"], data.get("about", ""), meta.get("task", ""), meta.get("reference", ""))
    text = " ".join(map(str, (*said, *(data.get("presets") or ()), *papers))).casefold()
    return all(word.casefold() in text for word in words)


def _plain(data: dict[str, Any]) -> dict[str, Any]:
    """A row of the catalogue."""
    found = {key: data.get(key) for key in ("name", "about", "params", "presets", "inputs")}
    meta = data.get("meta") or {}
    own = {"presets": list(data.get("presets") or ()), "papers": meta.get("papers"), "reference": meta.get("reference")}
    return found | own

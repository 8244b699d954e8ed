"""`archgraph blocks`: the standard blocks, which are specs themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from archgraph.cli import completion
from archgraph.cli.options import JsonOption
from archgraph.cli.output import echo, one_line, print_json, print_table

BlockArgument = Annotated[
    str | None, typer.Argument(metavar="[NAME]", help="Show the text of this one.", autocompletion=completion.blocks)
]


def run(name: BlockArgument = None, json: JsonOption = False) -> None:
    """Lists the standard blocks that any spec may use, and those of enabled plugins, or shows one: it is a file of the
    spec language.

    Example: archgraph blocks bottleneck
    """
    from archgraph.errors import UnknownNameError, nearest
    from archgraph.language.library import block_file, known_blocks, read_spec
    from archgraph.plugins.installed import hint_for

    known = known_blocks()
    if name is not None and name not in known:
        raise UnknownNameError(
            f"there is no block '{name}'", expected=", ".join(known), hint=hint_for(name) or nearest(name, known)
        )
    if name is not None and not json:
        echo(block_file(name).read_text(encoding="utf-8"), end="")
        return
    documents = {each: read_spec(block_file(each)).document.data for each in known if name in (None, each)}
    if json:
        print_json([_plain(each, data) for each, data in documents.items()])
        return
    rows = [
        (each, ", ".join(data.get("params") or ()), one_line(data.get("about"))) for each, data in documents.items()
    ]
    print_table(("block", "parameters", "about"), rows)


def _plain(name: str, data: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, **{key: data.get(key) for key in ("about", "params", "inputs")}}

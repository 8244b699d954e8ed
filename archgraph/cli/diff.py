"""`archgraph diff`: what differs between two networks."""

from __future__ import annotations

from typing import Annotated

import typer

from archgraph.cli import completion
from archgraph.cli.module_source import takes_modules
from archgraph.cli.options import JsonOption, SpecArgument, load
from archgraph.cli.output import echo, print_json

OtherArgument = Annotated[
    str, typer.Argument(metavar="SPEC", help="What to compare it with.", autocompletion=completion.specs)
]


@takes_modules
def run(before: SpecArgument, after: OtherArgument, json: JsonOption = False) -> None:
    """Lists what was removed, added and changed: operations, attributes, shapes, weights, who reads what.

    Example: archgraph diff resnet50 wide_resnet50_2
    """
    import archgraph

    found = archgraph.diff(load(before), load(after))
    if json:
        print_json(found.to_json())
    else:
        echo(found.text() or f"{found.before} and {found.after} are equal\n", end="")

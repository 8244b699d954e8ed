"""`archgraph schema`: what editors read of the language, as a JSON Schema."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from archgraph.cli import completion
from archgraph.cli.output import Stopwatch, echo, write_text
from archgraph.cli.output_paths import require_writable

SchemaOfArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[SPEC]",
        help="A file: the schema knows its own blocks too, and no other names.",
        autocompletion=completion.specs,
    ),
]
SchemaFileOption = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="The file to write; without it, it is printed.")
]


def run(spec: SchemaOfArgument = None, output: SchemaFileOption = None) -> None:
    """Prints the JSON Schema of specs: every operation and block with its arguments, and the keys of `meta`.

    Editors underline, complete and explain by it where the first line of a spec names it: # yaml-language-server:
    $schema=./archgraph.schema.json

    Example: archgraph schema -o archgraph.schema.json
    """
    from archgraph.language.editor.schema_file import schema_text
    from archgraph.language.expressions.budget import bounded_effort
    from archgraph.language.library import find

    watch = Stopwatch()
    require_writable(output, (".json",), spec)
    with bounded_effort():
        text = schema_text(find(spec).spec if spec is not None else None)
    if output is None:
        echo(text, end="")
        return
    write_text(output, text)
    echo(watch.wrote(output))

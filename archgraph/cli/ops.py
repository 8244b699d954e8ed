"""`archgraph ops`: the operations that there are, and what each of them takes."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from archgraph.cli import completion
from archgraph.cli.options import JsonOption
from archgraph.cli.output import echo, print_json, print_table

if TYPE_CHECKING:
    from archgraph.ops.reference import OperationDoc

OperationArgument = Annotated[
    str | None, typer.Argument(metavar="[NAME]", help="Document this one.", autocompletion=completion.operations)
]


def run(name: OperationArgument = None, json: JsonOption = False) -> None:
    """Lists the operations by family, or documents one: attributes, defaults, ports, an example.

    Example: archgraph ops conv2d
    """
    from archgraph.ops.reference import describe, families

    if name is not None:
        doc = describe(name)
        print_json(asdict(doc)) if json else _document(doc)
        return
    docs = [describe(each) for names in families().values() for each in names]
    if json:
        print_json([asdict(doc) for doc in docs])
    else:
        print_table(("operation", "family", "meaning"), [(doc.name, doc.family, doc.meaning) for doc in docs])


def _document(doc: OperationDoc) -> None:
    echo(f"{doc.name}: {doc.meaning}")
    if doc.paper:
        echo(f"  {doc.paper}")
    for port in doc.ports:
        words = [word for word, holds in (("optional", port.optional), ("any number", port.variadic)) if holds]
        echo(f"  input  {port.name}" + (f" ({', '.join(words)})" if words else ""))
    if doc.attributes:
        echo()
        rows = [
            (item.name, "required" if item.required else item.default_text, item.type, item.meaning)
            for item in doc.attributes
        ]
        print_table(("attribute", "default", "type", "meaning"), rows)
    for found in doc.examples[:1]:
        given = ", ".join(f"{key}: {value}" for key, value in found.attributes.items())
        shapes = ", ".join(found.inputs.values()), ", ".join(found.outputs.values())
        echo(f"\nexample: {{op: {doc.name}{', ' + given if given else ''}}}   {shapes[0]} → {shapes[1]}")

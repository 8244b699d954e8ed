"""`archgraph code`: the network as plain PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from archgraph.cli.module_source import takes_modules
from archgraph.cli.options import OutputOption, SetOption, SpecArgument, load, stem
from archgraph.cli.output import Stopwatch, echo, write_text
from archgraph.cli.output_paths import target

STDOUT = Path("-")
InPlaceOption = Annotated[
    bool,
    typer.Option("--inplace", help="Activations and sums overwrite what they read, where nothing else needs it."),
]


@takes_modules
def run(spec: SpecArgument, set_: SetOption = [], output: OutputOption = None, inplace: InPlaceOption = False) -> None:  # noqa: B006 - typer copies it
    """Writes the network as one file of plain PyTorch that needs no archgraph. `-o -` prints it.

    Example: archgraph code ddpm@cifar10 -o ddpm.py
    """
    import archgraph

    watch = Stopwatch()
    graph = load(spec, set_)
    if output == STDOUT:
        echo(archgraph.code(graph, inplace), end="")
        return
    path = target(output, f"{stem(graph).replace('-', '_')}.py", graph.info.file)
    text = archgraph.code(graph, inplace)
    write_text(path, text)
    echo(watch.wrote(path, f"{text.count(chr(10))} lines"))

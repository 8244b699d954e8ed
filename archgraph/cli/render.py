"""`archgraph render`: the network as a diagram."""

from __future__ import annotations

from typing import Annotated

import typer

from archgraph.cli.module_source import takes_modules
from archgraph.cli.options import (
    DepthOption,
    JsonOption,
    OutputOption,
    SetOption,
    SizeOption,
    SpecArgument,
    load,
    sizes,
    stem,
)
from archgraph.cli.output import Stopwatch, echo, print_json
from archgraph.cli.output_paths import target

OpenOption = Annotated[
    list[str],
    typer.Option("--open", metavar="PATH", help="A block or group to draw to full depth; may be given again."),
]
FoldOption = Annotated[
    list[str], typer.Option("--fold", metavar="PATH", help="A block or group to draw as one box; may be given again.")
]
DirectionOption = Annotated[str, typer.Option("--direction", help="Where the flow runs: down or right.")]
LegendOption = Annotated[bool, typer.Option("--legend", help="Explain the colours.")]


@takes_modules
def run(
    spec: SpecArgument,
    set_: SetOption = [],  # noqa: B006 - typer copies it
    depth: DepthOption = None,
    open_: OpenOption = [],  # noqa: B006
    fold: FoldOption = [],  # noqa: B006
    size: SizeOption = [],  # noqa: B006
    direction: DirectionOption = "down",
    legend: LegendOption = False,
    output: OutputOption = None,
    json: JsonOption = False,
) -> None:
    """Draws the network as SVG, PNG, PDF or DOT: the suffix of the file decides.

    `--depth 1` folds the parts at the top; each further number opens one more level of blocks, where there is one. By
    default the deepest level that needs at most 60 boxes and fits a page. `--open` and `--fold` make exceptions. What
    no input reaches, such as an index of positions, is one box unless `--open` names an operation in it.
    A number beside "× n" is the sum of all n; a number in a frame "× n" is that of one copy, unless it says "in all".

    Example: archgraph render resnet50 --open layer1.0 -o r50.svg
    """
    import archgraph

    watch = Stopwatch()
    from archgraph.garbage_collection import uncollected

    with uncollected():
        graph = load(spec, set_)
        path = target(output, f"{stem(graph)}.svg", graph.info.file, any_suffix=True)
        archgraph.render(graph, path, depth, sizes(size), direction, open_, fold, legend)
    if json:
        print_json({"graph": graph.title, "file": str(path)})
    else:
        echo(watch.wrote(path))

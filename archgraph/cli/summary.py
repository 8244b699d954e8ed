"""`archgraph summary`: the network as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from archgraph.cli.module_source import takes_modules
from archgraph.cli.options import DepthOption, JsonOption, SetOption, SizeOption, SpecArgument, load, sizes
from archgraph.cli.output import columns, echo, print_json

if TYPE_CHECKING:
    from archgraph.graph.summary import Summary
    from archgraph.graph.types import Graph

MOST_ROWS = 60
"""Without `--depth`, as many levels are opened as keep the table below this."""

AllOption = Annotated[bool, typer.Option("--all", help="Every row: all levels, equal neighbours not folded.")]
WideOption = Annotated[bool, typer.Option("--wide", help="Nothing shortened: all formulas, however long the lines.")]


@takes_modules
def run(
    spec: SpecArgument,
    set_: SetOption = [],  # noqa: B006 - typer copies it
    size: SizeOption = [],  # noqa: B006
    depth: DepthOption = None,
    all_: AllOption = False,
    wide: WideOption = False,
    json: JsonOption = False,
) -> None:
    """Shows path, block, output shape, parameters and multiply-accumulates, at symbolic or given sizes.

    The table fits the terminal, and 80 columns in a file or a pipe: long sizes get names, and multiply-accumulates are
    numbers at usual sizes. --wide and --json have everything in full.

    Example: archgraph summary resnet50 --size N=1,H=224,W=224 --depth 2
    """
    from archgraph.graph.summary import summarize

    graph, given = load(spec, set_), sizes(size)
    if json:
        print_json(summarize(graph, given, depth).to_json())
        return
    found = summarize(graph, given) if all_ else _folded(graph, given, depth)
    echo(found.text(None if wide else columns()), end="")


def _folded(graph: Graph, given: dict[str, int], depth: int | None) -> Summary:
    from archgraph.graph.summary import summarize

    if depth is not None:
        return summarize(graph, given, depth, fold=True)
    found = summarize(graph, given, 1, fold=True)
    for deeper in range(2, 30):
        larger = summarize(graph, given, deeper, fold=True)
        if len(larger.rows) > MOST_ROWS or len(larger.rows) == len(found.rows):
            break
        found = larger
    return found

"""`archgraph summary`: the network as a table."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from archgraph.cli.options import DepthOption, JsonOption, SetOption, SizeOption, SpecArgument, load, sizes
from archgraph.cli.output import one_line, print_json, print_table

if TYPE_CHECKING:
    from archgraph.graph.summary import Summary
    from archgraph.graph.types import Graph

MOST_ROWS = 60
"""Without `--depth`, as many levels are opened as keep the table below this."""

AllOption = Annotated[bool, typer.Option("--all", help="Every row: all levels, equal neighbours not folded.")]


def run(
    spec: SpecArgument,
    set_: SetOption = [],  # noqa: B006 - typer copies it
    size: SizeOption = [],  # noqa: B006
    depth: DepthOption = None,
    all_: AllOption = False,
    json: JsonOption = False,
) -> None:
    """Shows path, block, output shape, parameters and multiply-accumulates, at symbolic or given sizes.

    A terminal has no room for a formula in each row: at symbolic sizes the rows have the numbers at usual ones there,
    and the total its formula. In a file or a pipe all are formulas.

    Example: archgraph summary resnet50 --size N=1,H=224,W=224 --depth 2
    """
    from archgraph.graph.summary import summarize

    graph, given = load(spec, set_), sizes(size)
    if json:
        print_json(summarize(graph, given, depth).to_json())
        return
    found = summarize(graph, given) if all_ else _folded(graph, given, depth)
    if not sys.stdout.isatty():
        print(found.text(), end="")
        return
    _draw(found, _usual_sizes(graph, given, found))


def _draw(found: Summary, at: dict[str, int]) -> None:
    """The table on a terminal; the rows' multiply-accumulates at these sizes, where they are symbolic."""
    from archgraph.graph.sizes import Sizes
    from archgraph.graph.summary import HEADINGS, cells
    from archgraph.graph.text import quantity

    numbers = Sizes(at)
    rows = [replace(row, cost=replace(row.cost, macs=numbers(row.cost.macs))) for row in found.rows]
    print(found.title + (f": {one_line(found.about)}" if found.about else ""))
    print_table(HEADINGS, [cells(row) for row in rows], right=(3, 4), whole=(0,) if at else (2,))
    print("\n".join(found.footer(whole=bool(at))))
    if at:
        sizes = ", ".join(f"{name}={size}" for name, size in at.items())
        total = quantity(numbers(found.cost.macs))
        print(f"the MACs of the rows are at {sizes}, {total} in all; at others: --size {sizes.replace(' ', '')}")


def _usual_sizes(graph: Graph, given: dict[str, int], found: Summary) -> dict[str, int]:
    """Numbers for the symbols of the rows, one picture of the usual size; none where they have none, or where there is
    no usual size."""
    from archgraph.errors import SpecError
    from archgraph.graph.sizes import concrete_sizes, input_symbols

    if all(isinstance(row.cost.macs, int) for row in found.rows):
        return {}
    one = {"N": 1} if "N" in input_symbols(graph) else {}
    try:
        return concrete_sizes(graph, {**one, **given})
    except SpecError:
        return {}


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

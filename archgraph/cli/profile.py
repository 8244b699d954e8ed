"""`archgraph profile`: where the time of a network goes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archgraph.cli import completion
from archgraph.cli.model_argument import exported
from archgraph.cli.module_source import takes_modules
from archgraph.cli.options import DepthOption, JsonOption, SeedOption, SetOption, SizeOption, sizes
from archgraph.cli.output import Stopwatch, echo, print_json, print_table
from archgraph.cli.output_paths import require_writable
from archgraph.cli.weights_options import WeightsParameter, takes_weights
from archgraph.errors import InputError

if TYPE_CHECKING:
    from archgraph.graph.types import Graph
    from archgraph.measure.profile import TimeProfile

NetworkArgument = Annotated[
    str,
    typer.Argument(metavar="FILE|SPEC", help="A file that export wrote, or a spec.", autocompletion=completion.specs),
]
BatchOption = Annotated[int | None, typer.Option("--batch", min=1, help="The same as --size N=….")]
RunsOption = Annotated[int, typer.Option("--runs", min=1, help="How many; medians count.")]
ThreadsOption = Annotated[int | None, typer.Option("--threads", min=1, help="By default ONNX Runtime chooses.")]
TopOption = Annotated[int, typer.Option("--top", min=0, help="How many of the slowest nodes to list.")]
RenderOption = Annotated[
    Path | None, typer.Option("--render", metavar="PATH", help="Draws the network, coloured by time.")
]


@takes_modules
@takes_weights
def run(
    network: NetworkArgument,
    size: SizeOption = [],  # noqa: B006 - typer copies it
    batch: BatchOption = None,
    runs: RunsOption = 20,
    threads: ThreadsOption = None,
    depth: DepthOption = None,
    top: TopOption = 5,
    render: RenderOption = None,
    set_: SetOption = [],  # noqa: B006
    weights: WeightsParameter = None,
    seed: SeedOption = 0,
    json: JsonOption = False,
) -> None:
    """Runs a network in ONNX Runtime on the CPU and says where the time goes: by node, under the spec's own paths,
    rolled up by block.

    A fused kernel counts for the node that does the work; a change of layout for the node whose values it moves.

    Example: archgraph profile ddpm@cifar10 --depth 2 --render heat.svg
    """
    from archgraph.measure import profile
    from archgraph.verify.embedded_spec import graph_in

    at = _sizes(size, batch)
    if render is not None:
        _require_drawable(render, network)
    with exported(network, set_, weights, seed) as path:
        graph = graph_in(path)
        found = profile(path, at, runs, graph=graph, threads=threads, seed=seed)
    watch = Stopwatch()
    if render is not None:
        _draw(found, graph, render, depth)
    if json:
        print_json(found.to_json(depth, top) | ({"diagram": str(render)} if render else {}))
        return
    _show(found, depth, top)
    if render is not None:
        echo(watch.wrote(render))


def _sizes(size: list[str], batch: int | None) -> dict[str, int]:
    found = sizes(size)
    if batch is not None and found.setdefault("N", batch) != batch:
        raise InputError("--batch and --size N differ", received=f"{batch} and {found['N']}")
    return found


def _require_drawable(path: Path, network: str) -> None:
    """Before anything runs for long: the picture has a name and a place that can be written."""
    from archgraph.diagram.layout import kind_of

    kind_of(path)
    require_writable(path, (), network)


def _draw(found: TimeProfile, graph: Graph, path: Path, depth: int | None) -> None:
    from archgraph.diagram import View, render

    render(graph, path, View(depth, found.sizes, heat=found.heat()))


def _show(found: TimeProfile, depth: int | None, top: int) -> None:
    from archgraph.measure.profile import HEADINGS, NUMERIC

    if not sys.stdout.isatty():
        echo(found.text(depth, top), end="")
        return
    echo(found.head())
    print_table(HEADINGS, found.cells(depth), right=NUMERIC)
    if top:
        echo(f"slowest {top} nodes")
        print_table(HEADINGS, found.slowest_cells(top), right=NUMERIC)

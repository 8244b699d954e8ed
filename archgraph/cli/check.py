"""`archgraph check`: are these specs right, and what do they prove?"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archgraph.cli import completion
from archgraph.cli.module_source import names_module, takes_modules
from archgraph.cli.options import JsonOption, SetOption, load, parameters
from archgraph.cli.output import echo, plain_problem, print_json, warn
from archgraph.errors import ArchgraphError

if TYPE_CHECKING:
    from archgraph.dims import Cause
    from archgraph.graph.types import Graph

SpecsArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="SPEC",
        help="Files, file@preset, shipped models or presets; any number.",
        autocompletion=completion.specs,
    ),
]


@takes_modules
def run(specs: SpecsArgument, set_: SetOption = [], json: JsonOption = False) -> None:  # noqa: B006 - typer copies it
    """Reads, validates and proves the shapes of specs, every preset of each; lists every error.

    Example: archgraph check specs/*.yaml
    """
    results = [_checked(spec, set_) for spec in specs]
    if json:
        print_json([_plain(spec, *result) for spec, result in zip(specs, results, strict=True)])
    else:
        for spec, result in zip(specs, results, strict=True):
            _show(spec, *result)
    if any(error for _, error in results):
        sys.exit(1)


def _checked(spec: str, settings: list[str]) -> tuple[list[Graph], ArchgraphError | None]:
    import archgraph

    try:
        if names_module(spec):
            return [load(spec, settings)], None
        if settings:
            return [archgraph.load(spec, **parameters(settings))], None
        return archgraph.check(spec), None
    except ArchgraphError as error:
        return [], error


def _show(spec: str, graphs: list[Graph], error: ArchgraphError | None) -> None:
    from archgraph.graph.index_tables import index_ranges
    from archgraph.graph.keys import parameter_count

    if error is not None:
        echo(error, file=sys.stderr)
        return
    if not graphs:
        echo(f"{spec}: ok, blocks only")
    warn(warning for graph in graphs for warning in graph.warnings)
    for graph in graphs:
        echo(f"{graph.title}: ok, {parameter_count(graph):,} parameters")
        for value in graph.inputs:
            echo(f"  input   {value.name} {value.type}")
        for name, value in graph.outputs.items():
            echo(f"  output  {name} {value.type}".replace("  output   ", "  output  "))
        for name, value in graph.training_outputs.items():
            echo(f"  output  {name} {value.type}, in training only")
        for constraint in graph.constraints:
            echo(f"  size    {constraint.text}")
            if constraint.causes:
                echo(f"          because of {_because(constraint.causes)}")
        for item in index_ranges(graph).values():
            echo(f"  range   {item}")
            echo(f"          because of {_because(item.causes)}")


def _because(causes: Sequence[Cause]) -> str:
    """The first cause, and how many there are besides."""
    first = causes[0]
    line = f" ({Path(first.where.file).name}:{first.where.line})" if first.where else ""
    more = f" and {len(causes) - 1} more" if len(causes) > 1 else ""
    place = f"{first.path}{line}{more}"
    return f"{place}: {first.reason}" if place else first.reason


def _plain(spec: str, graphs: list[Graph], error: ArchgraphError | None) -> dict[str, Any]:
    return {
        "spec": spec,
        "ok": error is None,
        "graphs": [_plain_graph(graph) for graph in graphs],
        "problems": [plain_problem(problem) for problem in error.problems] if error else [],
    }


def _in_training(graph: Graph) -> dict[str, Any]:
    found = {name: str(value.type) for name, value in graph.training_outputs.items()}
    return {"training_outputs": found} if found else {}


def _plain_graph(graph: Graph) -> dict[str, Any]:
    from archgraph.graph.index_tables import index_ranges
    from archgraph.graph.keys import parameter_count

    return {
        "name": graph.name,
        "preset": graph.info.preset,
        "parameters": parameter_count(graph),
        "inputs": {value.name: str(value.type) for value in graph.inputs},
        "outputs": {name: str(value.type) for name, value in graph.outputs.items()},
        **_in_training(graph),
        "constraints": [constraint.to_json() for constraint in graph.constraints],
        "ranges": {
            name: {**item.to_json(), "causes": [cause.to_json() for cause in item.causes]}
            for name, item in index_ranges(graph).items()
        },
        "warnings": [plain_problem(problem) for problem in graph.warnings],
    }

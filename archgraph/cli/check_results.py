"""What `archgraph check` prints of its results, for people, for programs and for CI systems."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archgraph.cli.output import echo, plain_problem, print_json, warn
from archgraph.errors import ArchgraphError, Problem
from archgraph.records import record

if TYPE_CHECKING:
    from archgraph.dims import Cause
    from archgraph.graph.types import Graph


class Format(StrEnum):
    """How results are printed."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    SARIF = "sarif"


@record()
class Result:
    """What became of one spec: the graphs of its presets, or its error."""

    spec: str
    graphs: list[Graph]
    error: ArchgraphError | None = None

    @property
    def problems(self) -> Iterator[Problem]:
        """Errors, or the warnings of what is right, each once."""
        found = self.error.problems if self.error else (each for graph in self.graphs for each in graph.warnings)
        yield from dict.fromkeys(found)


def print_results(results: Sequence[Result], form: Format) -> None:
    """All results, in a format."""
    if form is Format.JSON:
        print_json([_plain(result) for result in results])
    elif form is Format.TEXT:
        for result in results:
            _show(result)
    else:
        _print_for_ci(results, form)


def _print_for_ci(results: Sequence[Result], form: Format) -> None:
    from archgraph.cli.problem_formats import github_lines, sarif  # few checks are CI's

    reported = [(result.spec, problem) for result in results for problem in result.problems]
    if form is Format.SARIF:
        print_json(sarif(reported))
        return
    for line in github_lines(reported):
        echo(line)
    for result in results:
        if result.error is None:
            echo(f"{result.spec}: ok")


def _show(result: Result) -> None:
    from archgraph.graph.index_tables import index_ranges
    from archgraph.graph.keys import parameter_count

    if result.error is not None:
        echo(result.error, file=sys.stderr)
        return
    if not result.graphs:
        echo(f"{result.spec}: ok, blocks only")
    warn(warning for graph in result.graphs for warning in graph.warnings)
    for graph in result.graphs:
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


def _plain(result: Result) -> dict[str, Any]:
    return {
        "spec": result.spec,
        "ok": result.error is None,
        "graphs": [_plain_graph(graph) for graph in result.graphs],
        "problems": [plain_problem(problem) for problem in result.error.problems] if result.error else [],
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

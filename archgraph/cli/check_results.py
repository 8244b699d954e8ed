"""What `archgraph check` prints of its results, for people, for programs and for CI systems."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Any

from archgraph.cli.checked_networks import CheckedNetwork, Limit
from archgraph.cli.output import echo, plain_problem, print_json, warn
from archgraph.errors import ArchgraphError, Problem
from archgraph.records import record


class Format(StrEnum):
    """How results are printed."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    SARIF = "sarif"


@record()
class Result:
    """What became of one spec: the networks of its presets, or its error."""

    spec: str
    networks: list[CheckedNetwork]
    error: ArchgraphError | None = None

    @property
    def problems(self) -> Iterator[Problem]:
        """Errors, or the warnings of what is right, each once."""
        found = self.error.problems if self.error else (each for found in self.networks for each in found.warnings)
        yield from dict.fromkeys(found)


def print_results(results: Iterable[Result], form: Format) -> bool:
    """All results, in a format: as text each as soon as it comes. Whether all specs are right."""
    known = []
    for result in results:
        known.append(result)
        if form is Format.TEXT:
            _show(result)
            sys.stdout.flush()  # whoever reads it through a pipe sees it, and ends the rest by going away
    if form is Format.JSON:
        print_json([_plain(result) for result in known])
    elif form is not Format.TEXT:
        _print_for_ci(known, form)
    return not any(result.error for result in known)


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
    if result.error is not None:
        echo(result.error, file=sys.stderr)
        return
    if not result.networks:
        echo(f"{result.spec}: ok, blocks only")
    if len(result.networks) > 1:
        defaults = "where none is named, other commands take the parameters' defaults"
        echo(f"{result.spec}: {len(result.networks)} presets, each checked; {defaults}")
    warn(warning for network in result.networks for warning in network.warnings)
    for network in result.networks:
        echo(f"{network.title}: ok, {network.parameters:,} parameters")
        for name, kind in network.inputs.items():
            echo(f"  input   {name} {kind}")
        for name, kind in network.outputs.items():
            echo(f"  output  {name} {kind}")
        for name, kind in network.training_outputs.items():
            echo(f"  output  {name} {kind}, in training only")
        _show_limits("size ", network.constraints)
        _show_limits("range", network.ranges.values())


def _show_limits(title: str, limits: Iterable[Limit]) -> None:
    for limit in limits:
        echo(f"  {title}   {limit.text}")
        if limit.because:
            echo(f"          because of {limit.because}")


def _plain(result: Result) -> dict[str, Any]:
    return {
        "spec": result.spec,
        "ok": result.error is None,
        "graphs": [_plain_network(network) for network in result.networks],
        "problems": [plain_problem(problem) for problem in result.error.problems] if result.error else [],
    }


def _plain_network(network: CheckedNetwork) -> dict[str, Any]:
    trained = {"training_outputs": network.training_outputs} if network.training_outputs else {}
    return {
        "name": network.name,
        "preset": network.preset,
        "parameters": network.parameters,
        "inputs": network.inputs,
        "outputs": network.outputs,
        **trained,
        "constraints": [found.plain for found in network.constraints],
        "ranges": {name: found.plain for name, found in network.ranges.items()},
        "warnings": [plain_problem(problem) for problem in network.warnings],
    }

"""What a check says of a network, as plain data: a folder of networks is not held until the last one is checked, and
what a process of its own found can be handed back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from archgraph.dims import Cause
from archgraph.errors import Problem
from archgraph.graph.index_tables import index_ranges
from archgraph.graph.keys import parameter_count
from archgraph.graph.types import Graph
from archgraph.records import record


@record()
class Limit:
    """A constraint on a size, or the range of an input: as text with its reason, and as plain data."""

    text: str
    because: str
    plain: Mapping[str, Any]


@record()
class CheckedNetwork:
    """A network that was checked. Types stand as text."""

    title: str
    name: str
    preset: str
    parameters: int
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    training_outputs: Mapping[str, str]
    constraints: Sequence[Limit]
    ranges: Mapping[str, Limit]
    warnings: Sequence[Problem]


def checked_network(graph: Graph) -> CheckedNetwork:
    """What a check says of a graph."""
    return CheckedNetwork(
        graph.title,
        graph.name,
        graph.info.preset,
        parameter_count(graph),
        {value.name: str(value.type) for value in graph.inputs},
        {name: str(value.type) for name, value in graph.outputs.items()},
        {name: str(value.type) for name, value in graph.training_outputs.items()},
        [Limit(found.text, _because(found.causes), found.to_json()) for found in graph.constraints],
        {
            name: Limit(str(found), _because(found.causes), {**found.to_json(), "causes": _plain(found.causes)})
            for name, found in index_ranges(graph).items()
        },
        graph.warnings,
    )


def _plain(causes: Sequence[Cause]) -> list[dict[str, Any]]:
    return [cause.to_json() for cause in causes]


def _because(causes: Sequence[Cause]) -> str:
    """The first cause, and how many there are besides; '' where there is none."""
    if not causes:
        return ""
    first = causes[0]
    line = f" ({Path(first.where.file).name}:{first.where.line})" if first.where else ""
    more = f" and {len(causes) - 1} more" if len(causes) > 1 else ""
    place = f"{first.path}{line}{more}"
    return f"{place}: {first.reason}" if place else first.reason

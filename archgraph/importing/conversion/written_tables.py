"""Tables of numbers as the steps that make them: nodes of the language in the place of a constant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from archgraph.codegen import to_torch
from archgraph.graph.builder import CallSpec
from archgraph.graph.types import Call, Graph, Value
from archgraph.importing.proof.float64_evaluation import float64_evaluation
from archgraph.language.load import load

if TYPE_CHECKING:
    from archgraph.importing.conversion.body_translation import BodyTranslation

Nodes = Mapping[str, Any]
"""Nodes as a spec writes them, by name; the last one makes the table."""
ROUNDING = {torch.float32: 2.0**-24, torch.float64: 2.0**-53}
"""Of a number, as part of it."""


@dataclass(frozen=True, slots=True)
class FloatTable:
    """The steps of a table, and by how much each number may differ from what they make."""

    nodes: Nodes
    bound: torch.Tensor


def table_graph(nodes: Nodes) -> Graph:
    """The steps of a table as a graph without inputs."""
    return load({"archgraph": 1, "name": "table", "nodes": dict(nodes)})


def unrounded_table(graph: Graph) -> torch.Tensor:
    """The numbers that the steps of a table make in float64."""
    with torch.device("cpu"), float64_evaluation():
        made: torch.Tensor = to_torch(graph)()
    return made


def written_table(body: BodyTranslation, name: str, graph: Graph) -> Value:
    """The steps of a table in a body; what makes it has the name of the table, the others follow from it."""
    values: dict[int, Value] = {}
    for item in graph.items:
        title = name if item is graph.items[-1] else body.free_name(f"{name}_{item.name}")
        if isinstance(item, Call):
            how = CallSpec(kind=item.kind, block=item.block, arguments=item.arguments)
            read = [values[id(value)] for value in item.inputs]
            made = body.builder.call(title, item.body, read, as_=how).outputs
        else:
            by_port = {port: values[id(value)] for port, value in item.inputs.items()}
            made = body.note(body.builder.apply(title, item.op, by_port)).outputs
        values.update(zip(map(id, item.outputs), made, strict=True))
    (result,) = graph.outputs.values()
    return values[id(result)]

"""Networks whose tables are looked up by their inputs as they are, as those of language models and of classes are.
What `topk` and `sort` chose along a dimension, such as a mixture's experts, has its place in one of that size.

Their ranges are seen at once, and always hold a number. All others are followed through the network (`index_ranges`),
on arrays of numpy, whose import takes as long as a load.
"""

from __future__ import annotations

from collections.abc import Mapping

from archgraph.dims import Dim
from archgraph.graph.input_range import RowsOfTables
from archgraph.graph.types import Call, Graph, Node, Value

CHOOSING = ("topk", "sort")
"""Operations whose second result are the places of their values."""


def rows_of_inputs(graph: Graph) -> dict[str, RowsOfTables] | None:
    """The range of each input that looks up tables; None where an index is computed, counted or stored, or is read by
    another operation than `embedding`."""
    found: dict[str, list[Node]] = {value.name: [] for value in graph.inputs}
    if not _collect(graph, {value: value.name for value in graph.inputs}, {}, found):
        return None
    return {name: _range(name, nodes) for name, nodes in found.items() if nodes}


def _collect(body: Graph, known: dict[Value, str], chosen: dict[Value, Dim], found: dict[str, list[Node]]) -> bool:
    """Notes the tables by the input that looks them up; whether that is all that is read by indices. `known` are the
    values that are an input, `chosen` the places that were chosen, with the size of their dimension."""
    for item in body.items:
        if item.training:
            continue
        if isinstance(item, Call):
            if item.scan is not None:
                return False
            pairs = [*zip(item.body.inputs, item.inputs, strict=True)]
            inner = {inside: known[outer] for inside, outer in pairs if outer in known}
            places = {inside: chosen[outer] for inside, outer in pairs if outer in chosen}
            if not _collect(item.body, inner, places, found):
                return False
            made = zip(item.outputs, item.body.outputs.values(), strict=True)
            known.update({outer: inner[value] for outer, value in made if value in inner})
        elif item.op.name in CHOOSING:
            kind = item.types["input"]
            chosen[item.outputs[1]] = kind.shape[item.op.axis(kind)]  # type: ignore[attr-defined]
        elif item.op.indices and not _within(item, chosen):
            name = known.get(item.inputs["input"]) if item.op.name == "embedding" else None
            if name is None:
                return False
            found[name].append(item)
    return True


def _within(node: Node, chosen: Mapping[Value, Dim]) -> bool:
    """Whether all places that it reads or writes were chosen along a dimension that is no longer than its own."""
    return all(
        node.inputs[port] in chosen and node.op.index_range(port, node.types)[1] == chosen[node.inputs[port]] - 1
        for port in node.op.indices
    )


def _range(name: str, tables: list[Node]) -> RowsOfTables:
    """What all of the tables have; the last one that reads it is its first cause."""
    last_rows = [node.op.index_range("input", node.types)[1] for node in tables]
    rows = 1 + min(row for row in last_rows if isinstance(row, int))
    return RowsOfTables(name, rows, tuple(dict.fromkeys(reversed(tables))))

"""Networks whose tables are looked up by their inputs as they are, and by what no input decides: positions that are
counted, an index that stands in the spec, places that `topk` chose.

What they need is seen at once: inputs have ranges that always hold a number, and what is counted up to a size narrows
that size. All others are followed through the network (`index_ranges`), on arrays of numpy, whose import takes as long
as a load.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from archgraph.dims import Cause, Dim, Facts
from archgraph.graph.embedding_tables import reads_tables
from archgraph.graph.extents import ValueExtent, extents
from archgraph.graph.input_range import RowsOfTables
from archgraph.graph.types import Call, Graph, Node, Value
from archgraph.ops.contract import INTEGER_TYPES


@dataclass(slots=True)
class DirectIndices:
    """The tables by the input that looks them up, and what has to be at least 0 for each count, with its cause."""

    tables: dict[str, list[Node]]
    demands: list[tuple[Dim, Cause]] = field(default_factory=list)

    def ranges(self) -> dict[str, RowsOfTables]:
        """The range of each input that looks up tables."""
        return {name: _range(name, nodes) for name, nodes in self.tables.items() if nodes}

    def require(self, facts: Facts) -> None:
        """Narrows the sizes that count beyond a table. Raises ShapeError where none is left."""
        for room, cause in self.demands:
            facts.require_at_least(room, 0, cause)


def direct_indices(graph: Graph) -> DirectIndices | None:
    """What all indices need; None where one is computed of an input, may lie outside as far as is seen here, or is read
    by another operation than `embedding` as the input has it."""
    found = DirectIndices({value.name: [] for value in graph.inputs})
    return found if _collect(graph, {value: value.name for value in graph.inputs}, {}, found) else None


def _collect(body: Graph, inputs: dict[Value, str], known: dict[Value, ValueExtent], found: DirectIndices) -> bool:
    """Notes what the indices in a body need; whether that is seen of all of them. `inputs` are the values that are an
    input, `known` those whose extent is."""
    for item in body.items:
        if item.training:
            continue
        if isinstance(item, Node):
            if item.op.indices and not all(_is_direct(item, port, inputs, known, found) for port in item.op.indices):
                return False
            known.update(extents(item, known))
        elif item.scan is not None:
            if reads_tables(item.body):
                return False
        elif not _collect_inside(item, inputs, known, found):
            return False
    return True


def _collect_inside(
    call: Call, inputs: dict[Value, str], known: dict[Value, ValueExtent], found: DirectIndices
) -> bool:
    """`_collect` in the body of a call, whose results are known outside as they are inside."""
    pairs = [*zip(call.body.inputs, call.inputs, strict=True)]
    theirs = {inside: inputs[outer] for inside, outer in pairs if outer in inputs}
    within = {inside: known[outer] for inside, outer in pairs if outer in known}
    if not _collect(call.body, theirs, within, found):
        return False
    made = [*zip(call.outputs, call.body.outputs.values(), strict=True)]
    inputs.update({outer: theirs[value] for outer, value in made if value in theirs})
    known.update({outer: within[value] for outer, value in made if value in within})
    return True


def _is_direct(
    node: Node, port: str, inputs: dict[Value, str], known: dict[Value, ValueExtent], found: DirectIndices
) -> bool:
    """Whether what a port of indices needs is seen here; notes it."""
    value = node.inputs.get(port)
    if value is None:
        return True
    if value in inputs and node.op.name == "embedding":
        found.tables[inputs[value]].append(node)
        return True
    extent = known.get(value)
    if extent is None or value.dtype not in INTEGER_TYPES:
        return False
    first, last = node.op.index_range(port, node.types)
    if not _is_at_least(extent.low, first):
        return False
    if _is_at_least(last, extent.high):
        return True
    counted_to_size = extent.attained and not isinstance(extent.high, int) and _is_at_least(last, extent.low)
    if not counted_to_size or not isinstance(last, int):
        return False
    cause = Cause(node.op.index_range_text(node.types), node.origin.mark, node.origin.address)
    found.demands.append((last - extent.high, cause))
    return True


def _is_at_least(a: Dim, b: Dim) -> bool:
    """Whether a ≥ b, whatever the sizes are."""
    room = a - b
    return isinstance(room, int) and room >= 0


def _range(name: str, tables: list[Node]) -> RowsOfTables:
    """What all of the tables have; the last one that reads it is its first cause."""
    last_rows = [node.op.index_range("input", node.types)[1] for node in tables]
    rows = 1 + min(row for row in last_rows if isinstance(row, int))
    return RowsOfTables(name, rows, tuple(dict.fromkeys(reversed(tables))))

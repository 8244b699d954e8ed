"""What is said of indices that are no places of what reads them."""

from __future__ import annotations

from archgraph.dims import Dim
from archgraph.errors import Problem, ShapeError
from archgraph.graph.index_suppositions import Supposition
from archgraph.graph.input_intervals import InputIntervals
from archgraph.graph.intervals import Bound
from archgraph.graph.task import rows_of
from archgraph.graph.types import Node
from archgraph.ops.embedding import Embedding


def is_outside(bound: int, first: Dim, last: Dim) -> bool:
    """Whether a number is no place between the first and the last one, as far as these are numbers."""
    return (isinstance(first, int) and bound < first) or (isinstance(last, int) and bound > last)


def beyond(node: Node, port: str, bound: Bound, supposed: Supposition | None) -> ShapeError:
    """That an index is no place of what a node reads; under a supposition, which one."""
    first, last = node.op.index_range(port, node.types)
    table = isinstance(node.op, Embedding)
    return ShapeError(
        Problem(
            "an index lies outside of the table" if table else f"an index lies outside of what {node.op.name} reads",
            node.origin.mark,
            node.origin.address,
            expected=f"{first} to {last}" + (", its rows" if table else ""),
            received=str(bound) if supposed is None else f"{bound}, {supposed}",
            hint="" if supposed is None else "'masked_fill' or 'clamp' before it keeps all indices within",
        )
    )


def _offered(node: Node) -> str:
    """What a node has places for."""
    name = f"'{node.origin.address or node.name}'"
    if isinstance(node.op, Embedding):
        return f"{name} has {rows_of(node)} rows"
    first, last = node.op.index_range(node.op.indices[0], node.types)
    return f"{name} reads places {first} to {last}"


def nothing_left(item: InputIntervals, low: Bound, high: Bound) -> ShapeError:
    """That an input has no number which every table takes."""
    node, *others = reversed(item.sources)
    rows = [_offered(each) for each in item.sources]
    return ShapeError(
        Problem(
            f"no number in the input '{item.name}' is an index of every table that is read with it",
            node.origin.mark,
            node.origin.address,
            expected="a number that all of them have a row for",
            received=f"at least {low} and at most {high}: {', '.join(rows)}",
            notes=tuple((f"read by {other.origin.address or other.name} too", other.origin.mark) for other in others),
        )
    )

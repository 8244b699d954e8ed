"""Whether a network reads tables by index: only then are the numbers that its inputs may hold bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archgraph.graph.types import Call, Graph
from archgraph.ops.embedding import Embedding

if TYPE_CHECKING:
    from archgraph.graph.input_range import InputRange


def index_ranges(graph: Graph) -> dict[str, InputRange]:
    """Which whole numbers each input may hold, of those that are bounded. Bounds may be sizes."""
    if not reads_tables(graph):
        return {}
    from archgraph.graph.index_ranges import input_ranges  # numpy is not needed for networks without tables

    return input_ranges(graph)


def reads_tables(graph: Graph) -> bool:
    """Whether any table is read, in this body or below."""
    return any(
        reads_tables(item.body) if isinstance(item, Call) else isinstance(item.op, Embedding) for item in graph.items
    )

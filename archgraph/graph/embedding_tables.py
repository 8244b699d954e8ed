"""Whether a network has embedding tables, whose indices are bounded."""

from __future__ import annotations

from archgraph.graph.types import Call, Graph
from archgraph.ops.embedding import Embedding


def reads_tables(graph: Graph) -> bool:
    """Whether any table is read, in this body or below."""
    return any(
        reads_tables(item.body) if isinstance(item, Call) else isinstance(item.op, Embedding) for item in graph.items
    )

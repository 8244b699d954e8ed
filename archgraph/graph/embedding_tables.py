"""Whether a network reads anything at places that whole numbers name, which are bounded."""

from __future__ import annotations

from archgraph.graph.types import Call, Graph


def reads_tables(graph: Graph) -> bool:
    """Whether anything is read by indices, a table for instance, in this body or below."""
    return any(reads_tables(item.body) if isinstance(item, Call) else bool(item.op.indices) for item in graph.items)

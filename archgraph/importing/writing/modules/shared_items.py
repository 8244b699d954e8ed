"""What is applied again elsewhere, by its identity: it keeps its place and its form."""

from __future__ import annotations

from collections.abc import Iterator

from archgraph.graph.types import Call, Graph


def shared_items(graph: Graph) -> frozenset[int]:
    """The ids of the operations and calls of which others apply the module again, at every depth."""
    return frozenset(_shared(graph))


def _shared(graph: Graph) -> Iterator[int]:
    for item in graph.items:
        if item.shares is not None:
            yield id(item.shares)
        if isinstance(item, Call):
            yield from _shared(item.body)

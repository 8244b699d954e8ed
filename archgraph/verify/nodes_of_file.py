"""All operators of a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def nodes_of(graph: Any) -> Iterator[Any]:
    """The nodes of a graph of ONNX, and those of the bodies that some of them run, at any depth."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for body in (attribute.g, *attribute.graphs):
                yield from nodes_of(body)

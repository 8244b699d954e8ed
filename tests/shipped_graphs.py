"""Shipped models as graphs, each made once in a process: many tests look at one, and none can change it."""

from __future__ import annotations

from functools import cache

import archgraph
from archgraph.graph.types import Graph


@cache
def shipped(name: str) -> Graph:
    """The graph of a shipped model or of one of its presets."""
    return archgraph.load(name)

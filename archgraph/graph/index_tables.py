"""The bounds of integer inputs, computed only for a network that has such inputs and reads embedding tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from archgraph.graph.direct_indices import direct_indices
from archgraph.graph.embedding_tables import reads_tables
from archgraph.ops.contract import INTEGER_TYPES

if TYPE_CHECKING:
    from archgraph.graph.input_range import InputRange
    from archgraph.graph.types import Graph


def index_ranges(graph: Graph) -> Mapping[str, InputRange]:
    """Which whole numbers each input may hold, of those that are bounded. Bounds may be sizes."""
    if not any(value.dtype in INTEGER_TYPES for value in graph.inputs) or not reads_tables(graph):
        return {}
    direct = direct_indices(graph)
    if direct is not None:
        return direct.ranges()
    from archgraph.graph.index_ranges import input_ranges  # numpy is not needed for networks without such indices

    return input_ranges(graph)

"""Weights that evaluation never reads: auxiliary heads, and what a checkpoint holds without need.

They stand in the graph in training only, under their keys, so that the module's own state dict loads strictly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from archgraph.graph.keys import weights
from archgraph.graph.types import Graph, Node
from archgraph.importing.stored_tensors import stored_operation

if TYPE_CHECKING:
    from archgraph.graph.builder import Builder


def add_unread_weights(builder: Builder, graph: Graph, state: Mapping[str, torch.Tensor]) -> tuple[Node, ...]:
    """Puts a node of training for each key of the state that the graph lacks into its body."""
    read = {item.key for item in weights(graph)}
    builder.training = True
    made = [
        builder.apply(key, stored_operation(key, tensor, key)) for key, tensor in state.items() if key not in read
    ]
    builder.training = False
    return tuple(made)

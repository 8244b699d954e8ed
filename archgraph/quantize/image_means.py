"""Means of whole images: ONNX Runtime has a kernel that takes bytes for GlobalAveragePool, and none for ReduceMean. In
float32 it is the other way round: ReduceMean rounds less."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

_SPACE = 2
"""The first dimension of an image in space, behind the batch and the channels."""


def image_means(model: Any) -> frozenset[str]:
    """The names of the nodes that take the mean of all places of each channel, by ReduceMean."""
    from onnx import numpy_helper

    found = [node for node in model.graph.node if node.op_type == "ReduceMean" and _keeps(node)]
    if not found:
        return frozenset()
    weights = {item.name: item for item in model.graph.initializer}
    values = (*model.graph.input, *model.graph.value_info)
    ranks = {value.name: len(value.type.tensor_type.shape.dim) for value in values}
    return frozenset(
        node.name
        for node in found
        if len(node.input) > 1
        and node.input[1] in weights
        and node.input[0] in ranks
        and sorted(numpy_helper.to_array(weights[node.input[1]]).tolist()) == list(range(_SPACE, ranks[node.input[0]]))
    )


def _keeps(node: Any) -> bool:
    return all(item.i == 1 for item in node.attribute if item.name == "keepdims")


def write_as_pools(model: Any, names: Collection[str]) -> None:
    """Makes GlobalAveragePools of these means. The axes that nothing else reads go."""
    for node in model.graph.node:
        if node.name in names:
            node.op_type = "GlobalAveragePool"
            axes = node.input.pop(1)
            del node.attribute[:]
            if not any(axes in other.input for other in model.graph.node):
                kept = [item for item in model.graph.initializer if item.name != axes]
                del model.graph.initializer[:]
                model.graph.initializer.extend(kept)

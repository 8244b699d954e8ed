"""Barriers: operators that cost nothing, across which ONNX Runtime's optimiser moves no other."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

BARRIER = "/float"


def insert_pool_barriers(model: Any) -> None:
    """Holds the rounding behind a float max pool where it stands.

    ONNX Runtime moves it in front otherwise, and its max pool of bytes in NCHW is some 40 times slower than the float
    one in its blocked layout. `Max` of one value is that value, and nothing moves across it.
    """
    import onnx

    pools = {node.output[0] for node in model.graph.node if node.op_type == "MaxPool"}
    rounded = {node.input[0] for node in model.graph.node if node.op_type == "QuantizeLinear"} & pools
    nodes = []
    for node in model.graph.node:
        if node.op_type == "QuantizeLinear" and node.input[0] in rounded:
            node.input[0] += BARRIER
        nodes.append(node)
        if node.op_type == "MaxPool" and node.output[0] in rounded:
            value = node.output[0]
            nodes.append(onnx.helper.make_node("Max", [value], [value + BARRIER], name=value + BARRIER))
    _replace_nodes(model, nodes)


def _replace_nodes(model: Any, nodes: list[Any]) -> None:
    copied = [type(node).FromString(node.SerializeToString()) for node in nodes]
    del model.graph.node[:]
    model.graph.node.extend(copied)


def insert_layout_barriers(model: Any, quantised: Collection[str]) -> None:
    """Holds the values of a convolution where they become float32 for readers that do not work on integers.

    ONNX Runtime's convolutions of bytes want the channels last. Else it moves the way back across what follows, where
    it takes four times the bytes, and rounds what it has moved once more. A `Reshape` to the same shape costs nothing,
    and nothing moves across it.
    """
    import onnx

    weights = {item.name: item for item in model.graph.initializer}
    makers = {value: node for node in model.graph.node for value in node.output}
    ranks = {
        node.output[0]: len(weights[makers[maker.input[1]].input[0]].dims)
        for node in model.graph.node
        if (maker := _convolution_behind(node, makers)) is not None
    }
    on_floats = [node for node in model.graph.node if node.name not in quantised and node.op_type != "QuantizeLinear"]
    held = {value for node in on_floats for value in node.input if value in ranks}
    for node in on_floats:
        kept = [value + BARRIER if value in held else value for value in node.input]
        del node.input[:]
        node.input.extend(kept)
    nodes = []
    for node in model.graph.node:
        nodes.append(node)
        nodes += [_unmoved(value, ranks[value]) for value in node.output if value in held]
    for rank in sorted({ranks[value] for value in held}):
        shape = np.array([0] * (rank - 1) + [-1], np.int64)
        model.graph.initializer.append(onnx.numpy_helper.from_array(shape, _same(rank)))
    _replace_nodes(model, nodes)


def _unmoved(value: str, rank: int) -> Any:
    """A Reshape of a value to the shape that it has."""
    from onnx import helper

    return helper.make_node("Reshape", [value, _same(rank)], [value + BARRIER], name=value + BARRIER)


def _same(rank: int) -> str:
    """The name of a shape that stands for the one that is there: dimensions copied, the last one inferred."""
    return f"{rank}d{BARRIER}"


def _convolution_behind(node: Any, makers: Mapping[str, Any]) -> Any:
    """The quantised convolution whose values a DequantizeLinear widens; None for any other node."""
    rounding = makers.get(node.input[0]) if node.op_type == "DequantizeLinear" else None
    if rounding is None or rounding.op_type != "QuantizeLinear":
        return None
    maker = makers.get(rounding.input[0])
    weighed = maker is not None and maker.op_type == "Conv" and maker.input[1] in makers
    return maker if weighed else None


def is_barrier(node: Any, weights: Mapping[str, Any]) -> bool:
    """Whether a node is one of these, and so gives what it is given. `weights` are the model's, by name."""
    from onnx import numpy_helper

    if not node.name.endswith(BARRIER):
        return False
    if node.op_type == "Max":
        return len(node.input) == 1
    if node.op_type != "Reshape" or node.input[1] not in weights:
        return False
    *copied, inferred = numpy_helper.to_array(weights[node.input[1]]).tolist()
    return inferred == -1 and not any(copied) and not node.attribute

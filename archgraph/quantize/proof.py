"""The proof of a quantised file against the float32 file of its network: the same operators, and the same
weights but for half a step of rounding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.errors import Problem
from archgraph.quantize.image_means import image_means, write_as_pools
from archgraph.quantize.layout_barriers import is_barrier

HALF_STEP = 0.5 + 1e-3
_QUANTISING = ("QuantizeLinear", "DequantizeLinear")


def differences(exact: Any, rounded: Any) -> Iterator[Problem]:
    """Every operator and weight of the quantised model that is not the float one's."""
    from onnx import numpy_helper

    exact = _with_pools_of(exact, rounded)
    stored = {item.name: item for item in rounded.graph.initializer}
    wanted = {item.name: numpy_helper.to_array(item) for item in exact.graph.initializer}
    plain = _Plain(rounded)
    yield from _operators(exact, plain)
    for name, value in wanted.items():
        if name in stored:
            if not np.array_equal(numpy_helper.to_array(stored[name]), value):
                yield Problem(f"the weight '{name}' differs, though it is not quantised")
            continue
        widened = [source for source, root in plain.weights.items() if root == name]
        if not widened:
            yield Problem(f"the weight '{name}' is missing")
        for source in widened:
            yield from _rounding(name, value, plain.dequantisers[source], stored)


def _with_pools_of(exact: Any, rounded: Any) -> Any:
    """The float model, with those of its means of images as pools that are pools in the quantised one."""
    pools = {node.name for node in rounded.graph.node if node.op_type == "GlobalAveragePool"}
    means = image_means(exact) & pools
    if not means:
        return exact
    copy = type(exact)()
    copy.CopyFrom(exact)
    write_as_pools(copy, means)
    return copy


def _rounding(name: str, value: Array, node: Any, stored: Mapping[str, Any]) -> Iterator[Problem]:
    """Whether integers and scales give the weight back but for half a step."""
    from onnx import numpy_helper

    integers, scale, zero = (numpy_helper.to_array(stored[part]) for part in node.input)
    axis = next((item.i for item in node.attribute if item.name == "axis"), 1)
    shape = [1] * integers.ndim
    if scale.ndim:
        shape[axis] = -1
    step = scale.astype(np.float64).reshape(shape)
    found = (integers.astype(np.float64) - zero.astype(np.float64).reshape(shape)) * step
    # Where a channel is tiny compared with its bias, the quantiser rounds it to whole steps.
    largest = float((np.abs(found - value) / step).max(initial=0)) if found.shape == value.shape else np.inf
    if largest > HALF_STEP:
        yield Problem(
            f"the quantised weight '{name}' is not the network's",
            expected="at most half a step of rounding",
            received=f"{largest:.3g} steps",
        )


def _operators(exact: Any, plain: _Plain) -> Iterator[Problem]:
    for node in exact.graph.node:
        twin = plain.nodes.pop(node.name, None)
        if twin is None:
            # A ReLU that is the lower end of a range of bytes is left out by the quantiser.
            if node.op_type not in ("Relu", "Clip"):
                yield Problem(f"the operator '{node.name}' ({node.op_type}) is missing")
            plain.roots[node.output[0]] = plain.root(node.input[0])
        elif _described(twin) != _described(node):
            yield Problem(f"the operator '{node.name}' is another one", expected=node.op_type, received=twin.op_type)
        elif [plain.root(name) for name in twin.input] != [plain.root(name) for name in node.input]:
            yield Problem(f"the operator '{node.name}' reads something else")
    for name, node in plain.nodes.items():
        yield Problem(f"there is an operator '{name}' ({node.op_type}) that the network does not have")


def _described(node: Any) -> tuple[Any, ...]:
    given = sorted(item.SerializeToString() for item in node.attribute if item.name != "beta")
    return node.op_type, node.domain, tuple(given)


class _Plain:
    """A quantised model without what rounds: its other operators, and what each value is a rounding of."""

    def __init__(self, model: Any):
        weights = {item.name: item for item in model.graph.initializer}
        self.nodes: dict[str, Any] = {}
        self.roots: dict[str, str] = {}
        self.weights: dict[str, str] = {}
        self.dequantisers: dict[str, Any] = {}
        for node in model.graph.node:
            if node.op_type == "DequantizeLinear" and node.input[0] in weights:
                root = node.input[0].removesuffix("_quantized")
                self.roots[node.output[0]] = self.weights[node.output[0]] = root
                self.dequantisers[node.output[0]] = node
            elif node.op_type in _QUANTISING or is_barrier(node, weights):
                self.roots[node.output[0]] = node.input[0]
            else:
                self.nodes[node.name] = node

    def root(self, name: str) -> str:
        """The value of the float network that a value stands for."""
        while name in self.roots and self.roots[name] != name:
            name = self.roots[name]
        return name

"""Faults that are planted into exported files: each changes a model where it can, and says whether it could."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from onnx import helper, numpy_helper

Graph = Any
Fault = Callable[[Graph, np.random.Generator], bool]
FAULTS: dict[str, Fault] = {}


def fault(name: str) -> Callable[[Fault], Fault]:
    def register(change: Fault) -> Fault:
        FAULTS[name] = change
        return change

    return register


def _nodes(graph: Graph, *kinds: str) -> list[Any]:
    return [node for node in graph.node if node.op_type in kinds]


def _one(items: list[Any], rng: np.random.Generator) -> Any:
    return items[int(rng.integers(len(items)))] if items else None


def _weights(graph: Graph) -> list[Any]:
    """Weights of the network in float32, not the constants of its operators."""
    return [item for item in graph.initializer if item.data_type == 1 and not item.name.startswith("const/")]


def _values(tensor: Any) -> Any:
    return numpy_helper.to_array(tensor)


def _put(tensor: Any, values: Any) -> bool:
    """Gives a tensor other values; whether they are others."""
    made = np.ascontiguousarray(values, dtype=_values(tensor).dtype)
    if np.array_equal(made, _values(tensor)):
        return False
    tensor.CopyFrom(numpy_helper.from_array(made, tensor.name))
    return True


def _attributes(graph: Graph, name: str) -> Iterator[Any]:
    return (item for node in graph.node for item in node.attribute if item.name == name)


def _after(graph: Graph, node: Any, kind: str, more: dict[str, Any], **attributes: Any) -> None:
    """Puts an operator behind a node, between it and all that read it. `more` are further inputs, constants."""
    name = node.output[0]
    node.output[0] = f"{name}/before"
    for key, values in more.items():
        graph.initializer.append(numpy_helper.from_array(values, key))
    made = helper.make_node(kind, [node.output[0], *more], [name], name=f"{name}/planted", **attributes)
    graph.node.insert(list(graph.node).index(node) + 1, made)


def _epsilon(graph: Graph, rng: np.random.Generator, value: float) -> bool:
    chosen = _one([item for item in _attributes(graph, "epsilon") if item.f not in (0.0, np.float32(value))], rng)
    if chosen is None:
        return False
    chosen.f = value
    return True


@fault("epsilon of 1e-3")
def epsilon_large(graph: Graph, rng: np.random.Generator) -> bool:
    return _epsilon(graph, rng, 1e-3)


@fault("epsilon of 1e-6")
def epsilon_small(graph: Graph, rng: np.random.Generator) -> bool:
    return _epsilon(graph, rng, 1e-6)


@fault("GELU's other form")
def other_gelu(graph: Graph, rng: np.random.Generator) -> bool:
    """erf(u) as tanh(2/√π (u + 0.0894 u³)), which is what the other form says."""
    node = _one(_nodes(graph, "Erf"), rng)
    if node is None:
        return False
    place, u = list(graph.node).index(node), node.input[0]
    for key, value in (("three", 3.0), ("cubic", 2 * 0.044715), ("slope", 2 / math.sqrt(math.pi))):
        graph.initializer.append(numpy_helper.from_array(np.float32(value), f"{u}/{key}"))
    steps = [("Pow", [u, f"{u}/three"], "p"), ("Mul", [f"{u}/p", f"{u}/cubic"], "c"), ("Add", [u, f"{u}/c"], "s")]
    for kind, given, made in [*steps, ("Mul", [f"{u}/s", f"{u}/slope"], "i")]:
        graph.node.insert(place, helper.make_node(kind, given, [f"{u}/{made}"], name=f"{u}/{made}"))
        place += 1
    node.op_type = "Tanh"
    node.input[0] = f"{u}/i"
    return True


@fault("weight transposed")
def transposed(graph: Graph, rng: np.random.Generator) -> bool:
    square = {item.name for item in _weights(graph) if len(item.dims) == 2 and item.dims[0] == item.dims[1]}
    node = _one([node for node in _nodes(graph, "MatMul", "Gemm") if node.input[1] in square], rng)
    if node is None:
        return False
    turned = helper.make_node("Transpose", [node.input[1]], [f"{node.name}/turned"], perm=[1, 0])
    graph.node.insert(list(graph.node).index(node), turned)
    node.input[1] = turned.output[0]
    return True


def _exchanged(graph: Graph, rng: np.random.Generator, wanted: Callable[[Any], bool]) -> bool:
    """Two weights of one shape, each read where the other should be."""
    items = [item for item in _weights(graph) if wanted(item)]
    pairs = [(a.name, b.name) for a in items for b in items if a.name < b.name and list(a.dims) == list(b.dims)]
    pair = _one(pairs, rng)
    if pair is None:
        return False
    names = {pair[0]: pair[1], pair[1]: pair[0]}
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
    return True


@fault("biases exchanged")
def exchanged_biases(graph: Graph, rng: np.random.Generator) -> bool:
    return _exchanged(graph, rng, lambda item: len(item.dims) == 1)


@fault("kernels exchanged")
def exchanged_kernels(graph: Graph, rng: np.random.Generator) -> bool:
    return _exchanged(graph, rng, lambda item: len(item.dims) > 1)


@fault("padding off by one")
def padding(graph: Graph, rng: np.random.Generator) -> bool:
    usable = [item for item in _attributes(graph, "pads") if len(item.ints) == 4 and min(item.ints) > 0]
    chosen = _one(usable, rng)
    if chosen is None:
        return False
    top, left, bottom, right = chosen.ints
    chosen.ints[:] = [top + 1, left, bottom - 1, right]
    return True


@fault("statistics of another step")
def stale(graph: Graph, rng: np.random.Generator) -> bool:
    item = _one([item for item in _weights(graph) if "running" in item.name], rng)
    return item is not None and _put(item, 0.9 * _values(item) + 0.1)


@fault("bias lost")
def lost_bias(graph: Graph, rng: np.random.Generator) -> bool:
    kinds = ("Conv", "Gemm", "ConvTranspose", "LayerNormalization")
    node = _one([node for node in _nodes(graph, *kinds) if len(node.input) == 3], rng)
    if node is None:
        return False
    del node.input[2]
    return True


@fault("scale of a norm lost")
def lost_scale(graph: Graph, rng: np.random.Generator) -> bool:
    scales = {item.name: item for item in _weights(graph)}
    kinds = ("LayerNormalization", "BatchNormalization", "InstanceNormalization")
    node = _one([node for node in _nodes(graph, *kinds) if node.input[1] in scales], rng)
    if node is None:
        return False
    tensor = scales[node.input[1]]
    ones = np.ones_like(_values(tensor))
    graph.initializer.append(numpy_helper.from_array(ones, f"{node.name}/ones"))
    node.input[1] = f"{node.name}/ones"
    return True


@fault("a constant off by 1e-3")
def constant(graph: Graph, rng: np.random.Generator) -> bool:
    """The scale of attention, GELU's ½, frequencies of a sinusoid, what a node adds or multiplies by."""
    item = _one([item for item in graph.initializer if item.data_type == 1 and item.name.startswith("const/")], rng)
    return item is not None and _put(item, _values(item) * np.float32(1.001))


@fault("residual dropped")
def dropped(graph: Graph, rng: np.random.Generator) -> bool:
    held = {item.name for item in graph.initializer}
    node = _one([node for node in _nodes(graph, "Add") if not held & set(node.input) and "/" not in node.name], rng)
    if node is None:
        return False
    node.op_type = "Identity"
    node.input[:] = [node.input[int(rng.integers(2))]]
    return True


@fault("one element off by 1e-3")
def one_element(graph: Graph, rng: np.random.Generator) -> bool:
    item = _one(_weights(graph), rng)
    if item is None:
        return False
    values = _values(item).copy()
    values.flat[int(rng.integers(values.size))] *= np.float32(1.001)
    return _put(item, values)


@fault("weights rounded to float16")
def halved(graph: Graph, rng: np.random.Generator) -> bool:
    with np.errstate(over="ignore"):
        changed = [_put(item, _values(item).astype(np.float16)) for item in _weights(graph)]
    return any(changed)


@fault("coordinates of interpolation")
def coordinates(graph: Graph, rng: np.random.Generator) -> bool:
    usable = {"half_pixel": b"pytorch_half_pixel", "asymmetric": b"half_pixel", "pytorch_half_pixel": b"asymmetric"}
    chosen = _one(list(_attributes(graph, "coordinate_transformation_mode")), rng)
    if chosen is None:
        return False
    chosen.s = usable.get(chosen.s.decode(), b"half_pixel")
    return True


@fault("parts in another order")
def parts(graph: Graph, rng: np.random.Generator) -> bool:
    """The inputs of a concatenation (channels, sines and cosines), or the outputs of a split."""
    node = _one(_nodes(graph, "Concat", "Split"), rng)
    held = {item.name for item in graph.initializer}
    if node is None or held & set(node.input[: 2 if node.op_type == "Concat" else 1]):
        return False
    names = node.input if node.op_type == "Concat" else node.output
    names[:] = [*names[1:], names[0]]
    return True


@fault("channels exchanged")
def channels(graph: Graph, rng: np.random.Generator) -> bool:
    node = _one(_nodes(graph, "Conv"), rng)
    tensor = next((item for item in graph.initializer if node is not None and item.name == node.input[1]), None)
    if tensor is None or tensor.dims[0] < 2:
        return False
    order = np.arange(tensor.dims[0])
    order[:2] = [1, 0]
    _after(graph, node, "Gather", {f"{node.name}/order": order}, axis=1)
    return True


@fault("mask ignored")
def mask(graph: Graph, rng: np.random.Generator) -> bool:
    softmax = {node.input[0] for node in _nodes(graph, "Softmax")}
    held = {item.name for item in graph.initializer}
    node = _one([node for node in _nodes(graph, "Add") if node.output[0] in softmax], rng)
    if node is None or node.input[0] in held or "mix" not in node.name:
        return False
    node.op_type = "Identity"
    del node.input[1]
    return True


@fault("ids off by one")
def ids(graph: Graph, rng: np.random.Generator) -> bool:
    rows = {item.name: int(item.dims[0]) for item in graph.initializer if item.dims}
    node = _one([node for node in _nodes(graph, "Gather") if node.input[0] in rows], rng)
    if node is None:
        return False
    place, one, size = list(graph.node).index(node), f"{node.name}/one", f"{node.name}/rows"
    graph.initializer.append(numpy_helper.from_array(np.int64(1), one))
    graph.initializer.append(numpy_helper.from_array(np.int64(rows[node.input[0]]), size))
    graph.node.insert(place, helper.make_node("Add", [node.input[1], one], [f"{one}/sum"]))
    graph.node.insert(place + 1, helper.make_node("Mod", [f"{one}/sum", size], [f"{one}/mod"]))
    node.input[1] = f"{one}/mod"
    return True


@fault("another activation")
def activation(graph: Graph, rng: np.random.Generator) -> bool:
    others = {"Sigmoid": "HardSigmoid", "Relu": "LeakyRelu", "Tanh": "Softsign", "Elu": "Selu", "Softplus": "Relu"}
    node = _one(_nodes(graph, *others), rng)
    if node is None:
        return False
    node.op_type = others[node.op_type]
    node.ClearField("attribute")
    return True


@fault("axis of a softmax")
def axis(graph: Graph, rng: np.random.Generator) -> bool:
    node = _one(_nodes(graph, "Softmax", "LogSoftmax"), rng)
    if node is None:
        return False
    next(item for item in node.attribute if item.name == "axis").i = 0
    return True


def _scaled(graph: Graph, rng: np.random.Generator, factor: float) -> bool:
    kinds = ("Conv", "Gemm", "MatMul", "Add", "Mul", "Sigmoid", "Softmax", "Tanh", "Relu", "Concat", "Elu", "Sin")
    node = _one(_nodes(graph, *kinds), rng)
    shapes = {item.name for item in graph.initializer if item.data_type == 7}
    if node is None or shapes & set(node.input):
        return False
    _after(graph, node, "Mul", {f"{node.output[0]}/factor": np.float32(factor)})
    return True


@fault("a value off by 1e-3")
def scaled(graph: Graph, rng: np.random.Generator) -> bool:
    return _scaled(graph, rng, 1.001)


@fault("a value off by 1e-4")
def scaled_little(graph: Graph, rng: np.random.Generator) -> bool:
    return _scaled(graph, rng, 1.0001)


@fault("a value rounded to float16")
def rounded(graph: Graph, rng: np.random.Generator) -> bool:
    node = _one(_nodes(graph, "Conv", "Gemm", "MatMul", "Relu", "Sigmoid", "Tanh", "Softmax"), rng)
    if node is None:
        return False
    name = node.output[0]
    _after(graph, node, "Cast", {}, to=10)
    planted = next(made for made in graph.node if made.name == f"{name}/planted")
    _after(graph, planted, "Cast", {}, to=1)
    return True

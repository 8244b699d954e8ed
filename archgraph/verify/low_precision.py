"""A file in a low element type on a processor that has no kernels for it: each operator computes in float32, and its
result is rounded to the type, as hardware does that multiplies low numbers and sums them in float32.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx

from archgraph.artifact.metadata_check import entries_of
from archgraph.artifact.metadata_keys import DTYPE
from archgraph.export.lowering.program import ELEMENT_TYPES, LOW_TYPES, Program
from archgraph.export.profiles import PORTABLE
from archgraph.verify.external_data import bring_in
from archgraph.verify.nodes_of_file import nodes_of

ROUNDOFF = {"float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8}
"""The largest relative error of one rounding."""

SMALLEST = {"float32": 2.0**-126, "float16": 2.0**-24, "bfloat16": 2.0**-126}
"""Numbers below this are kernels' to drop; in float16 they are multiples of it."""

_SINGLE = ELEMENT_TYPES["float32"]
_OTHER_TYPES = frozenset(("Cast", "Shape", "Size", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal", "Not"))
"""Operators whose results are not of the type of what they are given."""
_PLACES = frozenset(("MaxPool", "TopK"))
"""Operators whose second result is where the values of the first stood."""


def dtype_of(model: Any) -> str:
    """The element type of most of a file's work."""
    return DTYPE.of(entries_of(model))


def in_single(model: Any, path: Path) -> Any:
    """The model, changed where it is in a low type: to float32, with roundings where that type was.

    `path` is its file, beside which weights lie that are not in it.
    """
    if dtype_of(model) == "float32":
        return model
    bring_in(model, path)
    low = {tensor.name: tensor.data_type for tensor in model.graph.initializer if tensor.data_type in LOW_TYPES}
    low |= {value.name: kind for value in model.graph.input if (kind := value.type.tensor_type.elem_type) in LOW_TYPES}
    nodes: list[Any] = []
    for node in model.graph.node:
        kind = _kind(node, low)
        nodes.append(node)
        for place, name in enumerate(node.output if kind else ()):
            if place and node.op_type in _PLACES:
                continue
            low[name] = kind
            node.output[place] = f"{name}/unrounded"
            nodes += _rounding(f"{name}/unrounded", name, kind)
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    model.graph.ClearField("node")
    model.graph.node.extend(copies)
    _widen(model.graph)
    _lower_opset(model)
    return model


def unrounded(model: Any, program: Program) -> Any:
    """The operators of a file in a low type without any rounding, in float32 throughout; weights are left out.

    A constant that is the expected one rounded is the one before that; another one stays, so that it is seen.
    """
    made = onnx.ModelProto(ir_version=model.ir_version)
    made.opset_import.extend(model.opset_import)
    for part in ("node", "input", "output", "value_info"):
        getattr(made.graph, part).extend(getattr(model.graph, part))
    made.graph.initializer.extend(
        _exact(tensor, program) for tensor in model.graph.initializer if tensor.name not in program.initializers
    )
    for node in made.graph.node:
        _kind(node, {})
    _widen(made.graph)
    _lower_opset(made)
    return made


def _exact(tensor: Any, program: Program) -> Any:
    exact, rounded = program.exact.get(tensor.name), program.constants.get(tensor.name)
    if exact is None or rounded is None or not np.array_equal(onnx.numpy_helper.to_array(tensor), rounded):
        return tensor
    return onnx.numpy_helper.from_array(exact, tensor.name)


_EARLIER_MODES = {b"linear": b"bilinear", b"cubic": b"bicubic"}
"""What a later opset calls otherwise."""


def _lower_opset(model: Any) -> None:
    """float32 needs no higher opset than others have, and the CPU has kernels for that one."""
    for opset in model.opset_import:
        if not opset.domain:
            opset.version = PORTABLE.opset
    for node in nodes_of(model.graph):
        if node.op_type == "GridSample":
            for mode in (entry for entry in node.attribute if entry.name == "mode"):
                mode.s = _EARLIER_MODES.get(mode.s, mode.s)


def _kind(node: Any, low: dict[str, int]) -> int:
    """The low type of a node's results, 0 where they are in none; a cast to such a type becomes one to float32."""
    if node.op_type == "Cast":
        to = next(part for part in node.attribute if part.name == "to")
        kind = to.i if to.i in LOW_TYPES else 0
        to.i = _SINGLE if kind else to.i
        return kind
    if node.op_type in _OTHER_TYPES:
        return 0
    return next((low[name] for name in node.input if name in low), 0)


def _rounding(source: str, target: str, kind: int) -> list[Any]:
    make = onnx.helper.make_node
    down = make("Cast", [source], [f"{target}/rounded"], name=f"{target}/round", to=kind)
    return [down, make("Cast", [f"{target}/rounded"], [target], name=f"{target}/widen", to=_SINGLE)]


def _widen(graph: Any) -> None:
    """Weights, and what is said of values, in float32."""
    for tensor in graph.initializer:
        if tensor.data_type in LOW_TYPES:
            values = onnx.numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    for value in (*graph.value_info, *graph.input, *graph.output):
        if value.type.tensor_type.elem_type in LOW_TYPES:
            value.type.tensor_type.elem_type = _SINGLE

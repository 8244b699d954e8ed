"""Which values of a program cannot be infinite, whatever the network reads."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.export.lowering.program import OnnxNode, Program
from archgraph.ops.contract import FLOAT_TYPES

_BOUNDED = frozenset(("Softmax", "Sigmoid", "HardSigmoid", "Tanh", "Sin", "Cos", "Erf", "Softsign", "Sign"))
_TRUTHS = frozenset(("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "And", "Or", "Xor", "Not", "IsNaN"))
_COUNTS = frozenset(("Shape", "Size", "Range", "ArgMax", "ArgMin", "NonZero"))
_CONTRACTIONS = frozenset(("MatMul", "Gemm", "Conv", "ConvTranspose", "Einsum"))
_NORMS = frozenset(
    ("LayerNormalization", "BatchNormalization", "GroupNormalization", "InstanceNormalization", "RMSNormalization")
)
_FINITE = _BOUNDED | _TRUTHS | _COUNTS | _CONTRACTIONS | _NORMS
"""Operators whose results are finite. Contractions and norms make no infinity of finite values, and of infinite ones
they make NaN where zeros meet them; a product that leaves float32 is beyond what is asked here."""

_OF_ALL = frozenset(("Add", "Sub", "Mul", "Neg", "Abs", "Concat", "Max", "Min", "Identity"))
_OF_FIRST = frozenset(
    (
        *("Reshape", "Transpose", "Slice", "Expand", "Gather", "Cast", "Unsqueeze", "Squeeze", "Split", "Flatten"),
        *("Tile", "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "Clip", "Relu", "GatherElements", "GatherND"),
    )
)
_MOST_VALUES = 1_000
_HEADROOM = 2.0**-20
"""A constant that is larger than this part of the largest number of its type may become infinite by sums."""


def is_finite(program: Program, name: str) -> bool:
    """Whether a value is finite at all inputs. Trained weights are: a file with others says so. What a network reads
    and what a buffer stores may hold infinities."""
    makers = {made: node for node in program.nodes for made in node.outputs}
    left, seen = [name], {name}
    while left:
        one = left.pop()
        node = makers.get(one)
        if node is None:
            if not _given_is_finite(program, one):
                return False
            continue
        read = None if node.domain else _read(node)
        if read is None or len(seen) > _MOST_VALUES:
            return False
        new = set(read) - seen
        seen |= new
        left += new
    return True


def _read(node: OnnxNode) -> tuple[str, ...] | None:
    """Of which values a result is infinite; None where it may be by itself."""
    if node.kind in _FINITE:
        return ()
    if node.kind in _OF_ALL:
        return node.inputs
    if node.kind in _OF_FIRST:
        return node.inputs[:1]
    if node.kind == "Where":
        return node.inputs[1:]
    if node.kind == "Pad" and node.attributes.get("mode", "constant") == "constant":
        return (*node.inputs[:1], *filter(None, node.inputs[2:3]))
    return None


def _given_is_finite(program: Program, name: str) -> bool:
    if name in program.constants:
        return all(map(_is_moderate, _forms(program, name)))
    if name in program.initializers:
        return program.initializers[name].trained
    return name in program.inputs and program.inputs[name].dtype not in FLOAT_TYPES


def _forms(program: Program, name: str) -> Iterator[Array]:
    """A constant as it is in the file, and as it was before it was rounded."""
    yield program.constants[name]
    if name in program.exact:
        yield program.exact[name]


def _is_moderate(values: Array) -> bool:
    if not np.issubdtype(values.dtype, np.floating):
        return True
    return bool(np.all(np.abs(values) <= np.finfo(values.dtype).max * _HEADROOM))

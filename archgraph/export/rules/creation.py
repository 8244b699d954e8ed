"""Tensors of numbers: constants where the shape is known, else made at run time."""

from __future__ import annotations

import math

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.profiles import rule
from archgraph.export.rules.embedding import counting
from archgraph.ops import creation as ops

_LARGEST_STORED = 1 << 10
_NARROW = "bfloat16"


@rule(ops.Zeros)
@rule(ops.Ones)
@rule(ops.Full)
@rule(ops.ZerosLike)
@rule(ops.OnesLike)
@rule(ops.FullLike)
def filled(at: OnnxRuleContext, op: ops.Filled) -> str:
    """numpy has no bfloat16 of its own."""
    shape, dtype = at.result.shape, at.result.dtype
    held = "float32" if dtype == _NARROW else dtype
    value = bool(op.number) if dtype == "bool" else op.number
    fixed = [size for size in shape if isinstance(size, int)]
    if len(fixed) == len(shape) and math.prod(fixed) <= _LARGEST_STORED:
        made = at.constant(np.full(fixed, value, dtype=held))
    else:
        made = at.emit("Expand", at.scalar(value, held), at.dims(shape))
    return at.converted(made, held, dtype)


@rule(ops.Linspace)
def linspace(at: OnnxRuleContext, op: ops.Linspace) -> str:
    """From both ends to the middle, as torch counts: so both ends are exact."""
    if isinstance(op.steps, int):
        return at.constant(_spaced(op))
    last = at.emit("Squeeze", at.sizes.scalar(op.steps - 1))
    step = at.emit("Div", at.scalar(op.end - op.start, "float32"), _floating(at, _at_least_one(at, last)))
    place, back = counting(at, op.steps), at.emit("Sub", last, counting(at, op.steps))
    up = at.emit("Add", at.emit("Mul", _floating(at, place), step), at.scalar(op.start, "float32"))
    down = at.emit("Sub", at.scalar(op.end, "float32"), at.emit("Mul", _floating(at, back), step))
    near_start = at.emit("LessOrEqual", place, back)
    return at.emit("Where", near_start, up, down)


def _floating(at: OnnxRuleContext, x: str) -> str:
    return at.converted(x, "int64", "float32")


def _at_least_one(at: OnnxRuleContext, x: str) -> str:
    return at.emit("Max", x, at.scalar(1, "int64"))


def _spaced(op: ops.Linspace) -> Array:
    assert isinstance(op.steps, int)
    place = np.arange(op.steps, dtype=np.float32)
    step = np.float32(op.end - op.start) / np.float32(max(1, op.steps - 1))
    back = np.float32(op.steps - 1) - place
    return np.where(place <= back, np.float32(op.start) + step * place, np.float32(op.end) - step * back)


@rule(ops.Eye)
def eye(at: OnnxRuleContext, op: ops.Eye) -> str:
    n, m = at.result.shape
    if isinstance(n, int) and isinstance(m, int) and n * m <= _LARGEST_STORED:
        return at.constant(np.eye(n, m, dtype=np.float32))
    rows = at.emit("Unsqueeze", counting(at, n), at.constant([1]))
    return at.converted(at.emit("Equal", rows, counting(at, m)), "bool", "float32")

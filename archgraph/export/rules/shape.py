"""Joining, dividing and rearranging values."""

from __future__ import annotations

import numpy as np

from archgraph.dims import Dim
from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.profiles import rule
from archgraph.export.rules.embedding import counting
from archgraph.ops import shape as ops


@rule(ops.Concat)
def concat(at: OnnxRuleContext, op: ops.Concat) -> str:
    names = at.all("tensors")
    return at.emit("Concat", *names, axis=op.dim % len(at.shape)) if len(names) > 1 else names[0]


@rule(ops.Split)
def split(at: OnnxRuleContext, op: ops.Split) -> tuple[str, ...]:
    if len(op.split_size) == 1:
        return (at["input"],)
    sizes = at.dims(op.split_size)
    return at.emit_many("Split", len(op.split_size), at["input"], sizes, axis=op.dim % len(at.shape))


@rule(ops.Chunk)
def chunk(at: OnnxRuleContext, op: ops.Chunk) -> tuple[str, ...]:
    if op.chunks == 1:
        return (at["input"],)
    axis = op.dim % len(at.shape)
    return at.emit_many("Split", op.chunks, at["input"], axis=axis, num_outputs=op.chunks)


@rule(ops.Reshape)
def reshape(at: OnnxRuleContext, op: ops.Reshape) -> str:
    return at.reshape(at["input"], at.shape, at.result.shape)


@rule(ops.Permute)
def permute(at: OnnxRuleContext, op: ops.Permute) -> str:
    return at.transpose(at["input"], [dim % len(at.shape) for dim in op.dims])


@rule(ops.Transpose)
def transpose(at: OnnxRuleContext, op: ops.Transpose) -> str:
    order = list(range(len(at.shape)))
    first, second = op.dim0 % len(order), op.dim1 % len(order)
    order[first], order[second] = second, first
    return at.transpose(at["input"], order)


@rule(ops.Roll)
def roll(at: OnnxRuleContext, op: ops.Roll) -> str:
    """Gather with indices that wrap around; they are shared by all rolls of that size and shift."""
    x = at["input"]
    for shift, dim in zip(op.shifts, op.dims, strict=True):
        axis = dim % len(at.shape)
        if shift:
            x = at.emit("Gather", x, _wrapped(at, at.shape[axis], shift), axis=axis)
    return x


def _wrapped(at: OnnxRuleContext, size: Dim, shift: int) -> str:
    """(i - shift) mod size for each place i."""
    if isinstance(size, int):
        return at.constant((np.arange(size, dtype=np.int64) - shift) % size)
    return at.emission.shared(("roll", size, shift), lambda: _computed(at, size, shift))


def _computed(at: OnnxRuleContext, size: Dim, shift: int) -> str:
    wish = f"rolls/{size}_{shift}"
    moved = at.emission.add("Sub", [counting(at, size), at.constant([shift])], wish)
    return at.emission.add("Mod", [moved, at.sizes.scalar(size)], wish)

"""Dimensions added, removed, stretched and cut."""

from __future__ import annotations

from archgraph.dims import Dim
from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.profiles import CUDA, rule
from archgraph.ops import rank as ops

_TO_THE_END = (1 << 63) - 1


@rule(ops.Flatten)
def flatten(at: OnnxRuleContext, op: ops.Flatten) -> str:
    rank = len(at.shape)
    if op.start_dim % rank == 1 and op.end_dim % rank == rank - 1 and rank > 2:
        return at.emit("Flatten", at["input"], axis=1)
    return at.reshape(at["input"], at.shape, at.result.shape)


@rule(ops.Unsqueeze)
def unsqueeze(at: OnnxRuleContext, op: ops.Unsqueeze) -> str:
    """torch adds one dimension after the other; ONNX names the places in the result."""
    new: list[bool] = [False] * len(at.shape)
    for dim in op.dim:
        new.insert(dim % (len(new) + 1), True)
    return at.emit("Unsqueeze", at["input"], at.constant([place for place, added in enumerate(new) if added]))


@rule(ops.Squeeze)
def squeeze(at: OnnxRuleContext, op: ops.Squeeze) -> str:
    return at.emit("Squeeze", at["input"], at.constant([dim % len(at.shape) for dim in op.dim]))


@rule(ops.Expand)
def expand(at: OnnxRuleContext, op: ops.Expand) -> str:
    """Expand broadcasts, so a size that stays is written as 1."""
    new = len(op.shape) - len(at.shape)
    have = (1,) * new + at.shape
    shape: list[Dim] = [want if size == 1 and want != -1 else 1 for size, want in zip(have, op.shape, strict=True)]
    if not new and all(size == 1 for size in shape):
        return at["input"]
    return at.emit("Expand", at["input"], at.dims(shape))


@rule(ops.Expand, CUDA)
def expand_without_arithmetic(at: OnnxRuleContext, op: ops.Expand) -> str:
    """One unknown size goes last, where it is a whole shape: a shape put together of several is computed on the device
    and copied back."""
    grown = [dim for dim, (size, want) in enumerate(zip(at.shape, op.shape, strict=False)) if size == 1 and want != -1]
    if len(op.shape) != len(at.shape) or len(grown) != 1 or isinstance(op.shape[grown[0]], int):
        return expand(at, op)
    others = [dim for dim in range(len(at.shape)) if dim != grown[0]]
    column = at.transpose(at["input"], [*others, *grown])
    rows = at.emit("Expand", column, at.sizes.scalar(op.shape[grown[0]]))
    back = list(range(len(others)))
    return at.transpose(rows, [*back[: grown[0]], len(others), *back[grown[0] :]])


@rule(ops.Select)
def select(at: OnnxRuleContext, op: ops.Select) -> str:
    return at.emit("Gather", at["input"], at.scalar(op.index, "int64"), axis=op.dim % len(at.shape))


@rule(ops.Slice)
def slice_(at: OnnxRuleContext, op: ops.Slice) -> str:
    if op.start == 0 and op.end is None and op.step == 1:
        return at["input"]
    places = (op.start, _TO_THE_END if op.end is None else op.end, op.dim % len(at.shape), op.step)
    start, end, axis, step = (at.sizes.scalar(place) for place in places)
    return at.emit("Slice", at["input"], start, end, axis, step)

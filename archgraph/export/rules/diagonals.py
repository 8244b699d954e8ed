"""Triangles and diagonals of matrices."""

from __future__ import annotations

from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.lowering.forms import computed_in
from archgraph.export.profiles import rule
from archgraph.export.rules.embedding import counting
from archgraph.export.rules.reduction import kernel_of_whole
from archgraph.ops import diagonals as ops


def _triangle(at: OnnxRuleContext, op: ops.Triangle, upper: int) -> str:
    dtype = at.type.dtype
    work = "int32" if dtype == "uint8" else at.kernel_type(dtype)
    made = at.emit("Trilu", at.read("input", work), at.scalar(op.diagonal, "int64"), upper=upper)
    return at.converted(made, work, dtype)


@rule(ops.Tril)
def tril(at: OnnxRuleContext, op: ops.Tril) -> str:
    return _triangle(at, op, 0)


@rule(ops.Triu)
def triu(at: OnnxRuleContext, op: ops.Triu) -> str:
    return _triangle(at, op, 1)


@rule(ops.Diagonal)
def diagonal(at: OnnxRuleContext, op: ops.Diagonal) -> str:
    """In a row of both dimensions, every (columns + 1)-th place."""
    first, second = op.axes(at.type)
    others = [axis for axis in range(len(at.shape)) if axis not in (first, second)]
    leading = [at.shape[axis] for axis in others]
    rows, columns, count = at.shape[first], at.shape[second], at.result.shape[-1]
    turned = at.transpose(at["input"], [*others, first, second])
    row = at.reshape(turned, [*leading, rows, columns], [*leading, rows * columns])
    start = op.offset if op.offset >= 0 else -op.offset * columns
    end = start + (count - 1) * (columns + 1) + 1
    places = (at.sizes.scalar(each) for each in (start, end, len(others), columns + 1))
    return at.emit("Slice", row, *places)


@rule(ops.DiagEmbed)
def diag_embed(at: OnnxRuleContext, op: ops.DiagEmbed) -> str:
    """The values at the places of a diagonal, in each column or row of which there is one."""
    work = kernel_of_whole(computed_in("", at.type.dtype))  # Pad has no kernel in bfloat16
    rank, size = len(at.shape), at.shape[-1] + abs(op.offset)
    x = at.read("input", work)
    if op.offset:
        x = at.emit("Pad", x, at.constant([*[0] * (2 * rank - 1), abs(op.offset)]))
    x = at.emit("Unsqueeze", x, at.constant([-1 if op.offset >= 0 else -2]))
    places = counting(at, size)
    above = at.emit("Sub", places, at.emit("Unsqueeze", places, at.constant([1])))
    chosen = at.emit("Where", at.emit("Equal", above, at.scalar(op.offset, "int64")), x, at.scalar(0, work))
    return at.converted(at.transpose(chosen, _placed(op, at)), work, at.type.dtype)


def _placed(op: ops.DiagEmbed, at: OnnxRuleContext) -> list[int]:
    """The order that moves rows and columns from the end to their places."""
    rank = len(at.shape) + 1
    ends = dict(zip(op.axes(at.type), (rank - 2, rank - 1), strict=True))
    others = iter(range(rank - 2))
    return [ends[place] if place in ends else next(others) for place in range(rank)]

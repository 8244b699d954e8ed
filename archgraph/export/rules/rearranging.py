"""Values stacked, repeated, reversed, and in other dimensions."""

from __future__ import annotations

from collections.abc import Sequence

from archgraph.dims import Dim
from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.profiles import rule
from archgraph.ops import rearranging as ops

_TO_THE_FRONT = -(1 << 63)


@rule(ops.StackTensors)
def stack(at: OnnxRuleContext, op: ops.StackTensors) -> str:
    axis = op.dim % (len(at.shape) + 1)
    return at.emit("Concat", *(at.emit("Unsqueeze", x, at.constant([axis])) for x in at.all("tensors")), axis=axis)


@rule(ops.Unbind)
def unbind(at: OnnxRuleContext, op: ops.Unbind) -> tuple[str, ...]:
    places = range(len(at.node.outputs))
    return tuple(at.emit("Gather", at["input"], at.scalar(i, "int64"), axis=op.dim % len(at.shape)) for i in places)


@rule(ops.Repeated)
def repeated(at: OnnxRuleContext, op: ops.Repeated) -> str:
    have, times = ops.aligned(at.shape, op.times)
    x, work = _in_kernel_type(at, "input")
    if all(count == 1 for count in times):
        return at.reshape(at["input"], at.shape, have)
    made = at.emit("Tile", at.reshape(x, at.shape, have), at.dims(times))
    return at.converted(made, work, at.type.dtype)


def _in_kernel_type(at: OnnxRuleContext, port: str) -> tuple[str, str]:
    """A value in the type that it is moved in, and that type."""
    work = at.kernel_type(at.types[port].dtype)
    return at.read(port, work), work


@rule(ops.RepeatInterleave)
def repeat_interleave(at: OnnxRuleContext, op: ops.RepeatInterleave) -> str:
    """A new dimension behind the one that is repeated, stretched and joined with it."""
    x, work = _in_kernel_type(at, "input")
    shape = at.shape if op.dim is not None else (at.types["input"].elements,)
    axis = 0 if op.dim is None else op.dim % len(shape)
    column = [*shape[: axis + 1], 1, *shape[axis + 1 :]]
    wide = at.emit("Expand", at.reshape(x, at.shape, column), at.dims(_only(len(column), axis + 1, op.repeats)))
    column[axis + 1] = op.repeats
    return at.converted(at.reshape(wide, column, at.result.shape), work, at.type.dtype)


def _only(rank: int, axis: int, size: Dim) -> list[Dim]:
    """A shape of ones but for one dimension."""
    return [size if place == axis else 1 for place in range(rank)]


@rule(ops.Flip)
def flip(at: OnnxRuleContext, op: ops.Flip) -> str:
    axes = [dim % len(at.shape) for dim in op.dims]
    if not axes:
        return at["input"]
    last, first, back = (at.constant([number] * len(axes)) for number in (-1, _TO_THE_FRONT, -1))
    return at.emit("Slice", at["input"], last, first, at.constant(axes), back)


@rule(ops.Meshgrid)
def meshgrid(at: OnnxRuleContext, op: ops.Meshgrid) -> tuple[str, ...]:
    shape, count = at.result.shape, len(at.node.outputs)
    made = []
    for place, port in enumerate(at.inputs):
        axis = op.order(count).index(place)
        made.append(_stretched(at, port, _only(count, axis, shape[axis]), shape))
    return tuple(made)


def _stretched(at: OnnxRuleContext, port: str, have: Sequence[Dim], want: Sequence[Dim]) -> str:
    """A value as a shape that is stretched to another one."""
    x, work = _in_kernel_type(at, port)
    column = at.reshape(x, at.types[port].shape, have)
    if tuple(have) == tuple(want):
        return at.converted(column, work, at.types[port].dtype)
    return at.converted(at.emit("Expand", column, at.dims(want)), work, at.types[port].dtype)


@rule(ops.BroadcastTensors)
def broadcast_tensors(at: OnnxRuleContext, op: ops.BroadcastTensors) -> tuple[str, ...]:
    shape = at.result.shape
    return tuple(_stretched(at, port, at.types[port].shape, shape) for port in at.inputs)


@rule(ops.Movedim)
def movedim(at: OnnxRuleContext, op: ops.Movedim) -> str:
    return at.transpose(at["input"], op.order(at.type))


@rule(ops.Unflatten)
def unflatten(at: OnnxRuleContext, op: ops.Unflatten) -> str:
    return at.reshape(at["input"], at.shape, at.result.shape)

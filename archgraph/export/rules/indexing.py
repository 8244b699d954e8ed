"""Values read, written and added at places."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from archgraph.dims import Dim, Facts
from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.lowering.forms import computed_in
from archgraph.export.profiles import rule
from archgraph.ops import indexing as ops
from archgraph.ops.arithmetic import broadcast

_REDUCTIONS = {"sum": "add", "prod": "mul", "amax": "max", "amin": "min"}
_BAGS = {"mean": "ReduceMean", "sum": "ReduceSum", "max": "ReduceMax"}


@rule(ops.Gather)
def gather(at: OnnxRuleContext, op: ops.Gather) -> str:
    return at.emit("GatherElements", at["input"], at["index"], axis=op.axis(at.types))


@rule(ops.TakeAlongDim)
def take_along_dim(at: OnnxRuleContext, op: ops.TakeAlongDim) -> str:
    """ONNX broadcasts nothing there."""
    axis = op.axis(at.types)
    kinds = [op.without(at.types[port], axis) for port in ("input", "indices")]
    shape, work = broadcast(kinds, Facts()), at.kernel_type(at.type.dtype)
    values = _expanded(at, at.read("input", work), at.shape, shape, axis)
    places = _expanded(at, at["indices"], at.types["indices"].shape, shape, axis)
    return at.converted(at.emit("GatherElements", values, places, axis=axis), work, at.type.dtype)


def _expanded(at: OnnxRuleContext, x: str, have: Sequence[Dim], shape: Sequence[Dim], axis: int) -> str:
    """A value broadcast to a shape along all dimensions but one."""
    want = [1 if place == axis or size == have[place] else size for place, size in enumerate(shape)]
    return x if all(size == 1 for size in want) else at.emit("Expand", x, at.dims(want))


@rule(ops.IndexSelect)
def index_select(at: OnnxRuleContext, op: ops.IndexSelect) -> str:
    return at.emit("Gather", at["input"], at["index"], axis=op.axis(at.types))


@rule(ops.Index)
def index(at: OnnxRuleContext, op: ops.Index) -> str:
    return at.emit("Gather", at["input"], at["index"], axis=op.axis(at.types))


@rule(ops.Scatter)
def scatter(at: OnnxRuleContext, op: ops.Scatter) -> str:
    shape, work = at.types["index"].shape, at.kernel_type(at.type.dtype)
    if op.value is None:
        source = _part(at, at.read("src", work), at.types["src"].shape, shape)
    else:
        source = at.emit("Expand", at.scalar(op.value, work), at.dims(shape))
    made = at.emit("ScatterElements", at.read("input", work), at["index"], source, axis=op.axis(at.types))
    return at.converted(made, work, at.type.dtype)


def _part(at: OnnxRuleContext, x: str, have: Sequence[Dim], want: Sequence[Dim]) -> str:
    """The first places of a value along the dimensions that are too large."""
    axes = [axis for axis, (size, wanted) in enumerate(zip(have, want, strict=True)) if size != wanted]
    if not axes:
        return x
    ends = at.dims([want[axis] for axis in axes])
    return at.emit("Slice", x, at.constant([0] * len(axes)), ends, at.constant(axes))


def _joined(at: OnnxRuleContext, index: str, source: str, axis: int, how: str) -> str:
    """The input with a source joined at the places of an index, in `_summed_in`."""
    work = _summed_in(at)
    made = at.emit("ScatterElements", at.read("input", work), index, source, axis=axis, reduction=how)
    return at.converted(made, work, at.result.dtype)


def _summed_in(at: OnnxRuleContext) -> str:
    """float32 for low types."""
    return computed_in("", at.result.dtype)


@rule(ops.ScatterAdd)
def scatter_add(at: OnnxRuleContext, op: ops.ScatterAdd) -> str:
    source = _part(at, at.read("src", _summed_in(at)), at.types["src"].shape, at.types["index"].shape)
    return _joined(at, at["index"], source, op.axis(at.types), "add")


@rule(ops.ScatterReduce)
def scatter_reduce(at: OnnxRuleContext, op: ops.ScatterReduce) -> str:
    source = _part(at, at.read("src", _summed_in(at)), at.types["src"].shape, at.types["index"].shape)
    return _joined(at, at["index"], source, op.axis(at.types), _REDUCTIONS[op.reduce])


def _everywhere(at: OnnxRuleContext, axis: int) -> str:
    """The index, which lists slices, for each element of the source."""
    after = len(at.shape) - axis - 1
    column = at.emit("Unsqueeze", at["index"], at.constant(list(range(1, after + 1)))) if after else at["index"]
    if len(at.shape) == 1:
        return column
    return at.emit("Expand", column, at.dims(at.types["source"].shape))


@rule(ops.IndexAdd)
def index_add(at: OnnxRuleContext, op: ops.IndexAdd) -> str:
    axis, work = op.axis(at.types), _summed_in(at)
    source = at.read("source", work)
    if op.alpha != 1:
        source = at.emit("Mul", source, at.scalar(op.alpha, work))
    return _joined(at, _everywhere(at, axis), source, axis, "add")


@rule(ops.IndexCopy)
def index_copy(at: OnnxRuleContext, op: ops.IndexCopy) -> str:
    axis = op.axis(at.types)
    return at.emit("ScatterElements", at["input"], _everywhere(at, axis), at["source"], axis=axis)


@rule(ops.OneHot)
def one_hot(at: OnnxRuleContext, op: ops.OneHot) -> str:
    """ONNX has no one-hot vector of a single number: a row of one, and its only vector."""
    values = at.constant(np.array([0, 1], dtype=np.int64))
    row = at["input"] if at.shape else at.emit("Unsqueeze", at["input"], at.constant([0]))
    made = at.emit("OneHot", row, at.scalar(op.num_classes, "int64"), values, axis=-1)
    return made if at.shape else at.emit("Squeeze", made, at.constant([0]))


@rule(ops.EmbeddingBag)
def embedding_bag(at: OnnxRuleContext, op: ops.EmbeddingBag) -> str:
    rows = at.emit("Gather", at.weight("weight"), at["input"], axis=0)
    if "per_sample_weights" in at.inputs:
        rows = at.emit("Mul", rows, at.emit("Unsqueeze", at["per_sample_weights"], at.constant([-1])))
    return at.emit(_BAGS[op.mode], rows, at.constant([1]), keepdims=0)

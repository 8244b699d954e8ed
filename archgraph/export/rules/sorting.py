"""Values in order. ONNX sorts by choosing as many values as there are. Of equal ones the first come first, as in
torch's stable order."""

from __future__ import annotations

from collections.abc import Sequence

from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.lowering.forms import computed_in
from archgraph.export.lowering.program import ELEMENT_TYPES
from archgraph.export.profiles import rule
from archgraph.export.rules.reduction import kernel_of_whole
from archgraph.ops import sorting as ops


def _chosen(at: OnnxRuleContext, op: ops.Ordered, count: str, **how: int) -> tuple[str, str]:
    dtype = at.type.dtype
    work = computed_in("", kernel_of_whole(dtype))
    values, places = at.emit_many("TopK", 2, at.read("input", work), count, axis=op.axis(at.type), **how)
    return at.converted(values, work, dtype), places


@rule(ops.TopK)
def topk(at: OnnxRuleContext, op: ops.TopK) -> tuple[str, str]:
    return _chosen(at, op, at.constant([op.k]), largest=int(op.largest), sorted=int(op.sorted))


@rule(ops.Sort)
def sort(at: OnnxRuleContext, op: ops.Sort) -> tuple[str, str]:
    count = at.sizes.scalar(at.shape[op.axis(at.type)])
    return _chosen(at, op, count, largest=int(op.descending), sorted=1)


@rule(ops.Argsort)
def argsort(at: OnnxRuleContext, op: ops.Argsort) -> str:
    return sort(at, op)[1]


def _counted(at: OnnxRuleContext, op: ops.Searched, row: str, axes: Sequence[int]) -> str:
    """How many of a row of sorted values are smaller than each value; for NaN, which is never reached, all of them."""
    work = computed_in("", at.types["input"].dtype)
    sorted_values = at.read(row, work)
    if axes:
        sorted_values = at.emit("Unsqueeze", sorted_values, at.constant(list(axes)))
    values = at.emit("Unsqueeze", at.read("input", work), at.constant([-1]))
    below = at.emit("Not", at.emit("Greater" if op.right else "GreaterOrEqual", sorted_values, values))
    dtype = at.result.dtype
    return at.emit("ReduceSum", at.emit("Cast", below, to=ELEMENT_TYPES[dtype]), at.constant([-1]), keepdims=0)


@rule(ops.Searchsorted)
def searchsorted(at: OnnxRuleContext, op: ops.Searchsorted) -> str:
    return _counted(at, op, "sorted_sequence", [-2] if at.types["sorted_sequence"].rank > 1 else [])


@rule(ops.Bucketize)
def bucketize(at: OnnxRuleContext, op: ops.Bucketize) -> str:
    return _counted(at, op, "boundaries", [])

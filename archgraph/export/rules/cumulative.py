"""What accumulates along a dimension. ONNX has an operator for sums only: the others reduce, for each place, all places
with a number that changes nothing at those after it."""

from __future__ import annotations

import numpy as np

from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.lowering.forms import FormWriter, computed_in, parsed
from archgraph.export.profiles import rule
from archgraph.export.rules.embedding import counting
from archgraph.export.rules.reduction import kernel_of_whole
from archgraph.ops.contract import FLOAT_TYPES
from archgraph.ops.cumulative import Cumulative, CumulativeExtreme


@rule(Cumulative)
def accumulated(at: OnnxRuleContext, op: Cumulative) -> str:
    axis, result = op.axis(at.type), at.result.dtype
    work = computed_in(op.row.onnx, result)
    x = at.read("input", work)
    if op.row.name == "cumsum":
        return at.converted(at.emit("CumSum", x, at.scalar(axis, "int64")), work, result)
    rows = _rows_up_to(at, x, axis, at.scalar(float(op.row.constant), work))
    values = {"x": rows, "axes": at.constant([-1])}
    made = FormWriter(at, op, values, work).value(parsed(op.row.onnx))
    return at.converted(_columns(at, made, axis), work, result)


@rule(CumulativeExtreme)
def extremes(at: OnnxRuleContext, op: CumulativeExtreme) -> tuple[str, str]:
    axis, dtype = op.axis(at.type), at.type.dtype
    work = computed_in("", kernel_of_whole(dtype))
    least = float(op.row.constant) if work in FLOAT_TYPES else _end(work, op.row.constant)
    rows = _rows_up_to(at, at.read("input", work), axis, at.scalar(least, work))
    values = at.emit(f"Reduce{op.row.onnx}", rows, at.constant([-1]), keepdims=1)
    return at.converted(_columns(at, values, axis), work, dtype), _columns(
        at, _last_place(at, rows, values, axis), axis
    )


def _last_place(at: OnnxRuleContext, rows: str, values: str, axis: int) -> str:
    """The last place of each row, up to its own, that holds its value. ArgMax has no kernel for that on CUDA."""
    places = counting(at, at.shape[axis])
    so_far = at.emit("LessOrEqual", places, at.emit("Unsqueeze", places, at.constant([1])))
    found = at.emit("And", at.emit("Equal", rows, values), so_far)
    chosen = at.emit("Where", found, places, at.scalar(-1, "int64"))
    return at.emit("ReduceMax", chosen, at.constant([-1]), keepdims=1)


def _end(dtype: str, side: str) -> int:
    found = np.iinfo(dtype)
    return int(found.min if side == "-inf" else found.max)


def _rows_up_to(at: OnnxRuleContext, x: str, axis: int, filling: str) -> str:
    """For each place along an axis, which comes last but one, a row of all places, those after it filled."""
    places = counting(at, at.shape[axis])
    later = at.emit("Less", at.emit("Unsqueeze", places, at.constant([1])), places)
    row = at.emit("Unsqueeze", at.transpose(x, _last(at, axis)), at.constant([-2]))
    return at.emit("Where", later, filling, row)


def _columns(at: OnnxRuleContext, x: str, axis: int) -> str:
    """One number of each row, back at its place along the axis."""
    order = [int(place) for place in np.argsort(_last(at, axis))]
    return at.transpose(at.emit("Squeeze", x, at.constant([-1])), order)


def _last(at: OnnxRuleContext, axis: int) -> list[int]:
    return [*(place for place in range(len(at.shape)) if place != axis), axis]

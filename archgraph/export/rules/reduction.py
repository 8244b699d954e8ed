"""Reductions over dimensions: an operator each for the common ones, most others by the forms of their table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from archgraph.dims import Dim, product
from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.lowering.forms import FormWriter, Operand, computed_in, parsed
from archgraph.export.profiles import CUDA, rule
from archgraph.export.rules.means import reduced, reduced_at_once
from archgraph.ops import reduction as ops
from archgraph.ops.contract import FLOAT_TYPES
from archgraph.ops.reduction import MEAN, QUESTION, Extreme, Place, Spread, TabledReduction


def _reduced(kind: str, in_parts: bool = False) -> Callable[[OnnxRuleContext, ops.Reduction], str]:
    def form(at: OnnxRuleContext, op: ops.Reduction) -> str:
        axes = op.axes(at.type)
        result = at.result.dtype
        if not axes:
            return at.converted(at["input"], at.type.dtype, result)
        work = "int32" if result in ("bool", "uint8") else at.kernel_type(result)
        write = reduced if in_parts else reduced_at_once
        made = write(at, kind, at.read("input", work), axes, op.keepdim)
        return at.converted(made, work, result)

    return form


rule(ops.Mean)(_reduced("ReduceMean", in_parts=True))
rule(ops.Sum)(_reduced("ReduceSum", in_parts=True))
rule(ops.Mean, CUDA)(_reduced("ReduceMean"))
rule(ops.Sum, CUDA)(_reduced("ReduceSum"))
rule(ops.Amax)(_reduced("ReduceMax"))


def kernel_of_whole(dtype: str) -> str:
    """The type that bytes and truth values are reduced in: operators have no kernels for these."""
    return "int32" if dtype in ("bool", "uint8") else dtype


@rule(TabledReduction)
def tabled(at: OnnxRuleContext, op: TabledReduction) -> str:
    if op.row.name == "median":
        return median(at, op)
    return _written(at, op, op.row.onnx)


@rule(Spread)
def spread(at: OnnxRuleContext, op: Spread) -> tuple[str, str]:
    return _written(at, op, op.row.onnx), _written(at, op, MEAN)


def _written(at: OnnxRuleContext, op: Any, form: str) -> str:
    """The operators of a form over `x`, the reduced `axes`, whether to `keep` them, and how many values are `free`."""
    axes = op.axes(at.type)
    work = _work(at, op, form)
    values: dict[str, Operand] = {
        "x": at.read("input", work),
        "axes": at.constant(list(axes)),
        "keep": int(op.keeps),
        "free": _free(at, op, axes, work) if "free" in form else 0,
    }
    made = FormWriter(at, op, values, work).value(parsed(form))
    result = at.result.dtype
    if "keepdims=1)) +" in form and not op.keeps:
        made = at.emit("Squeeze", made, at.constant(list(axes)))
    answer = "bool" if op.row.types is QUESTION else "int64" if result == "int64" else work
    return at.converted(made, answer, result)


def _work(at: OnnxRuleContext, op: Any, form: str) -> str:
    dtype = at.type.dtype
    if op.row.types is not QUESTION and op.row.name != "count_nonzero":
        dtype = op.row.types.gives(dtype)
    return computed_in(form, kernel_of_whole(dtype))


def _free(at: OnnxRuleContext, op: Any, axes: tuple[int, ...], work: str) -> Operand:
    """How many values of the variance are free: their number less the correction, at least 0."""
    count: Dim = product(at.shape[axis] for axis in axes)
    if isinstance(count, int):
        return max(0.0, count - float(op.correction))
    found = at.emit("Squeeze", at.converted(at.sizes.scalar(count), "int64", work), at.constant([0]))
    return at.emit("Max", at.emit("Sub", found, at.scalar(op.correction, work)), at.scalar(0, work))


def in_a_row(at: OnnxRuleContext, op: Any, x: str) -> tuple[str, int, Dim]:
    """The values along the reduced dimension, its place and its size; of all dimensions, the values in a row."""
    axes = op.axes(at.type)
    count = product(at.shape[axis] for axis in axes)
    if len(axes) == 1:
        return x, axes[0], count
    return at.emit("Reshape", x, at.constant([-1])), 0, count


def _as_result(at: OnnxRuleContext, op: Any, x: str, axis: int) -> str:
    """What was reduced to size 1 along a dimension, in the shape of the result."""
    if op.keeps:
        return x if op.axes(at.type) == (axis,) else at.reshape(x, (1,), at.result.shape)
    return at.emit("Squeeze", x, at.constant([axis]))


def median(at: OnnxRuleContext, op: Any) -> str:
    """The middle of the sorted values, of two the smaller one."""
    work = computed_in("TopK()", kernel_of_whole(at.type.dtype))
    x, axis, count = in_a_row(at, op, at.read("input", work))
    half = (count + 1) // 2
    smallest, _ = at.emit_many("TopK", 2, x, at.sizes.scalar(half), axis=axis, largest=0, sorted=1)
    last = at.emit("Gather", smallest, at.constant([-1]), axis=axis)
    return at.converted(_as_result(at, op, last, axis), work, at.result.dtype)


@rule(Extreme)
def extreme(at: OnnxRuleContext, op: Extreme) -> str | tuple[str, str]:
    return _extreme(at, op, _work_of_places(at))


@rule(Extreme, CUDA)
def extreme_of_fractions(at: OnnxRuleContext, op: Extreme) -> str | tuple[str, str]:
    return _extreme(at, op, _fractions(at))


def _extreme(at: OnnxRuleContext, op: Extreme, ranked: str) -> str | tuple[str, str]:
    """The values, and their places among the values in the type `ranked`."""
    work, axes = _work_of_places(at), list(op.axes(at.type))
    values = at.emit(f"Reduce{op.row.onnx}", at.read("input", work), at.constant(axes), keepdims=int(op.keeps))
    values = at.converted(values, work, at.result.dtype)
    if len(op.results) == 1:
        return values
    return values, at.emit(f"Arg{op.row.onnx}", at.read("input", ranked), axis=axes[0], keepdims=int(op.keeps))


@rule(Place)
def place(at: OnnxRuleContext, op: Place) -> str:
    return _place(at, op, _work_of_places(at))


@rule(Place, CUDA)
def place_of_fractions(at: OnnxRuleContext, op: Place) -> str:
    return _place(at, op, _fractions(at))


def _place(at: OnnxRuleContext, op: Place, ranked: str) -> str:
    x, axis, _ = in_a_row(at, op, at.read("input", ranked))
    return _as_result(at, op, at.emit(f"Arg{op.row.onnx}", x, axis=axis, keepdims=1), axis)


def _work_of_places(at: OnnxRuleContext) -> str:
    return computed_in("", kernel_of_whole(at.type.dtype))


def _fractions(at: OnnxRuleContext) -> str:
    """CUDA finds places of floating types only; float64 holds whole numbers up to 2^53."""
    work = _work_of_places(at)
    return work if work in FLOAT_TYPES else "float64"

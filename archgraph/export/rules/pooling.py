"""Pooling over windows of an image."""

from __future__ import annotations

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.dims import Dim
from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.profiles import rule
from archgraph.export.rules.resize import padded
from archgraph.ops import pooling as ops


def _overhang(op: ops.WindowPool, reach: tuple[int, int]) -> tuple[int, int]:
    """What ceil_mode adds after the input, so that rounding down gives torch's windows for every size.

    torch rounds up, but drops a window that would start in the padding behind the input. Both rules are rounding down
    with a constant padding: padding + stride - 1 and reach - 1; the smaller one decides.
    """
    after = [min(op.padding[i] + op.strides[i] - 1, reach[i] - 1) for i in range(2)]
    return after[0], after[1]


@rule(ops.MaxPool2d)
def max_pool2d(at: OnnxRuleContext, op: ops.MaxPool2d) -> str:
    reach = tuple(op.dilation[i] * (op.kernel_size[i] - 1) + 1 for i in range(2))
    after = _overhang(op, (reach[0], reach[1])) if op.ceil_mode else op.padding
    fits = all(after[i] < op.kernel_size[i] for i in range(2))  # ONNX Runtime refuses wider padding
    return at.emit(
        "MaxPool",
        at["input"],
        kernel_shape=op.kernel_size,
        strides=op.strides,
        pads=(*op.padding, *(after if fits else op.padding)),
        dilations=op.dilation,
        ceil_mode=int(op.ceil_mode and not fits),
    )


@rule(ops.AvgPool2d)
def avg_pool2d(at: OnnxRuleContext, op: ops.AvgPool2d) -> str:
    """With ceil_mode the part of a window beyond the padding never counts, and the padding only where it is asked."""
    if not op.ceil_mode:
        return _average(at, at["input"], op, (*op.padding, *op.padding), op.count_include_pad)
    after = _overhang(op, op.kernel_size)
    if not op.count_include_pad or not any(op.padding):
        return _average(at, at["input"], op, (*op.padding, *after), False)
    sides = ((0, 0), (0, 0), *((pad, pad) for pad in op.padding))
    rest = (after[0] - op.padding[0], after[1] - op.padding[1])
    return _average(at, padded(at, at["input"], sides, "constant"), op, (0, 0, *rest), False)


def _average(at: OnnxRuleContext, x: str, op: ops.AvgPool2d, pads: tuple[int, ...], count_pads: bool) -> str:
    return at.emit(
        "AveragePool",
        x,
        kernel_shape=op.kernel_size,
        strides=op.strides,
        pads=pads,
        count_include_pad=int(count_pads),
    )


@rule(ops.AdaptiveAvgPool2d)
def adaptive_avg_pool2d(at: OnnxRuleContext, op: ops.AdaptiveAvgPool2d) -> str:
    """The whole image, equal windows of a known size, or each dimension by itself."""
    if op.output_size == (1, 1):
        return at.emit("GlobalAveragePool", at["input"])
    windows = [_window(at.shape[2 + i], op.output_size[i]) for i in range(2)]
    if all(windows):
        return at.emit("AveragePool", at["input"], kernel_shape=tuple(windows), strides=tuple(windows))
    x, shape = at["input"], list(at.shape)
    for axis in (2, 3):
        wanted = op.output_size[axis - 2]
        if wanted is not None and wanted != shape[axis]:
            x = _averaged(at, x, shape, axis, wanted)
            shape[axis] = wanted
    return x


def _window(size: Dim, wanted: int | None) -> int:
    """The size of equal windows; 0 where they are not equal, or not known."""
    if wanted is None:
        return 1
    return size // wanted if isinstance(size, int) and size % wanted == 0 else 0


def _averaged(at: OnnxRuleContext, x: str, shape: list[Dim], axis: int, wanted: int) -> str:
    """The mean of `wanted` areas along one dimension."""
    size = shape[axis]
    if wanted == 1:
        return at.emit("ReduceMean", x, at.constant([axis]), keepdims=1)
    if isinstance(size, int):
        matrix = area_matrix(size, wanted)
        return at.emit("MatMul", at.numbers(matrix), x) if axis == 2 else at.emit("MatMul", x, at.numbers(matrix.T))
    parted = at.reshape(x, shape, (*shape[:axis], wanted, size // wanted, *shape[axis + 1 :]))
    return at.emit("ReduceMean", parted, at.constant([axis + 1]), keepdims=0)


def area_matrix(size: int, areas: int) -> Array:
    """Rows that average floor(i·size/areas) to ceil((i+1)·size/areas), the areas of adaptive pooling."""
    matrix = np.zeros((areas, size))
    for i in range(areas):
        start, end = i * size // areas, -(-(i + 1) * size // areas)
        matrix[i, start:end] = 1 / (end - start)
    return matrix

"""Images read at the places of a grid."""

from __future__ import annotations

import numpy as np

from archgraph.dims import Dim, product
from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.lowering.program import ELEMENT_TYPES
from archgraph.export.profiles import rule
from archgraph.export.rules.embedding import counting
from archgraph.ops import grids as ops


@rule(ops.GridSample)
def grid_sample(at: OnnxRuleContext, op: ops.GridSample) -> str:
    return at.emit(
        "GridSample",
        at["input"],
        at["grid"],
        mode=op.mode,
        padding_mode=op.padding_mode,
        align_corners=int(op.align_corners),
    )


@rule(ops.AffineGrid)
def affine_grid(at: OnnxRuleContext, op: ops.AffineGrid) -> str:
    """All places of the image as rows (x, y, 1), times the maps; ONNX has it from opset 20 on."""
    sizes, axes = op.size[2:], len(op.size) - 2
    shape = at.dims((*sizes, 1))
    columns = [_column(at, size, place, axes, op.align_corners) for place, size in enumerate(sizes)]
    ones = at.constant(np.ones((1,) * (axes + 1), dtype=np.float32))
    whole = [at.emit("Expand", column, shape) for column in (*columns[::-1], ones)]
    places = at.emit("Concat", *whole, axis=axes)
    dtype = at.type.dtype
    places = at.converted(places, "float32", dtype)
    rows = at.emit("Reshape", places, at.constant([1, -1, axes + 1]))
    mapped = at.emit("MatMul", rows, at.emit("Transpose", at["theta"], perm=(0, 2, 1)))
    return at.reshape(mapped, (at.shape[0], product(sizes), axes), at.result.shape)


def _column(at: OnnxRuleContext, size: Dim, place: int, axes: int, align_corners: bool) -> str:
    """The coordinates along one dimension, from -1 to 1, as one of a grid."""
    column = tuple(-1 if i == place else 1 for i in range(axes + 1))
    if isinstance(size, int):
        return at.constant(_coordinates(size, align_corners).astype(np.float32).reshape(column))
    key = ("grid", size, align_corners)
    return at.emit("Reshape", at.emission.shared(key, lambda: _computed(at, size, align_corners)), at.constant(column))


def _coordinates(size: int, align_corners: bool) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    places = np.arange(size, dtype=np.float64)
    if align_corners:
        return places * (2 / (size - 1)) - 1 if size > 1 else places
    return (2 * places + 1) / size - 1


def _computed(at: OnnxRuleContext, size: Dim, align_corners: bool) -> str:
    def add(kind: str, *inputs: str, **how: int) -> str:
        return at.emission.add(kind, inputs, f"grids/{size}".replace(" ", ""), **how)

    places, total = counting(at, size), at.sizes.scalar(size)
    one, two = at.constant([1]), at.constant([2])
    numerator = add("Mul", places, two)
    if align_corners:  # one place alone lies at 0: (0 - 0) / 1
        last = add("Sub", total, one)
        numerator, divisor = add("Sub", numerator, last), add("Max", last, one)
    else:
        numerator, divisor = add("Sub", add("Add", numerator, one), total), total
    wide = [add("Cast", x, to=ELEMENT_TYPES["float32"]) for x in (numerator, divisor)]
    return add("Div", *wide)

"""Images read at the places of a grid."""

from __future__ import annotations

import numpy as np

from archgraph.dims import Dim, product
from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.lowering.program import ELEMENT_TYPES
from archgraph.export.profiles import CUDA, rule
from archgraph.export.rules.embedding import counting
from archgraph.ops import grids as ops

_VOLUME_RANK, _OPSET_OF_VOLUMES = 5, 20


@rule(ops.GridSample, CUDA)
def grid_sample_of_volumes(at: OnnxRuleContext, op: ops.GridSample) -> str:
    """CUDA's kernel takes volumes from opset 20 on only."""
    if len(at.shape) == _VOLUME_RANK:
        at.emission.program.opset = max(at.emission.program.opset, _OPSET_OF_VOLUMES)
    return grid_sample(at, op)


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
    work = "float64" if at.type.dtype == "float64" else "float32"
    columns = [_column(at, size, place, op, work) for place, size in enumerate(sizes)]
    ones = at.constant(np.ones((1,) * (axes + 1), dtype=work))
    whole = [at.emit("Expand", column, shape) for column in (*columns[::-1], ones)]
    places = at.converted(at.emit("Concat", *whole, axis=axes), work, at.type.dtype)
    rows = at.emit("Reshape", places, at.constant([1, -1, axes + 1]))
    mapped = at.emit("MatMul", rows, at.emit("Transpose", at["theta"], perm=(0, 2, 1)))
    return at.reshape(mapped, (at.shape[0], product(sizes), axes), at.result.shape)


def _column(at: OnnxRuleContext, size: Dim, place: int, op: ops.AffineGrid, dtype: str) -> str:
    """The coordinates along one dimension, from -1 to 1, as one of a grid."""
    column = tuple(-1 if i == place else 1 for i in range(len(op.size) - 1))
    if isinstance(size, int):
        return at.constant(_coordinates(size, op.align_corners).astype(dtype).reshape(column))
    key = ("grid", size, op.align_corners, dtype)
    made = at.emission.shared(key, lambda: _computed(at, size, op.align_corners, dtype))
    return at.emit("Reshape", made, at.constant(column))


def _coordinates(size: int, align_corners: bool) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    places = np.arange(size, dtype=np.float64)
    if align_corners:
        return places * (2 / (size - 1)) - 1 if size > 1 else places
    return (2 * places + 1) / size - 1


def _computed(at: OnnxRuleContext, size: Dim, align_corners: bool, dtype: str) -> str:
    def add(kind: str, *inputs: str, **how: int) -> str:
        return at.emission.add(kind, inputs, f"grids/{size}".replace(" ", ""), **how)

    places, total = counting(at, size), at.sizes.scalar(size)
    one, two = at.constant([1]), at.constant([2])
    numerator = add("Mul", places, two)
    if align_corners:  # a single place lies at 0: (0 - 0) / 1
        last = add("Sub", total, one)
        numerator, divisor = add("Sub", numerator, last), add("Max", last, one)
    else:
        numerator, divisor = add("Sub", add("Add", numerator, one), total), total
    wide = [add("Cast", x, to=ELEMENT_TYPES[dtype]) for x in (numerator, divisor)]
    return add("Div", *wide)

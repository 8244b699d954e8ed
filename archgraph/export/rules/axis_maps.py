"""Linear maps along one dimension: each place of the result is a weighted sum of places."""

from __future__ import annotations

from collections.abc import Sequence

from archgraph.artifact.arrays import Array
from archgraph.dims import Dim, product
from archgraph.export.lowering.emission import OnnxRuleContext

_LAST = 1
_LAST_BUT_ONE = 2


def along_axis(at: OnnxRuleContext, x: str, shape: Sequence[Dim], axis: int, matrix: Array | str, want: Dim) -> str:
    """x mapped along a dimension by a matrix [want, size], which is known or computed at run time."""
    behind = len(shape) - axis
    if behind == _LAST:
        return at.emit("MatMul", x, _turned(at, matrix))
    rows = at.numbers(matrix) if not isinstance(matrix, str) else matrix
    if behind == _LAST_BUT_ONE:
        return at.emit("MatMul", rows, x)
    flat = (*shape[: axis + 1], product(shape[axis + 1 :]))
    mapped = at.emit("MatMul", rows, at.reshape(x, shape, flat))
    result = (*shape[:axis], want, *shape[axis + 1 :])
    return at.reshape(mapped, (*shape[:axis], want, flat[-1]), result)


def _turned(at: OnnxRuleContext, matrix: Array | str) -> str:
    if not isinstance(matrix, str):
        return at.numbers(matrix.T)
    return at.emission.shared(
        ("turned", matrix), lambda: at.emission.add("Transpose", [matrix], f"{matrix}/turned", perm=(1, 0))
    )

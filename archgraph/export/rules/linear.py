"""Linear layers and matrix products."""

from __future__ import annotations

from collections.abc import Sequence

from archgraph.dims import Dim, Size, product, symbols_of
from archgraph.dims.size import value_of
from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.profiles import CPU, rule
from archgraph.ops import linear as ops

_SMALL = 128 * 128
"""Numbers of a matrix by which a token is multiplied so soon that adding the bias counts."""
_FEW = 128
"""Tokens for which two more operators take longer than adding the bias."""


@rule(ops.Linear)
def linear(at: OnnxRuleContext, op: ops.Linear) -> str:
    """Gemm for rows, which reads torch's matrix as it is; MatMul, with the matrix stored transposed, otherwise."""
    rows = len(at.shape) == 2
    matrix = at.weight("weight") if rows else at.transposed("weight")
    bias = (at.weight("bias"),) if op.bias else ()
    if rows:
        return at.emit("Gemm", at["input"], matrix, *bias, transB=1)
    made = at.emit("MatMul", at["input"], matrix)
    return at.emit("Add", made, *bias) if bias else made


@rule(ops.Linear, CPU)
def linear_of_rows(at: OnnxRuleContext, op: ops.Linear) -> str:
    """Gemm for many tokens and a small matrix too: a Gemm begins with the bias, and a sum takes as long for each short
    token as the product does."""
    *outer, width = at.shape
    is_small = op.bias and int(width) * op.out_features <= _SMALL  # type: ignore[arg-type]
    if len(outer) < 2 or not is_small or _are_few(outer) or at.type.dtype not in ("float32", "float64"):
        return linear(at, op)
    tokens, x = product(outer), at["input"]
    how = at.sizes.reshaping(at.shape, (tokens, width))
    rows = at.emission.shared(("rows", x), lambda: at.emission.add("Reshape", (x, how), f"{x}/rows"))
    made = at.emit("Gemm", rows, at.weight("weight"), at.weight("bias"), transB=1)
    return at.reshape(made, (tokens, op.out_features), at.result.shape)


def _are_few(sizes: Sequence[Dim]) -> bool:
    """Whether the tokens of a batch of one are known to be few. A first dimension may be that of windows: `4*N`."""
    tokens = product(sizes)
    free = symbols_of(tokens)
    if len(free) > 1 or free - symbols_of(sizes[0]):
        return False
    return (value_of(tokens, dict.fromkeys(free, 1)) if isinstance(tokens, Size) else tokens) < _FEW


@rule(ops.MatMul)
def matmul(at: OnnxRuleContext, op: ops.MatMul) -> str:
    return at.emit("MatMul", at["input"], at["other"])

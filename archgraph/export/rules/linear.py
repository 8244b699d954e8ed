"""Linear layers and matrix products."""

from __future__ import annotations

from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.profiles import rule
from archgraph.ops import linear as ops


@rule(ops.Linear)
def linear(at: OnnxRuleContext, op: ops.Linear) -> str:
    """Gemm for rows, which reads torch's matrix as it is; MatMul, with the matrix stored transposed, otherwise."""
    rows = len(at.shape) == 2
    matrix = at.weight("weight") if rows else at.transposed("weight")
    bias = (at.weight("bias"),) if op.bias else ()
    if rows:
        return at.emit("Gemm", at["input"], matrix, *bias, transB=1)
    product = at.emit("MatMul", at["input"], matrix)
    return at.emit("Add", product, *bias) if bias else product


@rule(ops.MatMul)
def matmul(at: OnnxRuleContext, op: ops.MatMul) -> str:
    return at.emit("MatMul", at["input"], at["other"])

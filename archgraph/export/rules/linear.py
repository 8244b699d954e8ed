"""Linear layers and matrix products."""

from __future__ import annotations

from archgraph.export.emission import Site
from archgraph.export.profiles import rule
from archgraph.ops import linear as ops


@rule(ops.Linear)
def linear(at: Site, op: ops.Linear) -> str:
    """Gemm for rows, which reads torch's matrix as it is; MatMul, with the matrix stored transposed, otherwise."""
    bias = (at.weight("bias"),) if op.bias else ()
    if len(at.shape) == 2:
        return at.emit("Gemm", at["input"], at.weight("weight"), *bias, transB=1)
    product = at.emit("MatMul", at["input"], at.transposed("weight"))
    return at.emit("Add", product, *bias) if bias else product


@rule(ops.MatMul)
def matmul(at: Site, op: ops.MatMul) -> str:
    return at.emit("MatMul", at["input"], at["other"])

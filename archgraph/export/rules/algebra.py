"""Products of vectors, matrices and larger values."""

from __future__ import annotations

from archgraph.dims import Facts
from archgraph.export.lowering.contraction import EquationWriter
from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.profiles import rule
from archgraph.export.rules.reduction import kernel_of_whole
from archgraph.ops import algebra as ops
from archgraph.ops.contract import FLOAT_TYPES


@rule(ops.Contraction)
def contraction(at: OnnxRuleContext, op: ops.Contraction) -> str:
    kinds, found = tuple(at.types.values()), op.contraction(at.types)
    dtype = op.operand_type(at.types)
    work = at.kernel_type(dtype) if dtype == "bool" else kernel_of_whole(at.kernel_type(dtype))
    names = [at.read(port, work) for port in at.inputs]
    writer = EquationWriter(at, found.sizes(kinds, Facts()), work)
    made = writer.written(found, names, [kind.shape for kind in kinds])
    return at.converted(made, work, at.result.dtype)


@rule(ops.Bilinear)
def bilinear(at: OnnxRuleContext, op: ops.Bilinear) -> str:
    found, shapes = op.contraction(at.types), [at.types["input1"].shape, at.types["input2"].shape]
    matrices = (op.out_features, shapes[0][-1], shapes[1][-1])
    sizes = {
        letter: size
        for letters, shape in zip(found.operands, (shapes[0], matrices, shapes[1]), strict=True)
        for letter, size in zip(letters, shape, strict=True)
    }
    names = (at["input1"], at.weight("weight"), at["input2"])
    made = EquationWriter(at, sizes, at.type.dtype).written(found, names, (shapes[0], matrices, shapes[1]))
    return at.emit("Add", made, at.weight("bias")) if op.bias else made


@rule(ops.WithSum)
def with_sum(at: OnnxRuleContext, op: ops.WithSum) -> str:
    """Gemm, which has both numbers, for matrices of floating numbers."""
    dtype = at.type.dtype
    work = kernel_of_whole(at.kernel_type(dtype))
    added, one, other = (at.read(port, work) for port in at.inputs)
    if op.rank == 2 and dtype in FLOAT_TYPES:
        made = at.emit("Gemm", one, other, added, alpha=float(op.alpha), beta=float(op.beta))
        return at.converted(made, work, dtype)
    made = _times(at, at.emit("MatMul", one, other), op.alpha, work)
    if op.beta != 0:
        made = at.emit("Add", _times(at, added, op.beta, work), made)
    return at.converted(made, work, dtype)


def _times(at: OnnxRuleContext, x: str, factor: float, dtype: str) -> str:
    return x if factor == 1 else at.emit("Mul", x, at.scalar(factor, dtype))


@rule(ops.Cross)
def cross(at: OnnxRuleContext, op: ops.Cross) -> str:
    """(a₂b₃ - a₃b₂, a₃b₁ - a₁b₃, a₁b₂ - a₂b₁), with the numbers of each vector moved by one place and by two."""
    axis, dtype = op.dim % len(at.shape), at.type.dtype
    work = kernel_of_whole(at.kernel_type(dtype))
    moved = [
        [at.emit("Gather", at.read(port, work), at.constant(order), axis=axis) for order in ([1, 2, 0], [2, 0, 1])]
        for port in ("input", "other")
    ]
    (a, a_far), (b, b_far) = moved
    made = at.emit("Sub", at.emit("Mul", a, b_far), at.emit("Mul", a_far, b))
    return at.converted(made, work, at.result.dtype)

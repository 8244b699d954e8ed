"""Reductions over dimensions."""

from __future__ import annotations

from collections.abc import Callable

from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.profiles import rule
from archgraph.ops import reduction as ops


def _reduced(kind: str) -> Callable[[OnnxRuleContext, ops.Reduction], str]:
    def form(at: OnnxRuleContext, op: ops.Reduction) -> str:
        axes = op.axes(at.type)
        result = at.result.dtype
        if not axes:
            return at.converted(at["input"], at.type.dtype, result)
        work = "int32" if result in ("bool", "uint8") else at.kernel_type(result)
        made = at.emit(kind, at.read("input", work), at.constant(list(axes)), keepdims=int(op.keepdim))
        return at.converted(made, work, result)

    return form


rule(ops.Mean)(_reduced("ReduceMean"))
rule(ops.Sum)(_reduced("ReduceSum"))
rule(ops.Amax)(_reduced("ReduceMax"))

"""Reductions over dimensions."""

from __future__ import annotations

from collections.abc import Callable

from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.profiles import rule
from archgraph.ops import reduction as ops


def _reduced(kind: str) -> Callable[[OnnxRuleContext, ops.Reduction], str]:
    def form(at: OnnxRuleContext, op: ops.Reduction) -> str:
        axes = op.axes(at.type)
        if not axes:
            return at["input"]
        return at.emit(kind, at["input"], at.constant(list(axes)), keepdims=int(op.keepdim))

    return form


rule(ops.Mean)(_reduced("ReduceMean"))
rule(ops.Sum)(_reduced("ReduceSum"))
rule(ops.Amax)(_reduced("ReduceMax"))

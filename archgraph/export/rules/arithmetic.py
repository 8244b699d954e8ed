"""Arithmetic on two values, or on a value and a number."""

from __future__ import annotations

from collections.abc import Callable

from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.profiles import rule
from archgraph.ops import arithmetic as ops


def _binary(kind: str) -> Callable[[OnnxRuleContext, ops.Binary], str]:
    def form(at: OnnxRuleContext, op: ops.Binary) -> str:
        other = at["other"] if op.value is None else at.scalar(op.value)
        return at.emit(kind, at["input"], other)

    return form


rule(ops.Add)(_binary("Add"))
rule(ops.Sub)(_binary("Sub"))
rule(ops.Mul)(_binary("Mul"))
rule(ops.Div)(_binary("Div"))

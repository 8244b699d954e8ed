"""Arithmetic on two values, or on a value and a number."""

from __future__ import annotations

from collections.abc import Callable

from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.lowering.forms import write_pair
from archgraph.export.profiles import rule
from archgraph.ops import arithmetic as ops
from archgraph.ops.promotion import floating
from archgraph.ops.tables import NUMBERS, Row


def _operands(at: OnnxRuleContext, op: ops.Binary, dtype: str) -> tuple[str, str]:
    other = at.scalar(op.value, dtype) if op.value is not None else at.read("other", dtype)
    return at.read("input", dtype), other


def _binary(kind: str, truth: str = "") -> Callable[[OnnxRuleContext, ops.Binary], str]:
    """The operator for numbers, and the one for truth values."""

    def form(at: OnnxRuleContext, op: ops.Binary) -> str:
        dtype = at.kernel_type(op.operand_type(at.types))
        made = at.emit(truth if dtype == "bool" else kind, *_operands(at, op, dtype))
        return at.converted(made, dtype, at.result.dtype)

    return form


rule(ops.Add)(_binary("Add", "Or"))
rule(ops.Sub)(_binary("Sub"))
rule(ops.Mul)(_binary("Mul", "And"))

_QUOTIENTS = {
    "floor": Row("floor_div", "", ops.FLOOR_QUOTIENT, NUMBERS, whole=ops.WHOLE_FLOOR_QUOTIENT),
    "trunc": Row("trunc_div", "", ops.TRUNC_QUOTIENT, NUMBERS, whole=ops.WHOLE_TRUNC_QUOTIENT),
}


@rule(ops.Div)
def div(at: OnnxRuleContext, op: ops.Div) -> str:
    if op.rounding_mode is not None:
        return write_pair(at, op, _QUOTIENTS[op.rounding_mode])
    dtype = at.kernel_type(floating(op.operand_type(at.types)))
    return at.converted(at.emit("Div", *_operands(at, op, dtype)), dtype, at.result.dtype)

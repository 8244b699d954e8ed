"""Values chosen by a mask. ONNX Runtime's Where has no kernel for truth values on a CPU."""

from __future__ import annotations

from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.lowering.forms import Operand, write_form
from archgraph.export.profiles import rule
from archgraph.ops import selection as ops

_CHOICE = "Where(c, x, y)"
_CHOICE_OF_TRUTHS = "Or(And(c, x), And(Not(c), y))"


def _chosen(at: OnnxRuleContext, condition: str, x: Operand, y: Operand, dtype: str) -> str:
    form = _CHOICE_OF_TRUTHS if dtype == "bool" else _CHOICE
    return write_form(at, form, {"x": x, "y": y}, dtype, {"c": condition})


@rule(ops.Where)
def where(at: OnnxRuleContext, op: ops.Where) -> str:
    dtype = op.operand_type(at.types)
    other: Operand = at.read("other", dtype) if op.value is None else op.value
    return _chosen(at, at["condition"], at.read("input", dtype), other, dtype)


@rule(ops.MaskedFill)
def masked_fill(at: OnnxRuleContext, op: ops.MaskedFill) -> str:
    dtype = at.types["input"].dtype
    value = bool(op.value) if dtype == "bool" else op.value
    return _chosen(at, at["mask"], value, at["input"], dtype)

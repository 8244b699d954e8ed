"""Functions of each element, by the forms of their table."""

from __future__ import annotations

from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.lowering.forms import write_form
from archgraph.export.lowering.program import SINGLE
from archgraph.export.profiles import rule
from archgraph.ops.contract import FLOAT_TYPES, INTEGER_TYPES
from archgraph.ops.unary import Unary


@rule(Unary)
def applied(at: OnnxRuleContext, op: Unary) -> str:
    """What gives another kind of number reads its input as one."""
    read, made = at.type.dtype, at.result.dtype
    if made != "bool" and (made in FLOAT_TYPES) != (read in FLOAT_TYPES):
        read = SINGLE
    elif made in INTEGER_TYPES:
        read = made
    return write_form(at, op.row.form(read), {"x": at.read("input", read)}, read)

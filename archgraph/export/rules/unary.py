"""Functions of each element, by the forms of their table."""

from __future__ import annotations

from archgraph.export.lowering.emission import Site
from archgraph.export.lowering.forms import write
from archgraph.export.profiles import rule
from archgraph.ops.contract import FLOAT_TYPES
from archgraph.ops.unary import Unary


@rule(Unary)
def applied(at: Site, op: Unary) -> str:
    """What gives another kind of number reads its input as one."""
    made = at.result.dtype
    if made == "bool" or made == at.type.dtype:
        return write(at, op.row, {"x": at["input"]}, at.type.dtype)
    if made in FLOAT_TYPES and at.type.dtype in FLOAT_TYPES:
        return write(at, op.row, {"x": at["input"]}, at.type.dtype)
    wide = "float32" if made in FLOAT_TYPES else made
    return write(at, op.row, {"x": at.cast(at["input"], wide)}, wide)

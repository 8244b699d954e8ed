"""Functions of two values, by the forms of their tables."""

from __future__ import annotations

from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.lowering.forms import write_pair
from archgraph.export.profiles import rule
from archgraph.ops.binary import OfTwo, OfTwoOrNumber


@rule(OfTwo)
@rule(OfTwoOrNumber)
def applied(at: OnnxRuleContext, op: OfTwo | OfTwoOrNumber) -> str:
    return write_pair(at, op, op.row)

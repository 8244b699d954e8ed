"""Functions of each element, as calls of torch's."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import call, local, ref
from archgraph.codegen.rules.registry import TorchRuleContext, attributes, function
from archgraph.ops.contract import FLOAT_TYPES
from archgraph.ops.unary import Unary
from archgraph.structure.terms import Term


@function(Unary)
def applied(site: TorchRuleContext, op: Unary) -> Term:
    """Numbers that are made from whole ones take the type of the network's others."""
    made = call(op.row.called, ref("input"), *attributes(op, *type(op).model_fields))
    becomes_floating = site.node.output.dtype in FLOAT_TYPES and site.kind().dtype not in FLOAT_TYPES
    return local("cast", made) if becomes_floating else made

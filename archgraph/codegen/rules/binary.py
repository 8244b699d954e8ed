"""Functions of two values, as calls of torch's."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import call, ref
from archgraph.codegen.rules.arithmetic import in_type_of_network, second
from archgraph.codegen.rules.registry import TorchRuleContext, function
from archgraph.ops.binary import OfTwo, OfTwoOrNumber
from archgraph.structure.terms import Term


@function(OfTwo)
@function(OfTwoOrNumber)
def applied(site: TorchRuleContext, op: OfTwo | OfTwoOrNumber) -> Term:
    return in_type_of_network(site, call(op.row.called, ref("input"), second(site, op)))

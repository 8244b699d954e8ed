"""Functions of two values, as calls of torch's."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import Term, call, ref
from archgraph.codegen.rules.arithmetic import in_type_of_network, second
from archgraph.codegen.rules.registry import Site, function
from archgraph.ops.binary import OfTwo, OfTwoOrNumber


@function(OfTwo)
@function(OfTwoOrNumber)
def applied(site: Site, op: OfTwo | OfTwoOrNumber) -> Term:
    return in_type_of_network(site, call(op.row.called, ref("input"), second(site, op)))

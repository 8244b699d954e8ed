"""Values chosen by a mask."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import call, method, ref
from archgraph.codegen.rules.arithmetic import in_type_of_network
from archgraph.codegen.rules.registry import TorchRuleContext, function
from archgraph.ops import selection as ops
from archgraph.structure.terms import Term, number


@function(ops.Where)
def where(site: TorchRuleContext, op: ops.Where) -> Term:
    other = ref("other") if site.has("other") else number("value", op.value)
    return in_type_of_network(site, call("torch.where", ref("condition"), ref("input"), other))


@function(ops.MaskedFill)
def masked_fill(site: TorchRuleContext, op: ops.MaskedFill) -> Term:
    return method(ref("input"), "masked_fill", ref("mask"), number("value", op.value))

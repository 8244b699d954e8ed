"""What accumulates along a dimension, as calls of torch's."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import call, keyword, ref
from archgraph.codegen.rules.registry import TorchRuleContext, function
from archgraph.ops.cumulative import Cumulative
from archgraph.structure.terms import Term, number


@function(Cumulative)
def accumulated(site: TorchRuleContext, op: Cumulative) -> Term:
    return call(op.row.called, ref("input"), keyword("dim", number("dim", op.dim)))

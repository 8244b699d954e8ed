"""Reductions beyond the common ones, as calls of torch's."""

from __future__ import annotations

from typing import Any

from archgraph.codegen.analysis.terms import call, item, keyword, ref, text
from archgraph.codegen.rules.arithmetic import in_type_of_network
from archgraph.codegen.rules.registry import TorchRuleContext, attributes, function
from archgraph.ops.aggregation import Aggregate
from archgraph.structure.terms import Term, number


@function(Aggregate)
def reduced(site: TorchRuleContext, op: Aggregate) -> Term:
    """torch's median along a dimension gives places too."""
    dim = dims(op)
    others = tuple(key for key in type(op).model_fields if key != "dim")
    given = () if dim is None else (keyword("dim", number("dim", dim)),)
    made = call(op.row.called, ref("input"), *given, *attributes(op, *others))
    if op.row.name == "median" and dim is not None:
        return item(made, text("0"))
    return in_type_of_network(site, made) if len(site.node.outputs) == 1 else made


def dims(op: Any) -> Any:
    """The dimensions as torch takes them: one number, several, or None for all."""
    found = op.dim
    return (found[0] if len(found) == 1 else found) if found and not isinstance(found, int) else found

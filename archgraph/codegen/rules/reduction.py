"""Reductions over dimensions: the common ones as methods, the others as calls of torch's functions."""

from __future__ import annotations

from typing import Any

from archgraph.codegen.analysis.terms import call, item, keyword, method, ref, text
from archgraph.codegen.rules.arithmetic import in_type_of_network
from archgraph.codegen.rules.registry import TorchRuleContext, attributes, function
from archgraph.ops import reduction as ops
from archgraph.ops.reduction import TabledReduction
from archgraph.structure.terms import Term, number


def _register(contract: type[ops.Reduction], name: str) -> None:
    @function(contract)
    def reduced(site: TorchRuleContext, op: ops.Reduction) -> Term:
        dims = op.dim or op.axes(site.kind())
        if not dims or not (op.dim or op.keepdim):
            return method(ref("input"), name)
        dim = keyword("dim", number("dim", dims[0] if len(dims) == 1 else dims))
        return method(ref("input"), name, dim, *attributes(op, "keepdim"))


for _contract, _name in {ops.Mean: "mean", ops.Sum: "sum", ops.Amax: "amax"}.items():
    _register(_contract, _name)


@function(TabledReduction)
def reduced(site: TorchRuleContext, op: TabledReduction) -> Term:
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

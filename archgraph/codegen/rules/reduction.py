"""Reductions over dimensions."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import keyword, method, ref
from archgraph.codegen.rules.registry import TorchRuleContext, attributes, function
from archgraph.ops import reduction as ops
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

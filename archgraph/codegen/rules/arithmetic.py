"""Arithmetic, with Python's operators."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import infix, ref
from archgraph.codegen.rules.registry import TorchRuleContext, function
from archgraph.ops import arithmetic as ops
from archgraph.structure.terms import Term, number

_OPERATORS: dict[type[ops.Binary], str] = {ops.Add: "+", ops.Sub: "-", ops.Mul: "*", ops.Div: "/"}


def _register(contract: type[ops.Binary], operator: str) -> None:
    @function(contract)
    def written(site: TorchRuleContext, op: ops.Binary) -> Term:
        other = ref("other") if site.has("other") else number("value", op.value)
        return infix(operator, ref("input"), other)


for _contract, _operator in _OPERATORS.items():
    _register(_contract, _operator)

"""Triangles and diagonals of matrices, as calls of torch's functions."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import call, ref
from archgraph.codegen.rules.registry import TorchRuleContext, attributes, function
from archgraph.ops import diagonals as ops
from archgraph.ops.contract import Operation
from archgraph.structure.terms import Term


def _register(contract: type[Operation]) -> None:
    @function(contract)
    def called(site: TorchRuleContext, op: Operation) -> Term:
        return call(f"torch.{op.name}", ref("input"), *attributes(op, *contract.model_fields))


for _contract in (ops.Tril, ops.Triu, ops.Diagonal, ops.DiagEmbed):
    _register(_contract)

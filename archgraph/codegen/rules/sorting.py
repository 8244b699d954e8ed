"""Values in order, as calls of torch's."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import call, keyword, ref
from archgraph.codegen.rules.registry import TorchRuleContext, attributes, function
from archgraph.ops import sorting as ops
from archgraph.ops.contract import Operation
from archgraph.structure.terms import Term, number


def _register(contract: type[Operation]) -> None:
    @function(contract)
    def called(site: TorchRuleContext, op: Operation) -> Term:
        return call(f"torch.{op.name}", *map(ref, site.node.inputs), *attributes(op, *contract.model_fields))


for _contract in (ops.TopK, ops.Searchsorted, ops.Bucketize):
    _register(_contract)


@function(ops.Sort)
def ordered(site: TorchRuleContext, op: ops.Sort) -> Term:
    """torch's default for a stable order is null, as good as false."""
    stable = (keyword("stable", number("stable", True)),) if op.stable else ()
    return call(f"torch.{op.name}", ref("input"), *attributes(op, "dim", "descending"), *stable)

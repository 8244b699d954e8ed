"""Lengths, distances and angles, as calls of torch's."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import call, ref
from archgraph.codegen.rules.arithmetic import in_type_of_network
from archgraph.codegen.rules.registry import TorchRuleContext, attributes, define, function
from archgraph.ops import distance as ops
from archgraph.ops.contract import Operation
from archgraph.structure.terms import Term


def _register(contract: type[Operation], head: str) -> None:
    @function(contract)
    def called(site: TorchRuleContext, op: Operation) -> Term:
        return in_type_of_network(
            site, call(head, *map(ref, site.node.inputs), *attributes(op, *contract.model_fields))
        )


_register(ops.Normalize, "F.normalize")
_register(ops.CosineSimilarity, "F.cosine_similarity")
_register(ops.PairwiseDistance, "F.pairwise_distance")
_register(ops.Cdist, "cdist")

define(
    "cdist",
    '''
def cdist(x1: Tensor, x2: Tensor, p: float = 2.0) -> Tensor:
    """Distances of all pairs of rows, of low types in float32, since torch has no kernel for them."""
    low = x1.dtype in (torch.float16, torch.bfloat16)
    return torch.cdist(x1.float(), x2.float(), p).to(x1.dtype) if low else torch.cdist(x1, x2, p)
''',
)

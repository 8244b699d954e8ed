"""Linear layers and matrix products."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import call, infix, ref
from archgraph.codegen.rules.registry import TorchRuleContext, attributes, function, module
from archgraph.ops import linear as ops
from archgraph.structure.terms import Term, number


@module(ops.Linear)
def linear_module(site: TorchRuleContext, op: ops.Linear) -> Term:
    return call(
        "nn.Linear",
        number("in_features", site.channels(-1)),
        number("out_features", op.out_features),
        *attributes(op, "bias"),
    )


@function(ops.Linear)
def linear(site: TorchRuleContext, op: ops.Linear) -> Term:
    bias = (site.weight("bias"),) if op.bias else ()
    return call("F.linear", ref("input"), site.weight("weight"), *bias)


@function(ops.MatMul)
def matmul(site: TorchRuleContext, op: ops.MatMul) -> Term:
    return infix("@", ref("input"), ref("other"))

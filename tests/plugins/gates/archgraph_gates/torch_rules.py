"""How the operations are written as torch code."""

from __future__ import annotations

from archgraph.codegen.rules import (
    Term,
    TorchRuleContext,
    attributes,
    call,
    define,
    function,
    imports,
    infix,
    method,
    module,
    number,
    ref,
)
from archgraph_gates import operations as ops

define(
    "quick_gelu",
    '''
def quick_gelu(x: Tensor, alpha: float = 1.702) -> Tensor:
    """x · sigmoid(alpha · x)."""
    return x * torch.sigmoid(alpha * x)
''',
)
imports("GatedLinear", "archgraph_gates.modules")


@function(ops.QuickGELU)
def quick_gelu(site: TorchRuleContext, op: ops.QuickGELU) -> Term:
    return call("quick_gelu", ref("input"), *attributes(op, "alpha"))


@module(ops.GatedLinear)
def gated_linear(site: TorchRuleContext, op: ops.GatedLinear) -> Term:
    return call(
        "GatedLinear",
        number("in_features", site.channels(-1)),
        number("out_features", op.out_features),
        *attributes(op, "bias"),
    )


@function(ops.GatedLinear)
def gated_linear_function(site: TorchRuleContext, op: ops.GatedLinear) -> Term:
    value, gate = (
        call("F.linear", ref("input"), site.weight(f"{part}.weight"), site.weight(f"{part}.bias"))
        for part in ("value", "gate")
    )
    return infix("*", value, call("torch.sigmoid", gate))


@function(ops.Hashed)
def hashed(site: TorchRuleContext, op: ops.Hashed) -> Term:
    scaled = infix("*", ref("input"), number("factor", op.factor))
    return method(scaled, "remainder", number("buckets", op.buckets))

"""Linear layers and matrix products."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import Term, call, infix, keyword, number, ref
from archgraph.codegen.rules.registry import Site, function, module


@module("linear")
def linear_module(site: Site) -> Term:
    return call(
        "nn.Linear",
        number("in_features", site.channels(-1)),
        number("out_features", site.op.out_features),
        keyword("bias", number("bias", site.op.bias), True),
    )


@function("linear")
def linear(site: Site) -> Term:
    bias = (site.weight("bias"),) if site.op.bias else ()
    return call("F.linear", ref("input"), site.weight("weight"), *bias)


@function("matmul")
def matmul(site: Site) -> Term:
    return infix("@", ref("input"), ref("other"))

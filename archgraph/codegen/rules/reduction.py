"""Reductions over dimensions."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import Term, keyword, method, number, ref
from archgraph.codegen.rules.registry import Site, function


def _register(name: str) -> None:
    @function(name)
    def reduced(site: Site) -> Term:
        dims = site.op.dim or site.op.axes(site.kind())
        if not dims or not (site.op.dim or site.op.keepdim):
            return method(ref("input"), name)
        return method(
            ref("input"),
            name,
            keyword("dim", number("dim", dims[0] if len(dims) == 1 else dims)),
            keyword("keepdim", number("keepdim", site.op.keepdim), False),
        )


for _name in ("mean", "sum", "amax"):
    _register(_name)

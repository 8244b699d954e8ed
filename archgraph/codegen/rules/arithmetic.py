"""Arithmetic, with Python's operators."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import Term, infix, number, ref
from archgraph.codegen.rules.registry import Site, function


def _register(name: str, operator: str) -> None:
    @function(name)
    def written(site: Site) -> Term:
        other = ref("other") if site.has("other") else number("value", site.op.value)
        return infix(operator, ref("input"), other)


for _name, _operator in {"add": "+", "sub": "-", "mul": "*", "div": "/"}.items():
    _register(_name, _operator)

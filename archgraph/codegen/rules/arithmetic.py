"""Arithmetic, with Python's operators."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import ADDED, call, infix, keyword, local, ref
from archgraph.codegen.rules.registry import TorchRuleContext, function, overwrites
from archgraph.ops import arithmetic as ops
from archgraph.ops.contract import FLOAT_TYPES
from archgraph.structure.terms import Term, number

_OPERATORS: dict[type[ops.Binary], str] = {ops.Add: "+", ops.Sub: "-", ops.Mul: "*"}


def second(site: TorchRuleContext, op: ops.Pairwise) -> Term:
    """The second value, or the number in its place."""
    return ref("other") if site.has("other") else number("value", op.number)


def in_type_of_network(site: TorchRuleContext, made: Term) -> Term:
    """Numbers that are made from whole ones take the type of the network's others, torch's default elsewhere."""
    read = {kind.dtype for kind in site.node.types.values()}
    becomes_floating = site.node.output.dtype in FLOAT_TYPES and not read & set(FLOAT_TYPES)
    return local("cast", made) if becomes_floating else made


def _register(contract: type[ops.Binary], operator: str) -> None:
    @function(contract)
    def written(site: TorchRuleContext, op: ops.Binary) -> Term:
        chosen = ADDED if site.in_place else operator
        return in_type_of_network(site, infix(chosen, ref("input"), second(site, op)))


for _contract, _operator in _OPERATORS.items():
    _register(_contract, _operator)

overwrites(ops.Add, where=lambda op: op.number is None)


@function(ops.Div)
def div(site: TorchRuleContext, op: ops.Div) -> Term:
    if op.rounding_mode is None:
        return in_type_of_network(site, infix("/", ref("input"), second(site, op)))
    rounded = keyword("rounding_mode", number("rounding_mode", op.rounding_mode))
    return in_type_of_network(site, call("torch.div", ref("input"), second(site, op), rounded))

"""Activations."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import call, keyword, method, ref
from archgraph.codegen.rules.arithmetic import in_type_of_network
from archgraph.codegen.rules.registry import TorchRuleContext, attributes, function, inplace, module, overwrites
from archgraph.ops import activation as ops
from archgraph.ops.contract import Operation
from archgraph.structure.terms import Term, number

_MODULES_AND_FUNCTIONS: dict[type[Operation], tuple[str, str]] = {
    ops.ReLU: ("nn.ReLU", "F.relu"),
    ops.ReLU6: ("nn.ReLU6", "F.relu6"),
    ops.LeakyReLU: ("nn.LeakyReLU", "F.leaky_relu"),
    ops.ELU: ("nn.ELU", "F.elu"),
    ops.SiLU: ("nn.SiLU", "F.silu"),
    ops.GELU: ("nn.GELU", "F.gelu"),
    ops.Sigmoid: ("nn.Sigmoid", "torch.sigmoid"),
    ops.Tanh: ("nn.Tanh", "torch.tanh"),
    ops.Hardswish: ("nn.Hardswish", "F.hardswish"),
    ops.Hardsigmoid: ("nn.Hardsigmoid", "F.hardsigmoid"),
    ops.Softplus: ("nn.Softplus", "F.softplus"),
}
"""Maps of each element, with all their attributes under torch's names."""


def _register_module(contract: type[Operation], head: str) -> None:
    @module(contract)
    def constructed(site: TorchRuleContext, op: Operation) -> Term:
        return call(head, *attributes(op, *contract.model_fields), *inplace(site))


def _register_function(contract: type[Operation], head: str) -> None:
    @function(contract)
    def applied(site: TorchRuleContext, op: Operation) -> Term:
        return call(head, ref("input"), *attributes(op, *contract.model_fields), *inplace(site))


for _contract, (_module, _function) in _MODULES_AND_FUNCTIONS.items():
    _register_module(_contract, _module)
    _register_function(_contract, _function)

overwrites(ops.ReLU, ops.ReLU6, ops.SiLU, ops.Hardswish, ops.Hardsigmoid)
overwrites(ops.LeakyReLU, where=lambda op: op.negative_slope >= 0)  # or the result does not tell the sign of the input
overwrites(ops.ELU, where=lambda op: op.alpha >= 0)


@module(ops.Softmax)
def softmax_module(site: TorchRuleContext, op: ops.Softmax) -> Term:
    return call("nn.Softmax", keyword("dim", number("dim", op.dim)))


@function(ops.Softmax)
def softmax(site: TorchRuleContext, op: ops.Softmax) -> Term:
    return call("F.softmax", ref("input"), keyword("dim", number("dim", op.dim)))


@function(ops.Clamp)
def clamp(site: TorchRuleContext, op: ops.Clamp) -> Term:
    return in_type_of_network(site, method(ref("input"), "clamp", *attributes(op, "min", "max")))

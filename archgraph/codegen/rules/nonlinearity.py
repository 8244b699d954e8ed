"""Activations beyond the common ones."""

from __future__ import annotations

from typing import Any

from archgraph.codegen.analysis.terms import call, keyword, method, ref, text
from archgraph.codegen.rules.registry import TorchRuleContext, attributes, function, inplace, module, overwrites
from archgraph.ops import nonlinearity as ops
from archgraph.ops.contract import Operation
from archgraph.structure.terms import Term, number


@module(ops.Activation)
def activation_module(site: TorchRuleContext, op: ops.Activation) -> Term:
    return call(op.row.module, *attributes(op, *type(op).model_fields), *inplace(site))


@function(ops.Activation)
def activation(site: TorchRuleContext, op: ops.Activation) -> Term:
    return call(op.row.called, ref("input"), *attributes(op, *type(op).model_fields), *inplace(site))


def _can_overwrite(op: Any) -> bool:
    """torch's class of each has the argument; of a CELU with a negative alpha, the result does not tell the sign of the
    input."""
    return op.name in ("selu", "mish", "threshold") or (op.name == "celu" and op.alpha > 0)


overwrites(ops.Activation, where=_can_overwrite)


@module(ops.AlongDim)
def along_dim_module(site: TorchRuleContext, op: ops.AlongDim) -> Term:
    return call(op.row.module, keyword("dim", number("dim", op.dim)))


@function(ops.AlongDim)
def along_dim(site: TorchRuleContext, op: ops.AlongDim) -> Term:
    return call(op.row.called, ref("input"), keyword("dim", number("dim", op.dim)))


@module(ops.Softmax2d)
def softmax2d_module(site: TorchRuleContext, op: ops.Softmax2d) -> Term:
    return call("nn.Softmax2d")


@function(ops.Softmax2d)
def softmax2d(site: TorchRuleContext, op: ops.Softmax2d) -> Term:
    return method(ref("input"), "softmax", number("dim", -3))


@module(ops.PReLU)
def prelu_module(site: TorchRuleContext, op: ops.PReLU) -> Term:
    return call("nn.PReLU", *attributes(op, "num_parameters", "init"))


@function(ops.PReLU)
def prelu(site: TorchRuleContext, op: ops.PReLU) -> Term:
    return call("F.prelu", ref("input"), site.weight("weight"))


@function(ops.RReLU)
def rrelu(site: TorchRuleContext, op: ops.RReLU) -> Term:
    training = keyword("training", text("self.training"))
    return call("F.rrelu", ref("input"), *attributes(op, "lower", "upper"), training)


def _register(contract: type[Operation], class_: str, head: str) -> None:
    @module(contract)
    def constructed(site: TorchRuleContext, op: Operation) -> Term:
        return call(class_, *attributes(op, *contract.model_fields), *inplace(site))

    if not head:
        return

    @function(contract)
    def applied(site: TorchRuleContext, op: Operation) -> Term:
        return call(head, ref("input"), *attributes(op, *contract.model_fields), *inplace(site))


_register(ops.Hardtanh, "nn.Hardtanh", "F.hardtanh")
_register(ops.GLU, "nn.GLU", "F.glu")
_register(ops.RReLU, "nn.RReLU", "")
overwrites(ops.Hardtanh)

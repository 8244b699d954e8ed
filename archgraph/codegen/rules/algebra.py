"""Products of vectors, matrices and larger values, as calls of torch's."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import call, keyword, ref, text
from archgraph.codegen.rules.registry import TorchRuleContext, attributes, function, module
from archgraph.ops import algebra as ops
from archgraph.ops.contract import Operation
from archgraph.ops.equations import require_notation
from archgraph.structure.terms import Term, number


def _register(contract: type[Operation], head: str) -> None:
    @function(contract)
    def called(site: TorchRuleContext, op: Operation) -> Term:
        return call(head, *map(ref, site.node.inputs), *attributes(op, *contract.model_fields))


for _contract in (ops.Bmm, ops.Mv, ops.Dot, ops.Outer, ops.Addmm, ops.Baddbmm):
    _register(_contract, f"torch.{_contract.name}")
_register(ops.Cross, "torch.linalg.cross")


@function(ops.Einsum)
def einsum(site: TorchRuleContext, op: ops.Einsum) -> Term:
    """The notation holds letters, commas and dots only, and is checked once more where it becomes code."""
    return call("torch.einsum", text(f'"{require_notation(op.equation)}"'), *map(ref, site.node.inputs))


@function(ops.Tensordot)
def tensordot(site: TorchRuleContext, op: ops.Tensordot) -> Term:
    dims = keyword("dims", number("dims", op.dims), 2)
    return call("torch.tensordot", ref("a"), ref("b"), dims)


@module(ops.Bilinear)
def bilinear_module(site: TorchRuleContext, op: ops.Bilinear) -> Term:
    sizes = (
        number("in1_features", site.kind("input1").shape[-1]),
        number("in2_features", site.kind("input2").shape[-1]),
        number("out_features", op.out_features),
    )
    return call("nn.Bilinear", *sizes, *attributes(op, "bias"))


@function(ops.Bilinear)
def bilinear(site: TorchRuleContext, op: ops.Bilinear) -> Term:
    bias = (site.weight("bias"),) if op.bias else ()
    return call("F.bilinear", ref("input1"), ref("input2"), site.weight("weight"), *bias)

"""Tensors of numbers, made on the device and in the type of the network's others."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import call, keyword, local, ref, sequence, size, text
from archgraph.codegen.rules.constant import DTYPES
from archgraph.codegen.rules.registry import TorchRuleContext, function
from archgraph.ops import creation as ops
from archgraph.structure.terms import Term, number

_DEVICE = keyword("device", local("device"))


def _made(op: ops.OfShape, head: str, *arguments: Term) -> Term:
    if op.dtype == "float32":
        return local("cast", call(head, *arguments, _DEVICE))
    return call(head, *arguments, keyword("dtype", text(DTYPES[op.dtype])), _DEVICE)


def _sizes(op: ops.OfShape) -> tuple[Term, ...]:
    return tuple(map(size, op.shape)) or (sequence(),)


@function(ops.Zeros)
def zeros(site: TorchRuleContext, op: ops.Zeros) -> Term:
    return _made(op, "torch.zeros", *_sizes(op))


@function(ops.Ones)
def ones(site: TorchRuleContext, op: ops.Ones) -> Term:
    return _made(op, "torch.ones", *_sizes(op))


@function(ops.Full)
def full(site: TorchRuleContext, op: ops.Full) -> Term:
    value = float(op.fill_value) if op.dtype == "float32" else op.fill_value
    return _made(op, "torch.full", sequence(*map(size, op.shape)), number("fill_value", value))


def _like(op: ops.LikeInput, head: str, *arguments: Term) -> Term:
    if op.dtype is None:
        return call(head, ref("input"), *arguments)
    made = call(head, ref("input"), *arguments, keyword("dtype", text(DTYPES[op.dtype])))
    return local("cast", made) if op.dtype == "float32" else made


@function(ops.ZerosLike)
def zeros_like(site: TorchRuleContext, op: ops.ZerosLike) -> Term:
    return _like(op, "torch.zeros_like")


@function(ops.OnesLike)
def ones_like(site: TorchRuleContext, op: ops.OnesLike) -> Term:
    return _like(op, "torch.ones_like")


@function(ops.FullLike)
def full_like(site: TorchRuleContext, op: ops.FullLike) -> Term:
    return _like(op, "torch.full_like", number("fill_value", op.fill_value))


@function(ops.Linspace)
def linspace(site: TorchRuleContext, op: ops.Linspace) -> Term:
    ends = (number("start", op.start), number("end", op.end))
    return local("cast", call("torch.linspace", *ends, size(op.steps), _DEVICE))


@function(ops.Eye)
def eye(site: TorchRuleContext, op: ops.Eye) -> Term:
    sizes = (op.n,) if op.m is None else (op.n, op.m)
    return local("cast", call("torch.eye", *map(size, sizes), _DEVICE))

"""Dimensions added, removed, stretched and cut."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import call, infix, item, method, ref, sequence, size, text
from archgraph.codegen.rules.registry import TorchRuleContext, attributes, function, module
from archgraph.dims import Dim, Size
from archgraph.ops import rank as ops
from archgraph.structure.terms import Term, number

_EVERYTHING = text(":")


@module(ops.Flatten)
def flatten_module(site: TorchRuleContext, op: ops.Flatten) -> Term:
    return call("nn.Flatten", *attributes(op, "start_dim", "end_dim"))


@function(ops.Flatten)
def flatten(site: TorchRuleContext, op: ops.Flatten) -> Term:
    start = number("start_dim", op.start_dim)
    end = () if op.end_dim == -1 else (number("end_dim", op.end_dim),)
    return method(ref("input"), "flatten", start, *end)


@function(ops.Unsqueeze)
def unsqueeze(site: TorchRuleContext, op: ops.Unsqueeze) -> Term:
    if set(op.dim) == {-1}:
        return item(ref("input"), text("..."), *(text("None") for _ in op.dim))
    result = ref("input")
    for dim in op.dim:
        result = method(result, "unsqueeze", number("dim", dim))
    return result


@function(ops.Squeeze)
def squeeze(site: TorchRuleContext, op: ops.Squeeze) -> Term:
    dims = op.dim
    return method(ref("input"), "squeeze", number("dim", dims[0] if len(dims) == 1 else dims))


@function(ops.Expand)
def expand(site: TorchRuleContext, op: ops.Expand) -> Term:
    return method(ref("input"), "expand", *(tuple(map(size, op.shape)) or (sequence(),)))


@function(ops.Select)
def select(site: TorchRuleContext, op: ops.Select) -> Term:
    index = number("index", op.index)
    leading = _leading(op)
    if leading is None:
        return method(ref("input"), "select", number("dim", op.dim), index)
    return item(ref("input"), *leading, index)


@function(ops.Slice)
def slice_(site: TorchRuleContext, op: ops.Slice) -> Term:
    axis = op.dim % site.kind().rank
    places = infix(":", size(op.start, "start"), _end(op.end, site.kind().shape[axis]))
    if op.step != 1:
        places = infix(":", places, number("step", op.step))
    return item(ref("input"), *(axis * (_EVERYTHING,)), places)


def _end(place: Dim | None, whole: Dim) -> Term:
    """The end of a slice: nothing where it is that of the dimension, and counted from there where that is a number."""
    if place is None or place == whole:
        return number("end", None)
    rest = whole - place if isinstance(place, Size) else None
    return number("end", -rest) if isinstance(rest, int) and rest > 0 else size(place, "end")


def _leading(op: ops.Select) -> tuple[Term, ...] | None:
    """What stands before the index: `:, :` or `...`; None where neither fits."""
    if op.dim >= 0:
        return op.dim * (_EVERYTHING,)
    return (text("..."),) if op.dim == -1 else None

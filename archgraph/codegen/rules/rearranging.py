"""Values stacked, repeated and reversed, as calls of torch's functions."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import call, item, keyword, listing, method, ref, sequence, size, spread, text
from archgraph.codegen.rules.registry import TorchRuleContext, attributes, function
from archgraph.ops import rearranging as ops
from archgraph.structure.terms import Term, number


@function(ops.StackTensors)
def stack(site: TorchRuleContext, op: ops.StackTensors) -> Term:
    return call("torch.stack", listing(*map(ref, site.node.inputs)), *attributes(op, "dim"))


def _several(site: TorchRuleContext, made: Term) -> Term:
    """All values, which are unpacked, or the only one out of its tuple."""
    return made if len(site.node.outputs) > 1 else item(made, text("0"))


@function(ops.Unbind)
def unbind(site: TorchRuleContext, op: ops.Unbind) -> Term:
    return _several(site, method(ref("input"), "unbind", *attributes(op, "dim")))


@function(ops.Tile)
def tile(site: TorchRuleContext, op: ops.Tile) -> Term:
    return method(ref("input"), "tile", *(tuple(map(size, op.times)) or (sequence(),)))


@function(ops.Repeat)
def repeat(site: TorchRuleContext, op: ops.Repeat) -> Term:
    return method(ref("input"), "repeat", *(tuple(map(size, op.times)) or (sequence(),)))


@function(ops.RepeatInterleave)
def repeat_interleave(site: TorchRuleContext, op: ops.RepeatInterleave) -> Term:
    return method(ref("input"), "repeat_interleave", number("repeats", op.repeats), *attributes(op, "dim"))


@function(ops.Flip)
def flip(site: TorchRuleContext, op: ops.Flip) -> Term:
    return method(ref("input"), "flip", spread("dims", op.dims) if op.dims else sequence())


@function(ops.Meshgrid)
def meshgrid(site: TorchRuleContext, op: ops.Meshgrid) -> Term:
    """torch warns where the order of the dimensions is left out."""
    indexing = keyword("indexing", number("indexing", op.indexing))
    return _several(site, call("torch.meshgrid", *map(ref, site.node.inputs), indexing))


@function(ops.Movedim)
def movedim(site: TorchRuleContext, op: ops.Movedim) -> Term:
    ends = (number(key, dims[0] if len(dims) == 1 else dims) for key, dims in op)
    return method(ref("input"), "movedim", *ends)


@function(ops.Unflatten)
def unflatten(site: TorchRuleContext, op: ops.Unflatten) -> Term:
    return method(ref("input"), "unflatten", number("dim", op.dim), sequence(*map(size, op.sizes)))


@function(ops.BroadcastTensors)
def broadcast_tensors(site: TorchRuleContext, op: ops.BroadcastTensors) -> Term:
    return _several(site, call("torch.broadcast_tensors", *map(ref, site.node.inputs)))

"""Values joined, divided and rearranged."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import call, item, keyword, listing, method, ref, sequence, size, spread, text
from archgraph.codegen.rules.registry import TorchRuleContext, attributes, function
from archgraph.ops import shape as ops
from archgraph.structure.terms import Term, number


@function(ops.Concat)
def concat(site: TorchRuleContext, op: ops.Concat) -> Term:
    joined = listing(*(ref(port) for port in site.node.inputs))
    return call("torch.cat", joined, keyword("dim", number("dim", op.dim), 0))  # torch's default is not ours


@function(ops.Split)
def split(site: TorchRuleContext, op: ops.Split) -> Term:
    sizes = listing(*(size(part) for part in op.split_size))
    return _parts(site, method(ref("input"), "split", sizes, *attributes(op, "dim")))


@function(ops.Chunk)
def chunk(site: TorchRuleContext, op: ops.Chunk) -> Term:
    chunks = number("chunks", op.chunks)
    return _parts(site, method(ref("input"), "chunk", chunks, *attributes(op, "dim")))


def _parts(site: TorchRuleContext, several: Term) -> Term:
    """All parts, which are unpacked, or the only one out of its tuple."""
    return several if len(site.node.outputs) > 1 else item(several, text("0"))


@function(ops.Reshape)
def reshape(site: TorchRuleContext, op: ops.Reshape) -> Term:
    return method(ref("input"), "reshape", *(tuple(map(size, op.shape)) or (sequence(),)))


@function(ops.Permute)
def permute(site: TorchRuleContext, op: ops.Permute) -> Term:
    return method(ref("input"), "permute", spread("dims", op.dims) if op.dims else sequence())


@function(ops.Transpose)
def transpose(site: TorchRuleContext, op: ops.Transpose) -> Term:
    return method(ref("input"), "transpose", number("dim0", op.dim0), number("dim1", op.dim1))


@function(ops.Roll)
def roll(site: TorchRuleContext, op: ops.Roll) -> Term:
    given = {"shifts": op.shifts, "dims": op.dims}
    return call("torch.roll", ref("input"), *(keyword(key, number(key, value)) for key, value in given.items()))

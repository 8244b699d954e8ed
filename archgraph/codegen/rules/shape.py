"""Values joined, divided and rearranged."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import (
    Term,
    call,
    item,
    keyword,
    keywords,
    listing,
    method,
    number,
    ref,
    sequence,
    size,
    spread,
    text,
)
from archgraph.codegen.rules.registry import Site, function

_DIM = {"dim": 0}


@function("concat")
def concat(site: Site) -> Term:
    joined = listing(*(ref(port) for port in site.node.inputs))
    return call("torch.cat", joined, *keywords({"dim": site.op.dim}, _DIM))


@function("split")
def split(site: Site) -> Term:
    sizes = listing(*(size(part) for part in site.op.split_size))
    return _parts(site, method(ref("input"), "split", sizes, *keywords({"dim": site.op.dim}, _DIM)))


@function("chunk")
def chunk(site: Site) -> Term:
    chunks = number("chunks", site.op.chunks)
    return _parts(site, method(ref("input"), "chunk", chunks, *keywords({"dim": site.op.dim}, _DIM)))


def _parts(site: Site, several: Term) -> Term:
    """All parts, which are unpacked, or the only one out of its tuple."""
    return several if len(site.node.outputs) > 1 else item(several, text("0"))


@function("reshape")
def reshape(site: Site) -> Term:
    return method(ref("input"), "reshape", *(tuple(map(size, site.op.shape)) or (sequence(),)))


@function("permute")
def permute(site: Site) -> Term:
    return method(ref("input"), "permute", spread("dims", site.op.dims) if site.op.dims else sequence())


@function("transpose")
def transpose(site: Site) -> Term:
    return method(ref("input"), "transpose", number("dim0", site.op.dim0), number("dim1", site.op.dim1))


@function("roll")
def roll(site: Site) -> Term:
    given = {"shifts": site.op.shifts, "dims": site.op.dims}
    return call("torch.roll", ref("input"), *(keyword(key, number(key, value)) for key, value in given.items()))

"""Dimensions added, removed, stretched and cut."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import (
    Term,
    call,
    infix,
    item,
    keywords,
    method,
    number,
    ref,
    sequence,
    size,
    text,
)
from archgraph.codegen.rules.registry import Site, function, module
from archgraph.dims import Dim

_EVERYTHING = text(":")


def _flattened(site: Site) -> tuple[Term, ...]:
    given = {"start_dim": site.op.start_dim, "end_dim": site.op.end_dim}
    return keywords(given, {"start_dim": 1, "end_dim": -1})


@module("flatten")
def flatten_module(site: Site) -> Term:
    return call("nn.Flatten", *_flattened(site))


@function("flatten")
def flatten(site: Site) -> Term:
    start = number("start_dim", site.op.start_dim)
    end = () if site.op.end_dim == -1 else (number("end_dim", site.op.end_dim),)
    return method(ref("input"), "flatten", start, *end)


@function("unsqueeze")
def unsqueeze(site: Site) -> Term:
    if set(site.op.dim) == {-1}:
        return item(ref("input"), text("..."), *(text("None") for _ in site.op.dim))
    result = ref("input")
    for dim in site.op.dim:
        result = method(result, "unsqueeze", number("dim", dim))
    return result


@function("squeeze")
def squeeze(site: Site) -> Term:
    dims = site.op.dim
    return method(ref("input"), "squeeze", number("dim", dims[0] if len(dims) == 1 else dims))


@function("expand")
def expand(site: Site) -> Term:
    return method(ref("input"), "expand", *(tuple(map(size, site.op.shape)) or (sequence(),)))


@function("select")
def select(site: Site) -> Term:
    index = number("index", site.op.index)
    leading = _leading(site)
    if leading is None:
        return method(ref("input"), "select", number("dim", site.op.dim), index)
    return item(ref("input"), *leading, index)


@function("slice")
def slice_(site: Site) -> Term:
    places = infix(":", _bound(site.op.start, 0), _bound(site.op.end, None))
    if site.op.step != 1:
        places = infix(":", places, number("step", site.op.step))
    axis = site.op.dim % site.kind().rank
    return item(ref("input"), *(axis * (_EVERYTHING,)), places)


def _bound(place: Dim | None, default: Dim | None) -> Term:
    return text("") if place is None or place == default else size(place)


def _leading(site: Site) -> tuple[Term, ...] | None:
    """What stands before the index: `:, :` or `...`; None where neither fits."""
    dim: int = site.op.dim
    if dim >= 0:
        return dim * (_EVERYTHING,)
    return (text("..."),) if dim == -1 else None

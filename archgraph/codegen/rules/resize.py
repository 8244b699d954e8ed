"""Images of another size."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import Term, call, folded, keyword, keywords, number, ref, sequence, size
from archgraph.codegen.rules.registry import Site, function, module

_DEFAULTS = {"mode": "nearest", "align_corners": None}


def _options(site: Site) -> tuple[Term, ...]:
    """torch wants align_corners left alone, unless it is set."""
    return keywords({"mode": site.op.mode, "align_corners": site.op.align_corners or None}, _DEFAULTS)


def _scale(site: Site) -> Term:
    return keyword("scale_factor", number("scale_factor", folded(site.op.scale_factor)))


@module("interpolate")
def interpolate_module(site: Site) -> Term:
    wanted = keyword("size", number("size", site.op.size)) if site.op.scale_factor is None else _scale(site)
    return call("nn.Upsample", wanted, *_options(site))


@function("interpolate")
def interpolate(site: Site) -> Term:
    wanted = _scale(site)
    if site.op.scale_factor is None:
        wanted = keyword("size", sequence(*(size(part) for part in site.op.size)))
    return call("F.interpolate", ref("input"), wanted, *_options(site))


@module("pixel_shuffle")
def pixel_shuffle_module(site: Site) -> Term:
    return call("nn.PixelShuffle", number("upscale_factor", site.op.upscale_factor))


@function("pixel_shuffle")
def pixel_shuffle(site: Site) -> Term:
    return call("F.pixel_shuffle", ref("input"), number("upscale_factor", site.op.upscale_factor))


@module("pixel_unshuffle")
def pixel_unshuffle_module(site: Site) -> Term:
    return call("nn.PixelUnshuffle", number("downscale_factor", site.op.downscale_factor))


@function("pixel_unshuffle")
def pixel_unshuffle(site: Site) -> Term:
    return call("F.pixel_unshuffle", ref("input"), number("downscale_factor", site.op.downscale_factor))


@function("pad")
def pad(site: Site) -> Term:
    given = keywords({"mode": site.op.mode, "value": site.op.value}, {"mode": "constant", "value": 0.0})
    return call("F.pad", ref("input"), number("pad", site.op.pad), *given)

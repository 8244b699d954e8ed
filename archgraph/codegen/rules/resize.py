"""Images of another size."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import call, folded, keyword, ref, sequence, size
from archgraph.codegen.rules.registry import TorchRuleContext, attributes, function, module
from archgraph.ops import resize as ops
from archgraph.structure.terms import Term, number


def _options(op: ops.Interpolate) -> tuple[Term, ...]:
    """torch wants align_corners left alone, unless it is set: its default is no number of ours."""
    corners = keyword("align_corners", number("align_corners", op.align_corners or None), None)
    return *attributes(op, "mode"), corners


def _scale(op: ops.Interpolate) -> Term:
    return keyword("scale_factor", number("scale_factor", folded(op.scale_factor)))


@module(ops.Interpolate)
def interpolate_module(site: TorchRuleContext, op: ops.Interpolate) -> Term:
    wanted = _scale(op) if op.size is None else keyword("size", number("size", op.size))
    return call("nn.Upsample", wanted, *_options(op))


@function(ops.Interpolate)
def interpolate(site: TorchRuleContext, op: ops.Interpolate) -> Term:
    wanted = _scale(op) if op.size is None else keyword("size", sequence(*map(size, op.size)))
    return call("F.interpolate", ref("input"), wanted, *_options(op))


@module(ops.PixelShuffle)
def pixel_shuffle_module(site: TorchRuleContext, op: ops.PixelShuffle) -> Term:
    return call("nn.PixelShuffle", number("upscale_factor", op.upscale_factor))


@function(ops.PixelShuffle)
def pixel_shuffle(site: TorchRuleContext, op: ops.PixelShuffle) -> Term:
    return call("F.pixel_shuffle", ref("input"), number("upscale_factor", op.upscale_factor))


@module(ops.PixelUnshuffle)
def pixel_unshuffle_module(site: TorchRuleContext, op: ops.PixelUnshuffle) -> Term:
    return call("nn.PixelUnshuffle", number("downscale_factor", op.downscale_factor))


@function(ops.PixelUnshuffle)
def pixel_unshuffle(site: TorchRuleContext, op: ops.PixelUnshuffle) -> Term:
    return call("F.pixel_unshuffle", ref("input"), number("downscale_factor", op.downscale_factor))


@function(ops.Pad)
def pad(site: TorchRuleContext, op: ops.Pad) -> Term:
    return call("F.pad", ref("input"), number("pad", op.pad), *attributes(op, "mode", "value"))

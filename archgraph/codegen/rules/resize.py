"""Images of another shape: rearranged, padded, taken apart."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import call, folded, keyword, ref, sequence, size
from archgraph.codegen.rules.registry import TorchRuleContext, attributes, function, module
from archgraph.ops import resize as ops
from archgraph.ops.contract import Operation
from archgraph.structure.terms import Term, number

_WINDOW = ("dilation", "padding", "stride")


def _register(contract: type[Operation], class_: str, head: str, factor: str) -> None:
    """What has one number, in torch's module and in its function."""

    @module(contract)
    def constructed(site: TorchRuleContext, op: Operation) -> Term:
        return call(class_, number(factor, getattr(op, factor)))

    @function(contract)
    def applied(site: TorchRuleContext, op: Operation) -> Term:
        return call(head, ref("input"), number(factor, getattr(op, factor)))


_register(ops.PixelShuffle, "nn.PixelShuffle", "F.pixel_shuffle", "upscale_factor")
_register(ops.PixelUnshuffle, "nn.PixelUnshuffle", "F.pixel_unshuffle", "downscale_factor")
_register(ops.ChannelShuffle, "nn.ChannelShuffle", "F.channel_shuffle", "groups")


@function(ops.Pad)
def pad(site: TorchRuleContext, op: ops.Pad) -> Term:
    known = all(isinstance(width, int) for width in op.pad)
    widths = number("pad", op.pad) if known else sequence(*map(size, op.pad))
    return call("F.pad", ref("input"), widths, *attributes(op, "mode", "value"))


def _window(op: ops.Windows) -> tuple[Term, ...]:
    return keyword("kernel_size", number("kernel_size", folded(op.kernel_size))), *attributes(op, *_WINDOW)


@module(ops.Unfold)
def unfold_module(site: TorchRuleContext, op: ops.Unfold) -> Term:
    return call("nn.Unfold", *_window(op))


@function(ops.Unfold)
def unfold(site: TorchRuleContext, op: ops.Unfold) -> Term:
    return call("F.unfold", ref("input"), *_window(op))


@module(ops.Fold)
def fold_module(site: TorchRuleContext, op: ops.Fold) -> Term:
    return call("nn.Fold", keyword("output_size", number("output_size", op.output_size)), *_window(op))


@function(ops.Fold)
def fold(site: TorchRuleContext, op: ops.Fold) -> Term:
    return call("F.fold", ref("input"), keyword("output_size", sequence(*map(size, op.output_size))), *_window(op))

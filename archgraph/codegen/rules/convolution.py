"""Convolutions."""

from __future__ import annotations

from collections.abc import Sequence

from archgraph.codegen.analysis.terms import call, folded, keyword, ref, sequence
from archgraph.codegen.rules.registry import TorchRuleContext, attributes, function, module
from archgraph.ops import convolution as ops
from archgraph.structure.terms import Term, number

_WINDOW = ("stride", "padding", "dilation", "groups")
_PLAIN = (*_WINDOW, "bias", "padding_mode")
_TRANSPOSED = ("stride", "padding", "output_padding", "groups", "bias", "dilation")


def _constructed(site: TorchRuleContext, op: ops.AnyConvolution, names: Sequence[str]) -> Term:
    return call(
        op.row.constructed,
        number("in_channels", site.channels()),
        number("out_channels", op.out_channels),
        keyword("kernel_size", number("kernel_size", folded(op.kernel_size))),
        *attributes(op, *names),
    )


@module(ops.Convolution)
def convolution_module(site: TorchRuleContext, op: ops.Convolution) -> Term:
    return _constructed(site, op, _PLAIN)


@function(ops.Convolution)
def convolution(site: TorchRuleContext, op: ops.Convolution) -> Term:
    """torch's functions pad with zeros only; other padding modes become an `F.pad` before them."""
    if op.padding_mode == "zeros":
        given = attributes(op, *_WINDOW)
        return call(op.row.called, ref("input"), site.weight("weight"), site.weight("bias"), *given)
    around = tuple(width for sides in reversed(op.sides) for width in sides)
    numbers = sequence(*(number("padding", width) for width in around))
    padded = call("F.pad", ref("input"), numbers, keyword("mode", number("padding_mode", op.padding_mode)))
    given = attributes(op, *_WINDOW, padding=0)
    return call(op.row.called, padded, site.weight("weight"), site.weight("bias"), *given)


@module(ops.TransposedConvolution)
def transposed_module(site: TorchRuleContext, op: ops.TransposedConvolution) -> Term:
    return _constructed(site, op, _TRANSPOSED)


@function(ops.TransposedConvolution)
def transposed(site: TorchRuleContext, op: ops.TransposedConvolution) -> Term:
    given = attributes(op, *(name for name in _TRANSPOSED if name != "bias"))
    return call(op.row.called, ref("input"), site.weight("weight"), site.weight("bias"), *given)

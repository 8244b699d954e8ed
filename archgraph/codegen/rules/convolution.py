"""Convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from archgraph.codegen.analysis.terms import call, folded, keyword, ref, sequence
from archgraph.codegen.rules.registry import TorchRuleContext, attributes, function, module
from archgraph.ops import convolution as ops
from archgraph.structure.terms import Term, number

AnyConvolution: TypeAlias = "ops.Convolution | ops.ConvTranspose2d"

_WINDOW = ("stride", "padding", "dilation", "groups")
_PLAIN = (*_WINDOW, "bias", "padding_mode")
_TRANSPOSED = ("stride", "padding", "output_padding", "groups", "bias", "dilation")


def _constructed(head: str, site: TorchRuleContext, op: AnyConvolution, names: Sequence[str]) -> Term:
    return call(
        head,
        number("in_channels", site.channels()),
        number("out_channels", op.out_channels),
        keyword("kernel_size", number("kernel_size", folded(op.kernel_size))),
        *attributes(op, *names),
    )


def _applied(head: str, site: TorchRuleContext, op: ops.Convolution) -> Term:
    """torch's functions pad with zeros only; other padding modes become an `F.pad` before them."""
    if op.padding_mode == "zeros":
        given = attributes(op, *_WINDOW)
        return call(head, ref("input"), site.weight("weight"), site.weight("bias"), *given)
    around = tuple(width for width in reversed(op.padding) for _ in range(2))
    numbers = sequence(*(number("padding", width) for width in around))
    padded = call("F.pad", ref("input"), numbers, keyword("mode", number("padding_mode", op.padding_mode)))
    return call(head, padded, site.weight("weight"), site.weight("bias"), *attributes(op, *_WINDOW, padding=0))


@module(ops.Conv2d)
def conv2d_module(site: TorchRuleContext, op: ops.Conv2d) -> Term:
    return _constructed("nn.Conv2d", site, op, _PLAIN)


@function(ops.Conv2d)
def conv2d(site: TorchRuleContext, op: ops.Conv2d) -> Term:
    return _applied("F.conv2d", site, op)


@module(ops.Conv1d)
def conv1d_module(site: TorchRuleContext, op: ops.Conv1d) -> Term:
    return _constructed("nn.Conv1d", site, op, _PLAIN)


@function(ops.Conv1d)
def conv1d(site: TorchRuleContext, op: ops.Conv1d) -> Term:
    return _applied("F.conv1d", site, op)


@module(ops.ConvTranspose2d)
def conv_transpose2d_module(site: TorchRuleContext, op: ops.ConvTranspose2d) -> Term:
    return _constructed("nn.ConvTranspose2d", site, op, _TRANSPOSED)


@function(ops.ConvTranspose2d)
def conv_transpose2d(site: TorchRuleContext, op: ops.ConvTranspose2d) -> Term:
    given = attributes(op, *(name for name in _TRANSPOSED if name != "bias"))
    return call("F.conv_transpose2d", ref("input"), site.weight("weight"), site.weight("bias"), *given)

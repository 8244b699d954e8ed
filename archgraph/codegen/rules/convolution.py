"""Convolutions."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import Term, call, folded, keyword, keywords, number, ref, sequence
from archgraph.codegen.rules.registry import Site, function, module

_DEFAULTS = {
    "stride": 1,
    "padding": 0,
    "output_padding": 0,
    "groups": 1,
    "bias": True,
    "dilation": 1,
    "padding_mode": "zeros",
}
_PLAIN = ("stride", "padding", "dilation", "groups", "bias", "padding_mode")
_TRANSPOSED = ("stride", "padding", "output_padding", "groups", "bias", "dilation")


def _constructed(head: str, site: Site, names: tuple[str, ...]) -> Term:
    given = {name: folded(getattr(site.op, name)) for name in names}
    return call(
        head,
        number("in_channels", site.channels()),
        number("out_channels", site.op.out_channels),
        keyword("kernel_size", number("kernel_size", folded(site.op.kernel_size))),
        *keywords(given, _DEFAULTS),
    )


def _applied(head: str, site: Site, names: tuple[str, ...]) -> Term:
    given = {name: folded(getattr(site.op, name)) for name in names}
    source = ref("input")
    if getattr(site.op, "padding_mode", "zeros") != "zeros":
        around = tuple(width for width in reversed(site.op.padding) for _ in range(2))
        numbers = sequence(*(number("padding", width) for width in around))
        source = call("F.pad", source, numbers, keyword("mode", number("padding_mode", site.op.padding_mode)))
        given["padding"] = 0
    return call(head, source, site.weight("weight"), site.weight("bias"), *keywords(given, _DEFAULTS))


@module("conv2d")
def conv2d_module(site: Site) -> Term:
    return _constructed("nn.Conv2d", site, _PLAIN)


@function("conv2d")
def conv2d(site: Site) -> Term:
    return _applied("F.conv2d", site, _PLAIN[:4])


@module("conv1d")
def conv1d_module(site: Site) -> Term:
    return _constructed("nn.Conv1d", site, _PLAIN)


@function("conv1d")
def conv1d(site: Site) -> Term:
    return _applied("F.conv1d", site, _PLAIN[:4])


@module("conv_transpose2d")
def conv_transpose2d_module(site: Site) -> Term:
    return _constructed("nn.ConvTranspose2d", site, _TRANSPOSED)


@function("conv_transpose2d")
def conv_transpose2d(site: Site) -> Term:
    return _applied("F.conv_transpose2d", site, ("stride", "padding", "output_padding", "groups", "dilation"))

"""Pooling."""

from __future__ import annotations

from collections.abc import Mapping

from archgraph.codegen.analysis.terms import Term, call, folded, keyword, keywords, number, ref
from archgraph.codegen.rules.registry import Site, function, module

_MAX = {"stride": None, "padding": 0, "dilation": 1, "ceil_mode": False}
_AVERAGE = {"stride": None, "padding": 0, "ceil_mode": False, "count_include_pad": True}


def _window(site: Site, defaults: Mapping[str, object]) -> tuple[Term, ...]:
    given = {name: folded(getattr(site.op, name)) for name in defaults}
    return (
        keyword("kernel_size", number("kernel_size", folded(site.op.kernel_size))),
        *keywords(given, defaults),
    )


@module("max_pool2d")
def max_pool2d_module(site: Site) -> Term:
    return call("nn.MaxPool2d", *_window(site, _MAX))


@function("max_pool2d")
def max_pool2d(site: Site) -> Term:
    return call("F.max_pool2d", ref("input"), *_window(site, _MAX))


@module("avg_pool2d")
def avg_pool2d_module(site: Site) -> Term:
    return call("nn.AvgPool2d", *_window(site, _AVERAGE))


@function("avg_pool2d")
def avg_pool2d(site: Site) -> Term:
    return call("F.avg_pool2d", ref("input"), *_window(site, _AVERAGE))


@module("adaptive_avg_pool2d")
def adaptive_avg_pool2d_module(site: Site) -> Term:
    return call("nn.AdaptiveAvgPool2d", number("output_size", site.op.output_size))


@function("adaptive_avg_pool2d")
def adaptive_avg_pool2d(site: Site) -> Term:
    return call("F.adaptive_avg_pool2d", ref("input"), number("output_size", site.op.output_size))

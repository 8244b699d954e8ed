"""Pooling."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import call, folded, keyword, ref
from archgraph.codegen.rules.registry import TorchRuleContext, attributes, function, module
from archgraph.ops import pooling as ops
from archgraph.structure.terms import Term, number

_MAX = ("stride", "padding", "dilation", "ceil_mode")
_AVERAGE = ("stride", "padding", "ceil_mode", "count_include_pad")


def _window(op: ops.WindowPool, *names: str) -> tuple[Term, ...]:
    return keyword("kernel_size", number("kernel_size", folded(op.kernel_size))), *attributes(op, *names)


@module(ops.MaxPool2d)
def max_pool2d_module(site: TorchRuleContext, op: ops.MaxPool2d) -> Term:
    return call("nn.MaxPool2d", *_window(op, *_MAX))


@function(ops.MaxPool2d)
def max_pool2d(site: TorchRuleContext, op: ops.MaxPool2d) -> Term:
    return call("F.max_pool2d", ref("input"), *_window(op, *_MAX))


@module(ops.AvgPool2d)
def avg_pool2d_module(site: TorchRuleContext, op: ops.AvgPool2d) -> Term:
    return call("nn.AvgPool2d", *_window(op, *_AVERAGE))


@function(ops.AvgPool2d)
def avg_pool2d(site: TorchRuleContext, op: ops.AvgPool2d) -> Term:
    return call("F.avg_pool2d", ref("input"), *_window(op, *_AVERAGE))


@module(ops.AdaptiveAvgPool2d)
def adaptive_avg_pool2d_module(site: TorchRuleContext, op: ops.AdaptiveAvgPool2d) -> Term:
    return call("nn.AdaptiveAvgPool2d", number("output_size", op.output_size))


@function(ops.AdaptiveAvgPool2d)
def adaptive_avg_pool2d(site: TorchRuleContext, op: ops.AdaptiveAvgPool2d) -> Term:
    return call("F.adaptive_avg_pool2d", ref("input"), number("output_size", op.output_size))

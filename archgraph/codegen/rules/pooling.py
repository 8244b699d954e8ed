"""Pooling."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import call, folded, keyword, ref, sequence, size
from archgraph.codegen.rules.registry import TorchRuleContext, attributes, function, module
from archgraph.ops import pooling as ops
from archgraph.structure.terms import Term, number

_MAX = ("stride", "padding", "dilation", "ceil_mode")
_AVERAGE = ("stride", "padding", "ceil_mode", "count_include_pad")
_POWER = ("stride", "ceil_mode")


def _window(op: ops.WindowPool, *names: str) -> tuple[Term, ...]:
    return keyword("kernel_size", number("kernel_size", folded(op.kernel_size))), *attributes(op, *names)


@module(ops.MaxPool)
def max_pool_module(site: TorchRuleContext, op: ops.MaxPool) -> Term:
    return call(op.row.constructed, *_window(op, *_MAX, "return_indices"))


@function(ops.MaxPool)
def max_pool(site: TorchRuleContext, op: ops.MaxPool) -> Term:
    places = (keyword("return_indices", number("return_indices", True)),) if op.return_indices else ()
    return call(op.row.called, ref("input"), *_window(op, *_MAX), *places)


@module(ops.AvgPool)
def avg_pool_module(site: TorchRuleContext, op: ops.AvgPool) -> Term:
    return call(op.row.constructed, *_window(op, *_AVERAGE))


@function(ops.AvgPool)
def avg_pool(site: TorchRuleContext, op: ops.AvgPool) -> Term:
    return call(op.row.called, ref("input"), *_window(op, *_AVERAGE))


def _power(op: ops.PowerPool) -> tuple[Term, ...]:
    return keyword("norm_type", number("norm_type", op.norm_type)), *_window(op, *_POWER)


@module(ops.PowerPool)
def lp_pool_module(site: TorchRuleContext, op: ops.PowerPool) -> Term:
    return call(op.row.constructed, *_power(op))


@function(ops.PowerPool)
def lp_pool(site: TorchRuleContext, op: ops.PowerPool) -> Term:
    return call(op.row.called, ref("input"), *_power(op))


@function(ops.MaxUnpool)
def max_unpool(site: TorchRuleContext, op: ops.MaxUnpool) -> Term:
    window = _window(op, "stride", "padding")
    wanted = () if op.output_size is None else (keyword("output_size", sequence(*map(size, op.output_size))),)
    return call(op.row.called, ref("input"), ref("indices"), *window, *wanted)


@module(ops.AdaptivePool)
def adaptive_pool_module(site: TorchRuleContext, op: ops.AdaptivePool) -> Term:
    return call(op.row.constructed, _areas(op))


@function(ops.AdaptivePool)
def adaptive_pool(site: TorchRuleContext, op: ops.AdaptivePool) -> Term:
    return call(op.row.called, ref("input"), _areas(op))


def _areas(op: ops.AdaptivePool) -> Term:
    """torch takes one number for one dimension only as such."""
    return number("output_size", op.output_size[0] if op.axes == 1 else op.output_size)

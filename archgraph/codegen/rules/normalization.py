"""Normalisation layers."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import call, folded, keyword, ref, sequence, text
from archgraph.codegen.rules.registry import TorchRuleContext, attributes, define, function, module
from archgraph.ops import normalization as ops
from archgraph.structure.terms import Term, number


@module(ops.BatchNorm)
def batch_norm_module(site: TorchRuleContext, op: ops.BatchNorm) -> Term:
    given = attributes(op, "eps", "momentum", "affine", "track_running_stats")
    return call(op.row.constructed, number("num_features", site.channels()), *given)


@function(ops.BatchNorm)
def batch_norm(site: TorchRuleContext, op: ops.BatchNorm) -> Term:
    statistics = (site.weight("running_mean"), site.weight("running_var"))
    given = (*map(site.weight, ("weight", "bias")), keyword("training", text(_training(op))))
    settings = attributes(op, "momentum", "eps")
    if not op.track_running_stats:
        return call("F.batch_norm", ref("input"), *statistics, *given, *settings)
    return call("batch_norm", ref("input"), *statistics, site.weight("num_batches_tracked"), *given, *settings)


def _training(op: ops.BatchNorm) -> str:
    return "self.training" if op.track_running_stats else "True"


define(
    "batch_norm",
    '''
def batch_norm(
    x: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
    num_batches_tracked: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    training: bool,
    momentum: float | None = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """A batch norm over tensors that stand elsewhere; without a momentum it keeps the means of all batches."""
    if training:
        num_batches_tracked.add_(1)
    share = 1.0 / float(num_batches_tracked) if training and momentum is None else momentum or 0.0
    return F.batch_norm(x, running_mean, running_var, weight, bias, training, share, eps)
''',
)


@module(ops.GroupNorm)
def group_norm_module(site: TorchRuleContext, op: ops.GroupNorm) -> Term:
    groups, channels = number("num_groups", op.num_groups), number("num_channels", site.channels())
    return call("nn.GroupNorm", groups, channels, *attributes(op, "eps", "affine"))


@function(ops.GroupNorm)
def group_norm(site: TorchRuleContext, op: ops.GroupNorm) -> Term:
    groups = number("num_groups", op.num_groups)
    return call("F.group_norm", ref("input"), groups, *_affine(site), *attributes(op, "eps"))


def _affine(site: TorchRuleContext, *names: str) -> tuple[Term, ...]:
    """Those of weight and bias that there are."""
    given = ((name, site.weight(name)) for name in names or ("weight", "bias"))
    return tuple(keyword(name, weight) for name, weight in given if weight.kind != "text")


@module(ops.LayerNorm)
def layer_norm_module(site: TorchRuleContext, op: ops.LayerNorm) -> Term:
    given = attributes(op, "eps", "elementwise_affine", "bias")
    return call("nn.LayerNorm", _constructed_shape(site, op), *given)


@function(ops.LayerNorm)
def layer_norm(site: TorchRuleContext, op: ops.LayerNorm) -> Term:
    return call("F.layer_norm", ref("input"), _shape(site, op), *_affine(site), *attributes(op, "eps"))


@module(ops.RMSNorm)
def rms_norm_module(site: TorchRuleContext, op: ops.RMSNorm) -> Term:
    return call("nn.RMSNorm", _constructed_shape(site, op), *attributes(op, "eps", "elementwise_affine"))


@function(ops.RMSNorm)
def rms_norm(site: TorchRuleContext, op: ops.RMSNorm) -> Term:
    return call("F.rms_norm", ref("input"), _shape(site, op), *_affine(site, "weight"), *attributes(op, "eps"))


@module(ops.InstanceNorm)
def instance_norm_module(site: TorchRuleContext, op: ops.InstanceNorm) -> Term:
    return call(op.row.constructed, number("num_features", site.channels()), *attributes(op, "eps", "affine"))


@function(ops.InstanceNorm)
def instance_norm(site: TorchRuleContext, op: ops.InstanceNorm) -> Term:
    return call("F.instance_norm", ref("input"), *_affine(site), *attributes(op, "eps"))


def _response(op: ops.LocalResponseNorm) -> tuple[Term, ...]:
    return number("size", op.size), *attributes(op, "alpha", "beta", "k")


@module(ops.LocalResponseNorm)
def local_response_norm_module(site: TorchRuleContext, op: ops.LocalResponseNorm) -> Term:
    return call("nn.LocalResponseNorm", *_response(op))


@function(ops.LocalResponseNorm)
def local_response_norm(site: TorchRuleContext, op: ops.LocalResponseNorm) -> Term:
    return call("F.local_response_norm", ref("input"), *_response(op))


def _constructed_shape(site: TorchRuleContext, op: ops.LastDimensions) -> Term:
    shape = op.over(site.kind())
    return number("normalized_shape", folded(shape) if len(shape) == 1 else shape)


def _shape(site: TorchRuleContext, op: ops.LastDimensions) -> Term:
    return sequence(*(number("normalized_shape", size) for size in op.over(site.kind())))

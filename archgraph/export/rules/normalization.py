"""Normalisation layers."""

from __future__ import annotations

import numpy as np

from archgraph.dims import Dim, product
from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.lowering.forms import computed_in
from archgraph.export.profiles import CPU, rule
from archgraph.export.rules.resize import padded
from archgraph.ops import normalization as ops
from archgraph.ops.requirements import channels_of


@rule(ops.BatchNorm)
def batch_norm(at: OnnxRuleContext, op: ops.BatchNorm) -> str:
    channels, rank = channels_of(at.type), len(at.shape)
    if not op.track_running_stats:
        return _affine(at, _standardised(at, (0, *range(2, rank)), op.eps), op.affine, channels, rank)
    scale, shift = scale_and_shift(at, op.affine, channels)
    mean, variance = at.weight("running_mean"), at.weight("running_var")
    return at.emit("BatchNormalization", at["input"], scale, shift, mean, variance, epsilon=float(op.eps))


def _standardised(at: OnnxRuleContext, axes: tuple[int, ...], eps: float) -> str:
    """(x - mean) / √(variance + eps) with the statistics of the batch itself."""
    over = at.constant(list(axes))
    centred = at.emit("Sub", at["input"], at.emit("ReduceMean", at["input"], over, keepdims=1))
    variance = at.emit("ReduceMean", at.emit("Mul", centred, centred), over, keepdims=1)
    return at.emit("Div", centred, at.emit("Sqrt", at.emit("Add", variance, at.scalar(eps))))


@rule(ops.GroupNorm)
def group_norm(at: OnnxRuleContext, op: ops.GroupNorm) -> str:
    """Instance norm over [N, groups, -1]: the standard operator has no kernel and would fall apart into many nodes."""
    channels = channels_of(at.type)
    if op.num_groups == channels and len(at.shape) > 2:
        return at.emit(
            "InstanceNormalization", at["input"], *scale_and_shift(at, op.affine, channels), epsilon=float(op.eps)
        )
    return _affine(at, _normed_groups(at, op), op.affine, channels, len(at.shape))


@rule(ops.GroupNorm, CPU)
def group_norm_in_two_passes(at: OnnxRuleContext, op: ops.GroupNorm) -> str:
    """The affine part as a batch norm of mean 0 and variance 1: ONNX Runtime goes over the values once, where a product
    and a sum go twice."""
    channels = channels_of(at.type)
    if not op.affine or op.num_groups == channels or len(at.shape) < 3 or at.type.dtype != "float32":
        return group_norm(at, op)
    ones, zeros = scale_and_shift(at, False, channels)
    affine = (at.weight("weight"), at.weight("bias"))
    return at.emit("BatchNormalization", _normed_groups(at, op), *affine, zeros, ones, epsilon=0.0)


def lone_values(at: OnnxRuleContext, op: ops.GroupNorm) -> str:
    """Groups of one value, which is its own mean. cuDNN makes no number of them."""
    return _affine(at, at.emit("Sub", at["input"], at["input"]), op.affine, channels_of(at.type), len(at.shape))


def _normed_groups(at: OnnxRuleContext, op: ops.GroupNorm) -> str:
    """Mean 0 and variance 1 in each group."""
    groups, shape = op.num_groups, at.shape
    rest: Dim = channels_of(at.type) // groups
    for size in shape[2:]:
        rest = rest * size
    rows = at.emit("Reshape", at["input"], at.constant([0, groups, -1]))
    normed = at.emit("InstanceNormalization", rows, *scale_and_shift(at, False, groups), epsilon=float(op.eps))
    return at.reshape(normed, (shape[0], groups, rest), shape)


def scale_and_shift(at: OnnxRuleContext, affine: bool, channels: int) -> tuple[str, str]:
    """The affine part of a norm as two vectors: its weights, or ones and zeros."""
    if affine:
        return at.weight("weight"), at.weight("bias")
    declared = at.type.dtype != at.computed.values
    ones = np.ones(channels, dtype=at.type.dtype if declared else at.computed.weights)
    return at.constant(ones), at.constant(np.zeros_like(ones))


def _affine(at: OnnxRuleContext, x: str, affine: bool, channels: int, rank: int) -> str:
    """x · weight + bias along dimension 1."""
    if not affine:
        return x
    shape = (channels, *[1] * (rank - 2))
    return at.emit("Add", at.emit("Mul", x, at.weight("weight", shape)), at.weight("bias", shape))


@rule(ops.LayerNorm)
def layer_norm(at: OnnxRuleContext, op: ops.LayerNorm) -> str:
    over = op.over(at.type)
    scale = at.weight("weight") if op.elementwise_affine else at.constant(np.ones(over, dtype=at.type.dtype))
    bias = (at.weight("bias"),) if op.elementwise_affine and op.bias else ()
    return at.emit("LayerNormalization", at["input"], scale, *bias, axis=-len(over), epsilon=float(op.eps))


@rule(ops.RMSNorm)
def rms_norm(at: OnnxRuleContext, op: ops.RMSNorm) -> str:
    """The pattern that ONNX Runtime fuses to SimplifiedLayerNormalization. Low types are widened, as torch does."""
    over, work = op.over(at.type), computed_in("", at.type.dtype)
    eps = float(np.finfo(work).eps) if op.eps is None else op.eps
    x, axes = at.read("input", work), at.constant(list(range(-len(over), 0)))
    squares = at.emit("ReduceMean", at.emit("Pow", x, at.scalar(2.0, work)), axes, keepdims=1)
    normed = at.emit("Div", x, at.emit("Sqrt", at.emit("Add", squares, at.scalar(eps, work))))
    made = at.emit("Mul", normed, at.weight("weight")) if op.elementwise_affine else normed
    return at.converted(made, work, at.type.dtype)


@rule(ops.InstanceNorm)
def instance_norm(at: OnnxRuleContext, op: ops.InstanceNorm) -> str:
    scale, shift = scale_and_shift(at, op.affine, channels_of(at.type))
    return at.emit("InstanceNormalization", at["input"], scale, shift, epsilon=float(op.eps))


@rule(ops.LocalResponseNorm)
def local_response_norm(at: OnnxRuleContext, op: ops.LocalResponseNorm) -> str:
    """torch's own way, by a mean along the channels: LRN has its windows elsewhere where their size is even."""
    batch, channels, *space = at.shape
    flat = (batch, 1, channels, product(space))
    squares = at.reshape(at.emit("Mul", at["input"], at["input"]), at.shape, flat)
    before, after = op.size // 2, (op.size - 1) // 2
    summed = padded(at, squares, ((0, 0), (0, 0), (before, after), (0, 0)), "constant")
    mean = at.reshape(
        at.emit("AveragePool", summed, kernel_shape=(op.size, 1), strides=(1, 1), pads=(0, 0, 0, 0)), flat, at.shape
    )
    base = at.emit("Add", at.emit("Mul", mean, at.scalar(op.alpha)), at.scalar(op.k))
    return at.emit("Div", at["input"], at.emit("Pow", base, at.scalar(op.beta)))

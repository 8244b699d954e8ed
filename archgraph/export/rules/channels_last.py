"""Forms whose kernels want the channels last, which CUDA's do."""

from __future__ import annotations

import numpy as np

from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.passes.channels_last import CHANNELS_FIRST, CHANNELS_LAST
from archgraph.export.profiles import CUDA, rule
from archgraph.export.rules.nearest import resized_by_scales
from archgraph.export.rules.normalization import group_norm, scale_and_shift
from archgraph.export.rules.resampling import NEAREST, interpolate
from archgraph.ops import normalization as ops
from archgraph.ops import resampling as ops_of_size
from archgraph.ops.requirements import channels_of

_LARGEST_GROUP = 512
_CHANNELS_PER_THREAD = 2


@rule(ops.GroupNorm, CUDA)
def group_norm_channels_last(at: OnnxRuleContext, op: ops.GroupNorm) -> str:
    """ONNX Runtime's own operator between transposes, which cancel against those that `prefer_nhwc` puts around
    convolutions. Its kernel takes images only, and reads two channels of a group at a time, at most 512."""
    size = channels_of(at.type) // op.num_groups
    if len(at.shape) != 4 or size % _CHANNELS_PER_THREAD or size > _LARGEST_GROUP:
        return at.in_single(lambda x: group_norm(at.reading(x), op), at["input"])
    normed = at.emit(
        "GroupNorm",
        at.transpose(at["input"], CHANNELS_LAST),
        *scale_and_shift(at, op.affine, channels_of(at.type)),
        groups=op.num_groups,
        epsilon=float(op.eps),
        activation=0,
        channels_last=1,
        domain="com.microsoft",
    )
    return at.transpose(normed, CHANNELS_FIRST)


@rule(ops_of_size.Interpolate, CUDA)
def interpolate_channels_last(at: OnnxRuleContext, op: ops_of_size.Interpolate) -> str:
    """The nearest pixels with the channels last, as the convolutions around have them. (Weighted ones have a kernel for
    channels first alone.)"""
    if op.mode != "nearest" or not resized_by_scales(at, op):
        return interpolate(at, op)
    rows, columns = op.all_scales(2)
    resized = at.emit(
        "Resize",
        at.transpose(at["input"], CHANNELS_LAST),
        "",
        at.constant(np.array([1, rows, columns, 1], dtype=np.float32)),
        **NEAREST,
    )
    return at.transpose(resized, CHANNELS_FIRST)

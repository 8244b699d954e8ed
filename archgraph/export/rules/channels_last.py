"""Forms whose kernels want the channels last, which CUDA's do."""

from __future__ import annotations

from archgraph.dims import product
from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.passes.channels_last import CHANNELS_FIRST, CHANNELS_LAST
from archgraph.export.profiles import CUDA, rule
from archgraph.export.rules.normalization import group_norm, lone_values, scale_and_shift
from archgraph.ops import normalization as ops
from archgraph.ops.requirements import channels_of

_LARGEST_GROUP = 512
_CHANNELS_PER_THREAD = 2


@rule(ops.GroupNorm, CUDA)
def group_norm_channels_last(at: OnnxRuleContext, op: ops.GroupNorm) -> str:
    """ONNX Runtime's own operator between transposes, which cancel against those that `prefer_nhwc` puts around
    convolutions. Its kernel takes images only, and reads two channels of a group at a time, at most 512."""
    size = channels_of(at.type) // op.num_groups
    if len(at.shape) != 4 or size % _CHANNELS_PER_THREAD or size > _LARGEST_GROUP:
        form = lone_values if size * product(at.shape[2:]) == 1 else group_norm
        return at.in_single(lambda x: form(at.reading(x), op), at["input"])
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

"""Forms whose kernels want the channels last, which CUDA's do."""

from __future__ import annotations

from archgraph.export.emission import Site
from archgraph.export.profiles import CUDA, rule
from archgraph.export.rules.normalization import group_norm, scale_and_shift
from archgraph.ops import normalization as ops
from archgraph.ops.demands import channels_of

CHANNELS_LAST, CHANNELS_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)
_LARGEST_GROUP = 512
_CHANNELS_PER_THREAD = 2


@rule(ops.GroupNorm, CUDA)
def group_norm_channels_last(at: Site, op: ops.GroupNorm) -> str:
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

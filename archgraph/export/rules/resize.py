"""Images of another shape: rearranged, padded, taken apart. Other sizes: resampling.py."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from archgraph.dims import Dim, product
from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.profiles import rule
from archgraph.export.rules.embedding import counting
from archgraph.ops import resize as ops

_TO_THE_END = (1 << 63) - 1
_PAD_MODES = {"constant": "constant", "zeros": "constant", "reflect": "reflect", "replicate": "edge"}
_IMAGE_RANK = 4
Sides = Sequence[tuple[Dim, Dim]]


@rule(ops.PixelShuffle)
def pixel_shuffle(at: OnnxRuleContext, op: ops.PixelShuffle) -> str:
    x, _, want = _as_images(at)
    return at.reshape(at.emit("DepthToSpace", x, blocksize=op.upscale_factor, mode="CRD"), want, at.result.shape)


def _as_images(at: OnnxRuleContext) -> tuple[str, tuple[Dim, ...], tuple[Dim, ...]]:
    """The input with all dimensions before the last three as one, and both shapes so."""
    have, want = at.shape, at.result.shape
    if len(have) == _IMAGE_RANK:
        return at["input"], have, want
    images, batch = (product(have[:-3]), *have[-3:]), product(have[:-3])
    return at.reshape(at["input"], have, images), images, (batch, *want[-3:])


@rule(ops.PixelUnshuffle)
def pixel_unshuffle(at: OnnxRuleContext, op: ops.PixelUnshuffle) -> str:
    """SpaceToDepth puts the place in the block before the channel, torch after it: the channels change places."""
    x, have, want = _as_images(at)
    if not isinstance(have[1], int):
        return at.reshape(_space_to_channels(at, x, have, want, op.downscale_factor), want, at.result.shape)
    channels, block = have[1], op.downscale_factor**2
    order = np.arange(channels * block, dtype=np.int64).reshape(block, channels).T.ravel()
    deep = at.emit("SpaceToDepth", x, blocksize=op.downscale_factor)
    made = at.emit("Gather", deep, at.constant(order), axis=1) if channels > 1 else deep
    return at.reshape(made, want, at.result.shape)


def _space_to_channels(at: OnnxRuleContext, x: str, have: Sequence[Dim], want: Sequence[Dim], factor: int) -> str:
    """The same of any number of channels, in two reshapes."""
    batch, channels, *_ = have
    height, width = want[2:]
    apart = (batch, channels, height, factor, width, factor)
    blocks = at.transpose(at.reshape(x, have, apart), (0, 1, 3, 5, 2, 4))
    return at.reshape(blocks, (batch, channels, factor, factor, height, width), want)


@rule(ops.ChannelShuffle)
def channel_shuffle(at: OnnxRuleContext, op: ops.ChannelShuffle) -> str:
    """By places where the number of channels is known, else in two reshapes."""
    channels, groups = at.shape[1], op.groups
    if isinstance(channels, int):
        order = np.arange(channels, dtype=np.int64).reshape(groups, channels // groups).T.ravel()
        return at.emit("Gather", at["input"], at.constant(order), axis=1)
    batch, _, *space = at.shape
    rest, part = product(space), channels // groups
    apart = at.transpose(at.reshape(at["input"], at.shape, (batch, groups, part, rest)), (0, 2, 1, 3))
    return at.reshape(apart, (batch, part, groups, rest), at.shape)


@rule(ops.Pad)
def pad(at: OnnxRuleContext, op: ops.Pad) -> str:
    return padded(at, at["input"], op.sides(len(at.shape)), op.mode, op.value)


def padded(at: OnnxRuleContext, x: str, sides: Sides, mode: str, value: float = 0.0) -> str:
    """Each dimension widened before and after, or made narrower; nothing where all sides are 0. What is repeated comes
    from the whole, and around from what is left."""
    added = [(_if_added(before), _if_added(after)) for before, after in sides]
    if mode == "circular":
        return _wrapped(at, _narrowed(at, x, sides), added)
    if any(before != 0 or after != 0 for before, after in added):
        pads = at.dims([before for before, _ in added] + [after for _, after in added])
        filling = (at.scalar(value),) if value else ()
        x = at.emit("Pad", x, pads, *filling, mode=_PAD_MODES[mode])
    return _narrowed(at, x, sides)


def _if_added(width: Dim) -> Dim:
    return 0 if ops.takes_away(width) else width


def _narrowed(at: OnnxRuleContext, x: str, sides: Sides) -> str:
    """What negative sides leave."""
    for axis, (before, after) in enumerate(sides):
        start, end = (-width if ops.takes_away(width) else 0 for width in (before, after))
        if start != 0 or end != 0:
            x = _cut(at, x, axis, start, -end if end != 0 else _TO_THE_END)
    return x


def _wrapped(at: OnnxRuleContext, x: str, sides: Sides) -> str:
    """The end before the beginning, the beginning after the end; ONNX has it from opset 19 on."""
    for axis, (before, after) in enumerate(sides):
        parts = [x]
        if before != 0:
            parts.insert(0, _cut(at, x, axis, -before, _TO_THE_END))
        if after != 0:
            parts.append(_cut(at, x, axis, 0, after))
        x = at.emit("Concat", *parts, axis=axis) if len(parts) > 1 else x
    return x


def _cut(at: OnnxRuleContext, x: str, axis: int, start: Dim, end: Dim) -> str:
    return at.emit("Slice", x, at.dims([start]), at.dims([end]), at.constant([axis]))


@rule(ops.Unfold)
def unfold(at: OnnxRuleContext, op: ops.Unfold) -> str:
    """The rows and then the columns of all windows, by their places in the padded image."""
    x = padded(at, at["input"], ((0, 0), (0, 0), *((pad, pad) for pad in op.padding)), "constant")
    batch, channels, *sizes = at.shape
    counts = [_count(size, op, axis) for axis, size in enumerate(sizes)]
    for axis in range(2):
        x = at.emit("Gather", x, _window_places(at, counts[axis], op, axis), axis=2 + 2 * axis)
    parts = (batch, channels, op.kernel_size[0], counts[0], op.kernel_size[1], counts[1])
    return at.reshape(at.transpose(x, (0, 1, 2, 4, 3, 5)), tuple(parts[i] for i in (0, 1, 2, 4, 3, 5)), at.result.shape)


def _count(size: Dim, op: ops.Windows, axis: int) -> Dim:
    reach = op.dilation[axis] * (op.kernel_size[axis] - 1) + 1
    return (size + 2 * op.padding[axis] - reach) // op.stride[axis] + 1


def _window_places(at: OnnxRuleContext, count: Dim, op: ops.Windows, axis: int) -> str:
    """A row for each place of the kernel: where it lies in each window."""
    offsets = np.arange(op.kernel_size[axis], dtype=np.int64)[:, None] * op.dilation[axis]
    if isinstance(count, int):
        return at.constant(offsets + np.arange(count, dtype=np.int64) * op.stride[axis])
    wish = f"windows/{count}".replace(" ", "")
    starts = at.emission.add("Mul", [counting(at, count), at.constant([op.stride[axis]])], wish)
    return at.emission.add("Add", [starts, at.constant(offsets)], wish)


@rule(ops.Fold)
def fold(at: OnnxRuleContext, op: ops.Fold) -> str:
    return at.emit(
        "Col2Im",
        at["input"],
        at.dims(op.output_size),
        at.constant(list(op.kernel_size)),
        dilations=op.dilation,
        pads=(*op.padding, *op.padding),
        strides=op.stride,
    )

"""Images of another size: interpolation, rearrangement between channels and space, padding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.dims import Dim
from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.profiles import rule
from archgraph.export.rules.nearest import gathered, is_binary, resized_by_scales
from archgraph.ops import resize as ops
from archgraph.ops.requirements import channels_of

_TO_THE_END = (1 << 63) - 1
_PAD_MODES = {"constant": "constant", "zeros": "constant", "reflect": "reflect", "replicate": "edge"}
_LARGEST_STAYING_SCALE = 1.5
NEAREST = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
Sides = Sequence[tuple[int, int]]


@rule(ops.Interpolate)
def interpolate(at: OnnxRuleContext, op: ops.Interpolate) -> str:
    """Resize where it computes torch's places exactly; otherwise dimension by dimension."""
    if op.mode == "nearest":
        return _resized(at, op, "nearest") if resized_by_scales(at, op) else gathered(at, op)
    if op.scale_factor is None or all(map(is_binary, op.scale_factor)):
        return _resized(at, op, "linear")
    return _weighted(at, op)


def _resized(at: OnnxRuleContext, op: ops.Interpolate, mode: str) -> str:
    places = "align_corners" if op.align_corners else "half_pixel"
    how = NEAREST if mode == "nearest" else {"mode": mode, "coordinate_transformation_mode": places}
    if op.scale_factor is not None:
        return at.emit("Resize", at["input"], "", _scales(at, op.scale_factor), **how)
    # All four sizes: ONNX Runtime moves transposes over a Resize as if its sizes were always those of all dimensions.
    return at.emit("Resize", at["input"], "", "", at.dims(at.result.shape), **how)


def _scales(at: OnnxRuleContext, scales: tuple[float, float]) -> str:
    """The factors as an input of Resize, 1 where the size stays: torch copies then, whatever the factor says."""
    kept = [have == want for have, want in zip(at.shape[2:], at.result.shape[2:], strict=True)]
    known = [1.0 if same else scale for same, scale in zip(kept, scales, strict=True)]
    if not any(_may_stay(size, scale) for size, scale in zip(at.shape[2:], known, strict=True)):
        return at.constant(np.array([1, 1, *known], dtype=np.float32))
    return at.emission.shared(("scales", at.shape[2:], scales), lambda: _computed_scales(at, scales))


def _may_stay(size: Dim, scale: float) -> bool:
    """Whether ⌊size · scale⌋ may be the size itself, at 2 or more; at 1 all rules agree."""
    return not isinstance(size, int) and 1 < scale < _LARGEST_STAYING_SCALE


def _computed_scales(at: OnnxRuleContext, scales: tuple[float, float]) -> str:
    def add(kind: str, *inputs: str, **how: int) -> str:
        return at.emission.add(kind, inputs, f"scales/{at.shape[2]}_{at.shape[3]}", **how)

    have, want = at.dims(at.shape[2:]), at.dims(at.result.shape[2:])
    one = at.constant(np.ones(1, dtype=np.float32))
    chosen = add("Where", add("Equal", have, want), one, at.constant(np.array(scales, dtype=np.float32)))
    return add("Concat", at.constant(np.ones(2, dtype=np.float32)), chosen, axis=0)


def _weighted(at: OnnxRuleContext, op: ops.Interpolate) -> str:
    """Bilinear by a scale that float32 does not hold; the sizes are numbers then, and the weights a matrix."""
    x, scales = at["input"], op.scale_factor or (1, 1)
    for axis in (2, 3):
        have, want = int(at.shape[axis]), int(at.result.shape[axis])  # type: ignore[arg-type]
        if have != want:
            matrix = linear_matrix(have, want, scales[axis - 2], op.align_corners)
            x = at.emit("MatMul", at.numbers(matrix), x) if axis == 2 else at.emit("MatMul", x, at.numbers(matrix.T))
    return x


def linear_matrix(have: int, want: int, scale: float, align_corners: bool) -> Array:
    """Rows of the two weights by which each place of the result mixes its neighbours."""
    place = np.arange(want)
    if align_corners:
        source = place * ((have - 1) / (want - 1) if want > 1 else 0.0)
    else:
        source = np.maximum((place + 0.5) / scale - 0.5, 0)
    left = np.minimum(source.astype(np.int64), have - 1)
    right, part = np.minimum(left + 1, have - 1), source - left
    matrix = np.zeros((want, have))
    np.add.at(matrix, (place, left), 1 - part)
    np.add.at(matrix, (place, right), part)
    return matrix


@rule(ops.PixelShuffle)
def pixel_shuffle(at: OnnxRuleContext, op: ops.PixelShuffle) -> str:
    return at.emit("DepthToSpace", at["input"], blocksize=op.upscale_factor, mode="CRD")


@rule(ops.PixelUnshuffle)
def pixel_unshuffle(at: OnnxRuleContext, op: ops.PixelUnshuffle) -> str:
    """SpaceToDepth puts the place in the block before the channel, torch after it: the channels change places."""
    if not isinstance(at.shape[1], int):
        return _space_to_channels(at, op.downscale_factor)
    channels, block = channels_of(at.type), op.downscale_factor**2
    order = np.arange(channels * block, dtype=np.int64).reshape(block, channels).T.ravel()
    deep = at.emit("SpaceToDepth", at["input"], blocksize=op.downscale_factor)
    return at.emit("Gather", deep, at.constant(order), axis=1) if channels > 1 else deep


def _space_to_channels(at: OnnxRuleContext, factor: int) -> str:
    """The same of any number of channels, in two reshapes."""
    batch, channels, *_ = at.shape
    height, width = at.result.shape[2:]
    apart = (batch, channels, height, factor, width, factor)
    blocks = at.transpose(at.reshape(at["input"], at.shape, apart), (0, 1, 3, 5, 2, 4))
    return at.reshape(blocks, (batch, channels, factor, factor, height, width), at.result.shape)


@rule(ops.Pad)
def pad(at: OnnxRuleContext, op: ops.Pad) -> str:
    rank = len(at.shape)
    sides = [(0, 0)] * rank
    for place in range(len(op.pad) // 2):
        sides[rank - 1 - place] = (op.pad[2 * place], op.pad[2 * place + 1])
    return padded(at, at["input"], sides, op.mode, op.value)


def padded(at: OnnxRuleContext, x: str, sides: Sides, mode: str, value: float = 0.0) -> str:
    """Each dimension widened before and after; nothing where all sides are 0."""
    if not any(before or after for before, after in sides):
        return x
    if mode == "circular":
        return _wrapped(at, x, sides)
    pads = at.constant([before for before, _ in sides] + [after for _, after in sides])
    filling = (at.scalar(value),) if value else ()
    return at.emit("Pad", x, pads, *filling, mode=_PAD_MODES[mode])


def _wrapped(at: OnnxRuleContext, x: str, sides: Sides) -> str:
    """The end before the beginning, the beginning after the end; ONNX has it from opset 19 on."""
    for axis, (before, after) in enumerate(sides):
        parts = [x]
        if before:
            parts.insert(0, _cut(at, x, axis, -before, _TO_THE_END))
        if after:
            parts.append(_cut(at, x, axis, 0, after))
        x = at.emit("Concat", *parts, axis=axis) if len(parts) > 1 else x
    return x


def _cut(at: OnnxRuleContext, x: str, axis: int, start: int, end: int) -> str:
    return at.emit("Slice", x, at.constant([start]), at.constant([end]), at.constant([axis]))

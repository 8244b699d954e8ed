"""Images of another size: interpolation, rearrangement between channels and space, padding."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from archgraph.dims import Dim
from archgraph.export.emission import Site
from archgraph.export.folding import Array
from archgraph.export.profiles import rule
from archgraph.export.rules.embedding import counting
from archgraph.ops import resize as ops
from archgraph.ops.demands import channels_of

_TO_THE_END = (1 << 63) - 1
_PAD_MODES = {"constant": "constant", "zeros": "constant", "reflect": "reflect", "replicate": "edge"}
_LARGEST_DENOMINATOR = 1024
_PLACES_TRIED = 4096
NEAREST = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
Sides = Sequence[tuple[int, int]]


@rule(ops.Interpolate)
def interpolate(at: Site, op: ops.Interpolate) -> str:
    """Resize where it computes torch's places exactly; otherwise dimension by dimension."""
    if op.mode == "nearest":
        return _resized(at, op, "nearest") if resized_by_scales(op) else _gathered(at, op)
    if op.scale_factor is None or all(_is_binary(scale) for scale in op.scale_factor):
        return _resized(at, op, "linear")
    return _weighted(at, op)


def resized_by_scales(op: ops.Interpolate) -> bool:
    """Whether Resize finds the nearest pixels that torch finds."""
    return op.scale_factor is not None and all(map(_nearest_agrees, op.scale_factor))


def _is_binary(scale: float) -> bool:
    return Fraction(scale).denominator <= _LARGEST_DENOMINATOR


def _nearest_agrees(scale: float) -> bool:
    """Whether place / scale (ONNX) and place · (1 / scale) (torch) fall on the same pixel, in float32."""
    places = np.arange(_PLACES_TRIED, dtype=np.float32)
    by_onnx, by_torch = places / np.float32(scale), places * np.float32(1 / scale)
    return _is_binary(scale) and bool((np.floor(by_onnx) == np.floor(by_torch)).all())


def _resized(at: Site, op: ops.Interpolate, mode: str) -> str:
    places = "align_corners" if op.align_corners else "half_pixel"
    how = NEAREST if mode == "nearest" else {"mode": mode, "coordinate_transformation_mode": places}
    if op.scale_factor is not None:
        scales = at.constant(np.array([1, 1, *op.scale_factor], dtype=np.float32))
        return at.emit("Resize", at["input"], "", scales, **how)
    # All four sizes: ONNX Runtime moves transposes over a Resize as if its sizes were always those of all dimensions.
    return at.emit("Resize", at["input"], "", "", at.dims(at.result.shape), **how)


def _gathered(at: Site, op: ops.Interpolate) -> str:
    """Nearest pixels as torch finds them: min(floor(place · step), size - 1) in float32."""
    x = at["input"]
    for axis in (2, 3):
        have, want = at.shape[axis], at.result.shape[axis]
        scale = op.scale_factor[axis - 2] if op.scale_factor else None
        if have != want or scale not in (None, 1):
            x = at.emit("Gather", x, _nearest_places(at, have, want, scale), axis=axis)
    return x


def _nearest_places(at: Site, have: Dim, want: Dim, scale: float | None) -> str:
    if isinstance(have, int) and isinstance(want, int):
        step = np.float32(1 / scale if scale else have / want)
        places = np.floor(np.arange(want, dtype=np.float32) * step).astype(np.int64)
        return at.constant(np.minimum(places, have - 1))
    return at.emission.shared(("nearest", have, want, scale), lambda: _computed_places(at, have, want, scale))


def _computed_places(at: Site, have: Dim, want: Dim, scale: float | None) -> str:
    def add(kind: str, *inputs: str, **how: int) -> str:
        return at.emission.add(kind, inputs, f"places/{have}_{want}", **how)

    size = at.sizes.scalar(have)
    if scale:
        step = at.constant(np.array([1 / scale], dtype=np.float32))
    else:
        step = add("Div", add("Cast", size, to=1), add("Cast", at.sizes.scalar(want), to=1))
    raw = add("Floor", add("Mul", add("Cast", counting(at, want), to=1), step))
    return add("Min", add("Cast", raw, to=7), add("Sub", size, at.constant([1])))


def _weighted(at: Site, op: ops.Interpolate) -> str:
    """Bilinear by a scale that float32 does not hold; the sizes are numbers then, and the weights a matrix."""
    x, scales = at["input"], op.scale_factor or (1, 1)
    for axis in (2, 3):
        have, want = int(at.shape[axis]), int(at.result.shape[axis])  # type: ignore[arg-type]
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
def pixel_shuffle(at: Site, op: ops.PixelShuffle) -> str:
    return at.emit("DepthToSpace", at["input"], blocksize=op.upscale_factor, mode="CRD")


@rule(ops.PixelUnshuffle)
def pixel_unshuffle(at: Site, op: ops.PixelUnshuffle) -> str:
    """SpaceToDepth puts the place in the block before the channel, torch after it: the channels change places."""
    channels, block = channels_of(at.type), op.downscale_factor**2
    order = np.arange(channels * block, dtype=np.int64).reshape(block, channels).T.ravel()
    deep = at.emit("SpaceToDepth", at["input"], blocksize=op.downscale_factor)
    return at.emit("Gather", deep, at.constant(order), axis=1) if channels > 1 else deep


@rule(ops.Pad)
def pad(at: Site, op: ops.Pad) -> str:
    rank = len(at.shape)
    sides = [(0, 0)] * rank
    for place in range(len(op.pad) // 2):
        sides[rank - 1 - place] = (op.pad[2 * place], op.pad[2 * place + 1])
    return padded(at, at["input"], sides, op.mode, op.value)


def padded(at: Site, x: str, sides: Sides, mode: str, value: float = 0.0) -> str:
    """Each dimension widened before and after; nothing where all sides are 0."""
    if not any(before or after for before, after in sides):
        return x
    if mode == "circular":
        return _wrapped(at, x, sides)
    pads = at.constant([before for before, _ in sides] + [after for _, after in sides])
    filling = (at.scalar(value),) if value else ()
    return at.emit("Pad", x, pads, *filling, mode=_PAD_MODES[mode])


def _wrapped(at: Site, x: str, sides: Sides) -> str:
    """The end before the beginning, the beginning after the end; ONNX has it from opset 19 on."""
    for axis, (before, after) in enumerate(sides):
        parts = [x]
        if before:
            parts.insert(0, _cut(at, x, axis, -before, _TO_THE_END))
        if after:
            parts.append(_cut(at, x, axis, 0, after))
        x = at.emit("Concat", *parts, axis=axis) if len(parts) > 1 else x
    return x


def _cut(at: Site, x: str, axis: int, start: int, end: int) -> str:
    return at.emit("Slice", x, at.constant([start]), at.constant([end]), at.constant([axis]))

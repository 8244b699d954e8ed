"""Values of another size."""

from __future__ import annotations

import numpy as np

from archgraph.dims import Dim
from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.profiles import rule
from archgraph.export.rules.adaptive_pooling import averaged_areas
from archgraph.export.rules.axis_maps import along_axis
from archgraph.export.rules.interpolation_weights import Resampling, weights
from archgraph.export.rules.nearest import gathered, is_binary, resized_by_scales
from archgraph.ops import resampling as ops

_LARGEST_STAYING_SCALE = 1.5
_IMAGE_RANK = 4
NEAREST = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}


@rule(ops.Interpolate)
def interpolate(at: OnnxRuleContext, op: ops.Interpolate) -> str:
    """Resize where it computes torch's places exactly; otherwise dimension by dimension."""
    if op.mode == "area":
        return averaged_areas(at, at["input"], at.result.shape[2:])
    if op.mode in ("nearest", "nearest-exact"):
        return _resized(at, op, "nearest") if resized_by_scales(at, op) else gathered(at, op)
    plain = op.mode == "bilinear" and not op.antialias
    steps = op.steps(len(at.shape) - 2)
    if plain and (steps is None or all(map(is_binary, steps))):
        return _resized(at, op, "linear")
    return _weighted(at, op)


def _resized(at: OnnxRuleContext, op: ops.Interpolate, mode: str) -> str:
    places = "align_corners" if op.align_corners else "half_pixel"
    how = NEAREST if mode == "nearest" else {"mode": mode, "coordinate_transformation_mode": places}
    steps = op.steps(len(at.shape) - 2)
    if steps is not None:
        return at.emit("Resize", at["input"], "", _scales(at, steps), **how)
    # All four sizes: ONNX Runtime moves transposes over a Resize as if its sizes were always those of all dimensions.
    return at.emit("Resize", at["input"], "", "", at.dims(at.result.shape), **how)


def _scales(at: OnnxRuleContext, scales: tuple[float, ...]) -> str:
    """The factors as an input of Resize, 1 where the size stays: torch copies then, whatever the factor says."""
    kept = [have == want for have, want in zip(at.shape[2:], at.result.shape[2:], strict=True)]
    known = [1.0 if same else scale for same, scale in zip(kept, scales, strict=True)]
    if not any(_may_stay(size, scale) for size, scale in zip(at.shape[2:], known, strict=True)):
        return at.constant(np.array([1, 1, *known], dtype=np.float32))
    return at.emission.shared(("scales", at.shape[2:], scales), lambda: _computed_scales(at, scales))


def _may_stay(size: Dim, scale: float) -> bool:
    """Whether ⌊size · scale⌋ may be the size itself, at 2 or more; at 1 all rules agree."""
    return not isinstance(size, int) and 1 < scale < _LARGEST_STAYING_SCALE


def _computed_scales(at: OnnxRuleContext, scales: tuple[float, ...]) -> str:
    def add(kind: str, *inputs: str, **how: int) -> str:
        return at.emission.add(kind, inputs, f"scales/{'_'.join(map(str, at.shape[2:]))}", **how)

    have, want = at.dims(at.shape[2:]), at.dims(at.result.shape[2:])
    one = at.constant(np.ones(1, dtype=np.float32))
    chosen = add("Where", add("Equal", have, want), one, at.constant(np.array(scales, dtype=np.float32)))
    return add("Concat", at.constant(np.ones(2, dtype=np.float32)), chosen, axis=0)


def _weighted(at: OnnxRuleContext, op: ops.Interpolate) -> str:
    """By a matrix for each dimension, which is known or computed at run time."""
    x, shape, axes = at["input"], list(at.shape), len(at.shape) - 2
    steps = op.steps(axes) or (None,) * axes
    for axis in range(2, 2 + axes):
        how = Resampling(shape[axis], at.result.shape[axis], steps[axis - 2], op.mode, op.align_corners, op.antialias)
        if not how.stays:
            x = along_axis(at, x, shape, axis, weights(at, how), how.want)
            shape[axis] = how.want
    return x

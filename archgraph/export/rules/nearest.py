"""The nearest pixels as torch finds them: min(floor(place · step), size - 1) in float32.

The step is size / wanted where a size is asked for, and 1 / scale_factor where a factor is. Then one exception: torch's
kernel for images whose new sides add up to at most 128 copies where the size stays, and takes each pixel twice where it
doubles, whatever the factor says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.dims import Dim
from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.lowering.program import ELEMENT_TYPES
from archgraph.export.rules.embedding import counting
from archgraph.ops import resampling as ops

LARGEST_DENOMINATOR = 1024
_PLACES_TRIED = 4096
_LARGEST_EXACT_SIDES = 128
_IMAGE = 2
_CENTRE = 0.5


def gathered(at: OnnxRuleContext, op: ops.Interpolate) -> str:
    """Each dimension by the places that it takes."""
    x = at["input"]
    for axis, resized in enumerate(_resized_axes(at, op), start=2):
        if resized.have != resized.want or resized.scale not in (None, 1):
            x = at.emit("Gather", x, _places(at, resized, at.result.shape[2] + at.result.shape[-1]), axis=axis)
    return x


def _resized_axes(at: OnnxRuleContext, op: ops.Interpolate) -> list[_ResizedAxis]:
    count = len(at.shape) - 2
    scales = op.steps(count) or (None,) * count
    exact = op.mode == "nearest-exact"
    return [
        _ResizedAxis(at.shape[2 + i], at.result.shape[2 + i], scales[i], exact, count == _IMAGE) for i in range(count)
    ]


def resized_by_scales(at: OnnxRuleContext, op: ops.Interpolate) -> bool:
    """Whether Resize, which knows the factor alone, finds the nearest pixels that torch finds."""
    if op.steps(len(at.shape) - 2) is None or len(at.shape) - 2 != _IMAGE or op.mode == "nearest-exact":
        return False
    axes = _resized_axes(at, op)
    return all(_resize_agrees(axis.scale) and not axis.may_be_exact for axis in axes if axis.scale is not None)


def is_binary(scale: float) -> bool:
    """Whether float32 holds a factor, so that products with sizes are exact."""
    return Fraction(scale).denominator <= LARGEST_DENOMINATOR


def _resize_agrees(scale: float) -> bool:
    """Whether place / scale (ONNX) and place · (1 / scale) (torch) fall on the same pixel, in float32."""
    places = np.arange(_PLACES_TRIED, dtype=np.float32)
    by_onnx, by_torch = places / np.float32(scale), places * np.float32(1 / scale)
    return is_binary(scale) and bool((np.floor(by_onnx) == np.floor(by_torch)).all())


@dataclass(frozen=True, slots=True)
class _ResizedAxis:
    """One dimension: its size, the size that is wanted, and the factor where one is given."""

    have: Dim
    want: Dim
    scale: float | None
    centred: bool = False
    """nearest-exact: places are the centres of pixels."""
    image: bool = True
    """torch has that kernel for images alone."""

    @property
    def may_be_exact(self) -> bool:
        """Whether copying or doubling takes other pixels than the factor, at some size."""
        if (
            self.centred or not self.image or self.scale is None or self.scale in (1, 2)
        ):  # then size / wanted is 1 / scale
            return False
        return _exact_differs(self.have, self.scale) if isinstance(self.have, int) else _differs_somewhere(self.scale)


@cache
def _differs_somewhere(scale: float) -> bool:
    return any(_exact_differs(size, scale) for size in range(1, LARGEST_DENOMINATOR + 1))


def _exact_differs(size: int, scale: float) -> bool:
    wanted = math.floor(size * scale)
    if wanted not in (size, 2 * size):
        return False
    return not np.array_equal(_by_step(size, wanted, size / wanted), _by_step(size, wanted, 1 / scale))


def _by_step(size: int, wanted: int, step: float, offset: float = 0.0) -> Array:
    places = np.floor((np.arange(wanted, dtype=np.float32) + np.float32(offset)) * np.float32(step)).astype(np.int64)
    return np.asarray(np.minimum(places, size - 1))


def _places(at: OnnxRuleContext, axis: _ResizedAxis, sides: Dim) -> str:
    """The places as int64; `sides` is the sum of the new height and width."""
    have, want, deciding = axis.have, axis.want, sides if axis.may_be_exact else None
    if isinstance(have, int) and isinstance(want, int) and (deciding is None or isinstance(deciding, int)):
        step = _step(have, want, axis.scale, deciding)
        return at.constant(_by_step(have, want, step, _CENTRE if axis.centred else 0.0))
    return at.emission.shared(("nearest", axis, deciding), lambda: _RuntimeIndices(at, axis).places(deciding))


def _step(have: int, want: int, scale: float | None, sides: int | None) -> float:
    """How far apart places are; `sides` where they decide about it."""
    exact = sides is not None and sides <= _LARGEST_EXACT_SIDES
    return have / want if scale is None or exact else 1 / scale


@dataclass(frozen=True, slots=True)
class _RuntimeIndices:
    """Source indices of one axis that are computed at run time, where sizes are symbolic."""

    at: OnnxRuleContext
    axis: _ResizedAxis

    def places(self, sides: Dim | None) -> str:
        """min(floor(place · step), size - 1); `sides` where they decide about the step."""
        size = self.at.sizes.scalar(self.axis.have)
        target = self._single(counting(self.at, self.axis.want))
        if self.axis.centred:
            target = self._add("Add", target, self.at.constant(np.array([_CENTRE], dtype=np.float32)))
        raw = self._add("Floor", self._add("Mul", target, self._step(sides)))
        whole = self._add("Cast", raw, to=ELEMENT_TYPES["int64"])
        return self._add("Min", whole, self._add("Sub", size, self.at.constant([1])))

    def _step(self, sides: Dim | None) -> str:
        have, want = (self.at.sizes.scalar(size) for size in (self.axis.have, self.axis.want))
        if self.axis.scale is not None and sides is None:
            return self._factor()
        ratio = self._add("Div", self._single(have), self._single(want))
        if sides is None:
            return ratio
        doubled = self._add("Equal", self._add("Add", have, have), want)
        exact = self._add("Or", self._add("Equal", have, want), doubled)
        small = self._add("LessOrEqual", self.at.sizes.scalar(sides), self.at.constant([_LARGEST_EXACT_SIDES]))
        return self._add("Where", self._add("And", exact, small), ratio, self._factor())

    def _factor(self) -> str:
        return self.at.constant(np.array([1 / (self.axis.scale or 1)], dtype=np.float32))

    def _single(self, x: str) -> str:
        return self._add("Cast", x, to=ELEMENT_TYPES["float32"])

    def _add(self, kind: str, *inputs: str, **how: int) -> str:
        return self.at.emission.add(kind, inputs, f"places/{self.axis.have}_{self.axis.want}", **how)

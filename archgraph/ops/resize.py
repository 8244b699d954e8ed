"""Images of another size: interpolation, rearrangement between channels and space, padding."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, model_validator

from archgraph.dims import Cause, Dim, Facts
from archgraph.errors import ShapeError
from archgraph.ops.attributes import DimPair, Naturals, Positive, Says
from archgraph.ops.contract import DTYPES, FLOAT_TYPES, Example, Inputs, Operation, Port, TensorType, operation
from archgraph.ops.convolution import require_padding_fits
from archgraph.ops.requirements import channels_of, require_rank
from archgraph.ops.traits import Traits

_LARGEST_DENOMINATOR = 1024
_LARGEST_SCALE = 1024


def _scale_pair(value: Any) -> Any:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = (value, value)
    value = tuple(value) if isinstance(value, list) else value
    for item in value if isinstance(value, tuple) else ():
        if isinstance(item, (int, float)) and not 0 < item <= _LARGEST_SCALE:
            raise ValueError(f"must be greater than 0, and at most {_LARGEST_SCALE}")
    return value


ScalePair = Annotated[
    tuple[int | float, int | float] | None,
    BeforeValidator(_scale_pair),
    Says("a number greater than 0, or two of them, or null"),
]


@operation("interpolate", Traits(keeps_scale=True, result_sizes=("size",)))
class Interpolate(Operation):
    meaning: ClassVar[str] = "Resizes an image: [N, C, H, W] → [N, C, *size], or [N, C, ⌊H·s⌋, ⌊W·s⌋], s = scale_factor"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"scale_factor": 2}, {"input": TensorType((2, 3, 4, 5))}),
        Example({"size": (7, 9), "mode": "bilinear"}, {"input": TensorType((2, 3, 4, 5))}),
        Example({"size": 8, "mode": "bilinear", "align_corners": True}, {"input": TensorType((2, 3, 4, 5))}),
        Example({"scale_factor": (0.5, 1.5), "mode": "bilinear"}, {"input": TensorType((2, 3, 4, 6))}),
    )

    size: DimPair = None
    scale_factor: ScalePair = None
    mode: Literal["nearest", "bilinear"] = "nearest"
    align_corners: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.size is None) == (self.scale_factor is None):
            raise ValueError("either size or scale_factor must be given")
        if self.align_corners and self.mode == "nearest":
            raise ValueError("align_corners has a meaning for mode: bilinear only")
        return self

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        require_rank(kind, 4)
        if self.size is not None:
            return (TensorType((*kind.shape[:2], *self.size), kind.dtype),)
        scales = self.scale_factor or (1, 1)
        sizes = (self._scaled(kind.shape[2 + axis], scales[axis], facts) for axis in range(2))
        return (TensorType((*kind.shape[:2], *sizes), kind.dtype),)

    def _scaled(self, size: Dim, scale: float, facts: Facts) -> Dim:
        if isinstance(size, int):
            result: Dim = math.floor(float(size) * scale)
        else:
            exact = Fraction(scale)
            if exact.denominator > _LARGEST_DENOMINATOR:
                raise ShapeError(
                    f"⌊{size} · {scale}⌋ is not exact for every size",
                    subject="scale_factor",
                    expected="a scale_factor that is a binary fraction, such as 2, 0.5 or 1.25",
                    received=str(scale),
                    hint="give the size itself, for instance size: [=H // 3, =W // 3]",
                )
            result = size * exact.numerator // exact.denominator
        cause = Cause(f"{size} scaled by {scale:g} must not be empty", subject="scale_factor")
        facts.require_at_least(result, 1, cause)
        return result


@operation("pixel_shuffle", Traits(moves_data=True))
class PixelShuffle(Operation):
    meaning: ClassVar[str] = "Channels to space: [N, C·r², H, W] → [N, C, H·r, W·r], r = upscale_factor"
    paper: ClassVar[str] = "Shi et al. 2016, Real-Time Single Image and Video Super-Resolution"
    examples: ClassVar[tuple[Example, ...]] = (Example({"upscale_factor": 2}, {"input": TensorType((2, 12, 3, 4))}),)

    upscale_factor: Positive

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        require_rank(kind, 4)
        square = self.upscale_factor**2
        if channels_of(kind) % square:
            raise ShapeError(
                "pixel_shuffle needs a multiple of upscale_factor² channels",
                subject="upscale_factor",
                expected=f"a multiple of {square} channels",
                received=f"{kind.shape[1]} channels in {kind}",
            )
        sizes = (size * self.upscale_factor for size in kind.shape[2:])
        return (TensorType((kind.shape[0], channels_of(kind) // square, *sizes), kind.dtype),)


@operation("pixel_unshuffle", Traits(moves_data=True))
class PixelUnshuffle(Operation):
    meaning: ClassVar[str] = "Space to channels: [N, C, H·r, W·r] → [N, C·r², H, W], r = downscale_factor"
    paper: ClassVar[str] = "Shi et al. 2016, Real-Time Single Image and Video Super-Resolution"
    examples: ClassVar[tuple[Example, ...]] = (Example({"downscale_factor": 2}, {"input": TensorType((2, 3, 6, 4))}),)

    downscale_factor: Positive

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        require_rank(kind, 4)
        factor = self.downscale_factor
        for size in kind.shape[2:]:
            cause = Cause(f"pixel_unshuffle needs multiples of {factor}", subject="downscale_factor")
            facts.require_multiple(size, factor, cause)
        sizes = (size // factor for size in kind.shape[2:])
        return (TensorType((kind.shape[0], kind.shape[1] * factor**2, *sizes), kind.dtype),)


@operation("pad", Traits(keeps_scale=True))
class Pad(Operation):
    meaning: ClassVar[str] = (
        "Widens dimensions, the last first: pad = [before, after of the last, before, after of the one before it, …]"
    )
    ports: ClassVar[tuple[Port, ...]] = (Port("input", dtypes=DTYPES),)
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"pad": [0, 1, 2, 1]}, {"input": TensorType((2, 3, 4, 5))}),
        Example({"pad": [1, 2], "value": 0.5}, {"input": TensorType((2, 3))}),
        Example({"pad": [1, 2, 0, 1], "mode": "reflect"}, {"input": TensorType((2, 3, 4, 5))}),
        Example({"pad": [1, 2, 0, 1], "mode": "replicate"}, {"input": TensorType((2, 3, 4, 5))}),
        Example({"pad": [1, 2, 0, 1], "mode": "circular"}, {"input": TensorType((2, 3, 4, 5))}),
    )

    pad: Naturals
    mode: Literal["constant", "reflect", "replicate", "circular"] = "constant"
    value: float = 0.0

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(self.pad) % 2 or not self.pad:
            raise ValueError(f"pad needs two numbers for each dimension; it has {len(self.pad)}")
        if self.value and self.mode != "constant":
            raise ValueError("value has a meaning for mode: constant only")
        return self

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        self._check_dimensions(kind)
        shape = list(kind.shape)
        for place in range(len(self.pad) // 2):
            axis = kind.rank - 1 - place
            before, after = self.pad[2 * place : 2 * place + 2]
            require_padding_fits(shape[axis], max(before, after), self.mode, facts)
            shape[axis] = shape[axis] + before + after
        return (TensorType(tuple(shape), kind.dtype),)

    def _check_dimensions(self, kind: TensorType) -> None:
        count = len(self.pad) // 2
        if count > kind.rank:
            raise ShapeError(
                f"pad names {count} dimensions", expected=f"at most {kind.rank}", received=str(kind), subject="pad"
            )
        if self.mode == "constant":
            return
        if kind.rank != count + 2 or kind.dtype not in FLOAT_TYPES:
            raise ShapeError(
                f"mode: {self.mode} pads all dimensions after the first two, of floating-point values",
                subject="mode",
                expected=f"a value with {count + 2} dimensions",
                received=str(kind),
                hint="[0, 0] leaves a dimension as it is",
            )

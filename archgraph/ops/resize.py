"""Images of another shape: rearrangement between channels and space, padding, windows. Other sizes: resampling.py."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from archgraph.dims import Cause, Dim, Facts
from archgraph.errors import ShapeError
from archgraph.ops.attributes import Dims, NaturalPair, Pair, Positive, RequiredDimPair, Says
from archgraph.ops.contract import DTYPES, FLOAT_TYPES, Example, Inputs, Operation, Port, TensorType, operation
from archgraph.ops.convolution import require_padding_fits, window_size
from archgraph.ops.requirements import channels_of, require_fits, require_rank
from archgraph.ops.traits import Traits

_IMAGE_RANK = 3
PaddingValue = Annotated[float, Field(allow_inf_nan=True), Says("a number, .inf and -.inf too")]


class Rearrangement(Operation):
    """Base of what exchanges channels and space: all dimensions before the last three are a batch."""

    def channels_and_space(self, kind: TensorType) -> tuple[Dim, Dim, Dim]:
        """The last three sizes. Raises ShapeError where there are fewer."""
        if kind.rank < _IMAGE_RANK:
            raise ShapeError(f"{self.name} needs at least 3 dimensions", expected="[..., C, H, W]", received=str(kind))
        channels, height, width = kind.shape[-_IMAGE_RANK:]
        return channels, height, width


@operation("pixel_shuffle", Traits(moves_data=True))
class PixelShuffle(Rearrangement):
    meaning: ClassVar[str] = "Channels to space: [N, C·r², H, W] → [N, C, H·r, W·r], r = upscale_factor"
    paper: ClassVar[str] = "Shi et al. 2016, Real-Time Single Image and Video Super-Resolution"
    examples: ClassVar[tuple[Example, ...]] = (Example({"upscale_factor": 2}, {"input": TensorType((2, 12, 3, 4))}),)

    upscale_factor: Positive

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind, factor = inputs["input"], self.upscale_factor
        _, height, width = self.channels_and_space(kind)
        square, channels = factor**2, channels_of(kind, -_IMAGE_RANK)
        if channels % square:
            raise ShapeError(
                "pixel_shuffle needs a multiple of upscale_factor² channels",
                subject="upscale_factor",
                expected=f"a multiple of {square} channels",
                received=f"{channels} channels in {kind}",
            )
        return (
            TensorType((*kind.shape[:-_IMAGE_RANK], channels // square, height * factor, width * factor), kind.dtype),
        )


@operation("pixel_unshuffle", Traits(moves_data=True))
class PixelUnshuffle(Rearrangement):
    meaning: ClassVar[str] = "Space to channels: [N, C, H·r, W·r] → [N, C·r², H, W], r = downscale_factor"
    paper: ClassVar[str] = "Shi et al. 2016, Real-Time Single Image and Video Super-Resolution"
    examples: ClassVar[tuple[Example, ...]] = (Example({"downscale_factor": 2}, {"input": TensorType((2, 3, 6, 4))}),)

    downscale_factor: Positive

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind, factor = inputs["input"], self.downscale_factor
        channels, height, width = self.channels_and_space(kind)
        for size in (height, width):
            cause = Cause(f"pixel_unshuffle needs multiples of {factor}", subject="downscale_factor")
            facts.require_multiple(size, factor, cause)
        made = (channels * factor**2, height // factor, width // factor)
        return (TensorType((*kind.shape[:-_IMAGE_RANK], *made), kind.dtype),)


@operation("channel_shuffle", Traits(moves_data=True))
class ChannelShuffle(Operation):
    meaning: ClassVar[str] = (
        "Channel c of group g goes to place c·groups + g, so that groups mix: [N, C, ...] → [N, C, ...]"
    )
    paper: ClassVar[str] = "Zhang et al. 2018, ShuffleNet"
    examples: ClassVar[tuple[Example, ...]] = (Example({"groups": 2}, {"input": TensorType((2, 6, 3, 4))}),)

    groups: Positive

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        if kind.rank < _IMAGE_RANK:
            raise ShapeError("channel_shuffle needs at least 3 dimensions", expected="[N, C, ...]", received=str(kind))
        cause = Cause(f"{self.groups} groups of equally many channels", subject="groups")
        facts.require_multiple(kind.shape[1], self.groups, cause)
        return (kind,)


@operation("pad", Traits(keeps_scale=True, infinities="read"))
class Pad(Operation):
    meaning: ClassVar[str] = (
        "Widens dimensions, the last first: pad = [before, after of the last, before, after of the one before it, …]; "
        "negative numbers take away"
    )
    ports: ClassVar[tuple[Port, ...]] = (Port("input", dtypes=DTYPES),)
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"pad": [0, 1, 2, 1]}, {"input": TensorType((2, 3, 4, 5))}),
        Example({"pad": [1, 2], "value": 0.5}, {"input": TensorType((2, 3))}),
        Example({"pad": [0, 1], "value": float("-inf")}, {"input": TensorType((2, 3))}),
        Example({"pad": [-1, 2]}, {"input": TensorType((2, 3))}),
        Example({"pad": [1, 2, 0, 1], "mode": "reflect"}, {"input": TensorType((2, 3, 4, 5))}),
        Example({"pad": [1, 2, 0, 1], "mode": "replicate"}, {"input": TensorType((2, 3, 4, 5))}),
        Example({"pad": [1, 2, 0, 1], "mode": "circular"}, {"input": TensorType((2, 3, 4, 5))}),
    )

    pad: Dims
    mode: Literal["constant", "reflect", "replicate", "circular"] = "constant"
    value: PaddingValue = 0.0

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(self.pad) % 2 or not self.pad:
            raise ValueError(f"pad needs two numbers for each dimension; it has {len(self.pad)}")
        if self.value and self.mode != "constant":
            raise ValueError("value has a meaning for mode: constant only")
        return self

    def sides(self, rank: int) -> list[tuple[Dim, Dim]]:
        """What is added before and after each dimension, negative where something is taken away."""
        found: list[tuple[Dim, Dim]] = [(0, 0)] * rank
        for place in range(len(self.pad) // 2):
            found[rank - 1 - place] = (self.pad[2 * place], self.pad[2 * place + 1])
        return found

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        self._check_dimensions(kind)
        if kind.dtype != "bool" or math.isinf(self.value):
            require_fits(self.value, kind.dtype, "value")
        sizes = (self._size(size, *both, facts) for size, both in zip(kind.shape, self.sides(kind.rank), strict=True))
        return (TensorType(tuple(sizes), kind.dtype),)

    def _size(self, size: Dim, before: Dim, after: Dim, facts: Facts) -> Dim:
        """Of the part that is left something must be there, and enough of what is repeated."""
        kept = size
        for width in (before, after):
            if takes_away(width):
                kept = kept + width
            elif not isinstance(width, int):
                cause = Cause(f"the padding {width} must not be negative", subject="pad")
                facts.require_at_least(width, 0, cause)
        cause = Cause(f"something must be left of {size}", subject="pad")
        facts.require_at_least(kept, 1, cause)
        repeated = kept if self.mode == "circular" else size
        for width in (before, after):
            if not takes_away(width):
                require_padding_fits(repeated, width, self.mode, facts)
        return size + before + after

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


def takes_away(width: Dim) -> bool:
    """Whether a padding is negative; a size is where each of its terms is."""
    return width < 0 if isinstance(width, int) else all(factor < 0 for _, factor in width.terms)


class Windows(Operation):
    """Base of what takes windows of an image apart and joins them: torch's unfold and fold."""

    kernel_size: Pair
    dilation: Pair = (1, 1)
    padding: NaturalPair = (0, 0)
    stride: Pair = (1, 1)

    def places(self, sizes: Sequence[Dim], facts: Facts) -> tuple[Dim, ...]:
        """How many windows there are along height and width."""
        return tuple(
            window_size(sizes[i], self.kernel_size[i], self.stride[i], 2 * self.padding[i], self.dilation[i], facts)
            for i in range(2)
        )


@operation("unfold", Traits(keeps_scale=True))
class Unfold(Windows):
    meaning: ClassVar[str] = (
        "The values of each window as a column: [N, C, H, W] → [N, C·kernel_size², L], L windows as a convolution has"
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"kernel_size": 2}, {"input": TensorType((2, 3, 4, 5))}),
        Example(
            {"kernel_size": (2, 3), "dilation": (2, 1), "padding": (1, 0), "stride": (1, 2)},
            {"input": TensorType((2, 3, 4, 5))},
        ),
    )

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        require_rank(kind, 4)
        rows, columns = self.places(kind.shape[2:], facts)
        count = self.kernel_size[0] * self.kernel_size[1]
        return (TensorType((kind.shape[0], kind.shape[1] * count, rows * columns), kind.dtype),)


@operation("fold")
class Fold(Windows):
    meaning: ClassVar[str] = (
        "The sum of all windows at their places, the transpose of unfold: [N, C·kernel_size², L] → [N, C, *output_size]"
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"output_size": (4, 6), "kernel_size": 2, "stride": 2}, {"input": TensorType((2, 12, 6))}),
        Example(
            {"output_size": (4, 5), "kernel_size": (2, 3), "dilation": (2, 1), "padding": (1, 0)},
            {"input": TensorType((2, 12, 12))},
        ),
    )

    output_size: RequiredDimPair

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        require_rank(kind, 3)
        count = self.kernel_size[0] * self.kernel_size[1]
        cause = Cause(f"a multiple of the {count} places of a window", subject="kernel_size")
        facts.require_multiple(kind.shape[1], count, cause)
        rows, columns = self.places(self.output_size, facts)
        cause = Cause(f"as many columns as there are windows in {TensorType(self.output_size)}", subject="output_size")
        facts.require_equal(rows * columns, kind.shape[2], cause)
        return (TensorType((kind.shape[0], kind.shape[1] // count, *self.output_size), kind.dtype),)

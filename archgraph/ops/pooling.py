"""Pooling over windows and areas in one, two and three dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

from archgraph.dims import Cause, Dim, Facts, Size, product
from archgraph.errors import ShapeError
from archgraph.ops.attributes import PositiveNumber
from archgraph.ops.contract import Example, Inputs, Port, TensorType
from archgraph.ops.convolution import window_size
from archgraph.ops.spatial import (
    Each,
    NaturalEach,
    OptionalEach,
    PerAxis,
    SpatialOperation,
    SpatialRow,
    spatial,
)

_IMAGE = {"input": TensorType((2, 3, 5, 9, 8))}
_VOLUME = 3
AreaCounts = Annotated[tuple[int | None, ...], PerAxis(1, keeps="null keeps a size")]


def ceil_window_size(size: Dim, kernel: int, stride: int, padding: int, dilation: int, facts: Facts) -> Dim:
    """The number of windows where the last may stick out, but must start within the input or its left padding.

    With reach r = dilation·(kernel - 1) + 1 it is the smaller of ceil((size + 2·padding - r) / stride) + 1 and
    (size + padding - 1) // stride + 1. Both are (size + padding + c) // stride + 1, so the smaller c decides.
    """
    reach = dilation * (kernel - 1) + 1
    start = size + padding + min(padding - reach + stride - 1, -1)
    facts.require_at_least(start, 0, Cause(f"a window of {reach} must start within {size}"))
    return start // stride + 1


class WindowPool(SpatialOperation):
    """Base of the pools over windows: [N, C, ...] → [N, C, ...]."""

    kernel_size: Each
    stride: OptionalEach = None
    """Default: kernel_size."""

    @property
    def whole(self) -> bool:
        """Whether torch refuses what is smaller than a window, although padding or ceil_mode would do."""
        return False

    @property
    def strides(self) -> tuple[int, ...]:
        """The stride in force."""
        return self.stride or self.kernel_size

    def windows(
        self, kind: TensorType, padding: Sequence[int], dilation: Sequence[int], ceil_mode: bool, facts: Facts
    ) -> tuple[Dim, ...]:
        """How many windows there are along each dimension."""
        self.require_space(kind)
        sizes = []
        for axis in range(self.axes):
            half = self.kernel_size[axis] // 2
            if padding[axis] > half:
                raise ShapeError(
                    "the padding of a pool is at most half its kernel_size",
                    subject="padding",
                    expected=f"at most {half}",
                    received=str(padding[axis]),
                )
            size, kernel, stride = kind.shape[2 + axis], self.kernel_size[axis], self.strides[axis]
            if self.whole:
                cause = Cause(f"a window of {kernel} must fit into {size} without padding")
                facts.require_at_least(size, kernel, cause)
            if ceil_mode:
                sizes.append(ceil_window_size(size, kernel, stride, padding[axis], dilation[axis], facts))
            else:
                sizes.append(window_size(size, kernel, stride, 2 * padding[axis], dilation[axis], facts))
        return tuple(sizes)


class MaxPool(WindowPool):
    """Base of the pools that take the largest value."""

    meaning: ClassVar[str] = (
        "Largest value of each window: {image} → [N, C, {result}], "
        "{first}' = ({first} + 2·padding - dilation·(kernel_size - 1) - 1) // stride + 1, rounded up with ceil_mode; "
        "with return_indices its place among all of the channel too, as a second output"
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"kernel_size": 3, "stride": 2, "padding": 1}, _IMAGE),
        Example({"kernel_size": (1, 2, 3), "ceil_mode": True}, _IMAGE),
        Example({"kernel_size": 2, "stride": 1, "dilation": 2}, _IMAGE),
        Example({"kernel_size": (3, 3, 2), "stride": 2, "padding": 1, "return_indices": True}, _IMAGE),
    )

    padding: NaturalEach = 0  # type: ignore[assignment]
    dilation: Each = 1  # type: ignore[assignment]
    ceil_mode: bool = False
    return_indices: bool = False

    @property
    def results(self) -> tuple[str, ...]:
        return ("values", "indices") if self.return_indices else ("",)

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        sizes = self.windows(kind, self.padding, self.dilation, self.ceil_mode, facts)
        for axis in range(self.axes):
            self._require_place(kind.shape[2 + axis], axis, facts)
        shape = (*kind.shape[:2], *sizes)
        made = TensorType(shape, kind.dtype)
        return (made, TensorType(shape, "int64")) if self.return_indices else (made,)

    def _require_place(self, size: Dim, axis: int, facts: Facts) -> None:
        """The first window must hold a place of the input: a dilated one may step over all of it, and be -inf.

        Its first place that is no padding is -padding mod dilation. All later windows hold one if it does.
        """
        first = -self.padding[axis] % self.dilation[axis]
        cause = Cause(f"a window must hold at least one place of {size}", subject="dilation")
        facts.require_at_least(size, first + 1, cause)


class MeanPool(WindowPool):
    """Base of the pools that take means."""

    @property
    def whole(self) -> bool:
        return self.axes == _VOLUME


class AvgPool(MeanPool):
    """Base of those that take the mean itself."""

    meaning: ClassVar[str] = (
        "Mean of each window: {image} → [N, C, {result}], "
        "{first}' = ({first} + 2·padding - kernel_size) // stride + 1, rounded up with ceil_mode"
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"kernel_size": 2}, _IMAGE),
        Example({"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False}, _IMAGE),
        Example({"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}, _IMAGE),
    )

    padding: NaturalEach = 0  # type: ignore[assignment]
    ceil_mode: bool = False
    count_include_pad: bool = True

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        sizes = self.windows(kind, self.padding, (1,) * self.axes, self.ceil_mode, facts)
        return (TensorType((*kind.shape[:2], *sizes), kind.dtype),)


class PowerPool(MeanPool):
    """Base of the pools that take a power average."""

    meaning: ClassVar[str] = (
        "p-th root of the sum of the p-th powers of each window, p = norm_type: {image} → [N, C, {result}], "
        "{first}' = ({first} - kernel_size) // stride + 1, rounded up with ceil_mode"
    )
    paper: ClassVar[str] = "Sermanet et al. 2012, Convolutional Neural Networks Applied to House Numbers Digit"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"norm_type": 2.0, "kernel_size": 2}, _IMAGE),
        Example({"norm_type": 3.0, "kernel_size": 3, "stride": 2, "ceil_mode": True}, _IMAGE),
    )

    norm_type: PositiveNumber
    ceil_mode: bool = False

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        none, single = (0,) * self.axes, (1,) * self.axes
        return (TensorType((*kind.shape[:2], *self.windows(kind, none, single, self.ceil_mode, facts)), kind.dtype),)


class MaxUnpool(WindowPool):
    """Base of the inverses of max pools."""

    meaning: ClassVar[str] = (
        "Each value at its place, zero at all others: [N, C, {result}] → {image}, the size of output_size, or "
        "{first} = ({first}' - 1)·stride - 2·padding + kernel_size"
    )
    paper: ClassVar[str] = "Zeiler and Fergus 2014, Visualizing and Understanding Convolutional Networks"
    ports: ClassVar[tuple[Port, ...]] = (Port("input"), Port("indices", dtypes=("int64",)))
    indices: ClassVar[tuple[str, ...]] = ("indices",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"kernel_size": 2},
            {"input": TensorType((2, 3, 2, 3, 4)), "indices": TensorType((2, 3, 2, 3, 4), "int64")},
        ),
        Example(
            {"kernel_size": 3, "stride": 2, "padding": 1, "output_size": (3, 5, 8)},
            {"input": TensorType((2, 3, 2, 3, 4)), "indices": TensorType((2, 3, 2, 3, 4), "int64")},
        ),
    )

    padding: NaturalEach = 0  # type: ignore[assignment]
    output_size: Annotated[tuple[int | Size, ...] | None, PerAxis(1, null=True, item=int | Size, text="a size")] = None

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind, places = inputs["input"], inputs["indices"]
        self.require_space(kind)
        if kind.shape != places.shape:
            raise ShapeError(
                "each value has one place", subject="indices", expected=str(kind.shape), received=str(places.shape)
            )
        sizes = (self._size(kind, axis, facts) for axis in range(self.axes))
        return (TensorType((*kind.shape[:2], *sizes), kind.dtype),)

    def index_range(self, port: str, inputs: Inputs) -> tuple[Dim, Dim]:
        """Counted through one channel of the result."""
        kind = inputs["input"]
        sizes = self.output_size or tuple(self._default(kind, axis) for axis in range(self.axes))
        return 0, product(sizes) - 1

    def _default(self, kind: TensorType, axis: int) -> Dim:
        stride, kernel, size = self.strides[axis], self.kernel_size[axis], kind.shape[2 + axis]
        return (size - 1) * stride - 2 * self.padding[axis] + kernel

    def _size(self, kind: TensorType, axis: int, facts: Facts) -> Dim:
        stride, default = self.strides[axis], self._default(kind, axis)
        cause = Cause("a size that the pool could have had", subject="output_size")
        if self.output_size is None:
            facts.require_at_least(default, 1, cause)
            return default
        wanted = self.output_size[axis]
        facts.require_at_least(wanted - default + stride - 1, 0, cause)
        facts.require_at_least(default - wanted + stride - 1, 0, cause)
        return wanted


class AdaptivePool(SpatialOperation):
    """Base of the pools over areas: area k of n goes from ⌊k·H / n⌋ to ⌈(k + 1)·H / n⌉."""

    output_size: AreaCounts

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        self.require_space(kind)
        sizes = (kind.shape[2 + axis] if want is None else want for axis, want in enumerate(self.output_size))
        return (TensorType((*kind.shape[:2], *sizes), kind.dtype),)


_AREAS: tuple[Example, ...] = (
    Example({"output_size": 1}, _IMAGE),
    Example({"output_size": (2, None, 3)}, _IMAGE),
    Example({"output_size": (2, 3, 4)}, _IMAGE),
)


class AdaptiveAvgPool(AdaptivePool):
    """Base of those that take the mean."""

    meaning: ClassVar[str] = (
        "Mean of each of output_size areas that cover the image: {image} → [N, C, *output_size]; null keeps a size"
    )
    examples: ClassVar[tuple[Example, ...]] = _AREAS


class AdaptiveMaxPool(AdaptivePool):
    """Base of those that take the largest value."""

    meaning: ClassVar[str] = (
        "Largest value of each of output_size areas that cover the image: {image} → [N, C, *output_size]; "
        "null keeps a size"
    )
    examples: ClassVar[tuple[Example, ...]] = _AREAS


TABLE = spatial(
    SpatialRow("max_pool1d", MaxPool, 1),
    SpatialRow("max_pool2d", MaxPool, 2),
    SpatialRow("max_pool3d", MaxPool, 3),
    SpatialRow("avg_pool1d", AvgPool, 1),
    SpatialRow("avg_pool2d", AvgPool, 2),
    SpatialRow("avg_pool3d", AvgPool, 3),
    SpatialRow("lp_pool1d", PowerPool, 1, "LPPool1d"),
    SpatialRow("lp_pool2d", PowerPool, 2, "LPPool2d"),
    SpatialRow("lp_pool3d", PowerPool, 3, "LPPool3d"),
    SpatialRow("max_unpool1d", MaxUnpool, 1),
    SpatialRow("max_unpool2d", MaxUnpool, 2),
    SpatialRow("max_unpool3d", MaxUnpool, 3),
    SpatialRow("adaptive_avg_pool1d", AdaptiveAvgPool, 1),
    SpatialRow("adaptive_avg_pool2d", AdaptiveAvgPool, 2),
    SpatialRow("adaptive_avg_pool3d", AdaptiveAvgPool, 3),
    SpatialRow("adaptive_max_pool1d", AdaptiveMaxPool, 1),
    SpatialRow("adaptive_max_pool2d", AdaptiveMaxPool, 2),
    SpatialRow("adaptive_max_pool3d", AdaptiveMaxPool, 3),
)


def __getattr__(name: str) -> Any:
    return TABLE.attribute(name)

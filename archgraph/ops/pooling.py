"""Pooling over windows of an image."""

from __future__ import annotations

from typing import ClassVar

from archgraph.dims import Cause, Dim, Facts
from archgraph.errors import ShapeError
from archgraph.ops.attributes import NaturalPair, OptionalPair, Pair, PartialPair
from archgraph.ops.contract import Example, Inputs, Operation, TensorType, operation
from archgraph.ops.convolution import window_size
from archgraph.ops.requirements import require_rank

_IMAGE = TensorType((2, 3, 9, 8))


def ceil_window_size(size: Dim, kernel: int, stride: int, padding: int, dilation: int, facts: Facts) -> Dim:
    """The number of windows where the last may stick out, but must start within the input or its left padding.

    With reach r = dilation·(kernel - 1) + 1 it is the smaller of ceil((size + 2·padding - r) / stride) + 1 and
    (size + padding - 1) // stride + 1. Both are (size + padding + c) // stride + 1, so the smaller c decides.
    """
    reach = dilation * (kernel - 1) + 1
    start = size + padding + min(padding - reach + stride - 1, -1)
    facts.require_at_least(start, 0, Cause(f"a window of {reach} must start within {size}"))
    return start // stride + 1


class WindowPool(Operation):
    """Base of the pools over windows: [N, C, H, W] → [N, C, H', W']."""

    kernel_size: Pair
    stride: OptionalPair = None
    """Default: kernel_size."""
    padding: NaturalPair = (0, 0)

    @property
    def strides(self) -> tuple[int, int]:
        """The stride in force."""
        return self.stride or self.kernel_size

    def _window(self, kind: TensorType, dilation: tuple[int, int], ceil_mode: bool, facts: Facts) -> TensorType:
        require_rank(kind, 4)
        measure = ceil_window_size if ceil_mode else window_size
        sizes = []
        for axis in range(2):
            half = self.kernel_size[axis] // 2
            if self.padding[axis] > half:
                raise ShapeError(
                    "the padding of a pool is at most half its kernel_size",
                    subject="padding",
                    expected=f"at most {half}",
                    received=str(self.padding[axis]),
                )
            window = self.kernel_size[axis], self.strides[axis], self.padding[axis], dilation[axis]
            sizes.append(measure(kind.shape[2 + axis], *window, facts))
        return TensorType((*kind.shape[:2], *sizes), kind.dtype)


@operation("max_pool2d")
class MaxPool2d(WindowPool):
    meaning: ClassVar[str] = (
        "Largest value of each window: [N, C, H, W] → [N, C, H', W'], "
        "H' = (H + 2·padding - dilation·(kernel_size - 1) - 1) // stride + 1, rounded up with ceil_mode"
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"kernel_size": 3, "stride": 2, "padding": 1}, {"input": _IMAGE}),
        Example({"kernel_size": (2, 3), "ceil_mode": True}, {"input": _IMAGE}),
        Example({"kernel_size": 2, "stride": 1, "dilation": 2}, {"input": _IMAGE}),
    )

    dilation: Pair = (1, 1)
    ceil_mode: bool = False

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        made = self._window(inputs["input"], self.dilation, self.ceil_mode, facts)
        for axis in range(2):
            self._require_place(inputs["input"].shape[2 + axis], axis, facts)
        return (made,)

    def _require_place(self, size: Dim, axis: int, facts: Facts) -> None:
        """The first window must hold a place of the input: a dilated one may step over all of it, and be -inf.

        Its first place that is no padding is -padding mod dilation. All later windows hold one if it does.
        """
        first = -self.padding[axis] % self.dilation[axis]
        cause = Cause(f"a window must hold at least one place of {size}", subject="dilation")
        facts.require_at_least(size, first + 1, cause)


@operation("avg_pool2d")
class AvgPool2d(WindowPool):
    meaning: ClassVar[str] = (
        "Mean of each window: [N, C, H, W] → [N, C, H', W'], "
        "H' = (H + 2·padding - kernel_size) // stride + 1, rounded up with ceil_mode"
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"kernel_size": 2}, {"input": _IMAGE}),
        Example({"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False}, {"input": _IMAGE}),
        Example({"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}, {"input": _IMAGE}),
    )

    ceil_mode: bool = False
    count_include_pad: bool = True

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        return (self._window(inputs["input"], (1, 1), self.ceil_mode, facts),)


@operation("adaptive_avg_pool2d")
class AdaptiveAvgPool2d(Operation):
    meaning: ClassVar[str] = (
        "Mean of each of output_size areas that cover the image: [N, C, H, W] → [N, C, *output_size]; null keeps a size"
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"output_size": 1}, {"input": _IMAGE}),
        Example({"output_size": (3, None)}, {"input": _IMAGE}),
        Example({"output_size": (3, 4)}, {"input": _IMAGE}),
    )

    output_size: PartialPair

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        require_rank(kind, 4)
        sizes = (self._size(kind.shape[2 + axis], self.output_size[axis], facts) for axis in range(2))
        return (TensorType((*kind.shape[:2], *sizes), kind.dtype),)

    def _size(self, size: Dim, wanted: int | None, facts: Facts) -> Dim:
        if wanted is None:
            return size
        if not isinstance(size, int) and wanted != 1:
            # Areas of unequal size depend on the size itself; equal ones are an ordinary pool.
            cause = Cause(f"{wanted} equal areas must cover {size}", subject="output_size")
            facts.require_multiple(size, wanted, cause)
        return wanted

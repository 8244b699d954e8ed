"""Convolutions."""

from __future__ import annotations

from typing import ClassVar, Literal

from archgraph.dims import Cause, Dim, Facts, product
from archgraph.errors import ShapeError
from archgraph.ops.attributes import NaturalPair, NaturalSingle, Pair, Positive, Single
from archgraph.ops.contract import Example, Init, Inputs, Operation, TensorType, Weight, operation
from archgraph.ops.requirements import channels_of, require_rank

PaddingMode = Literal["zeros", "reflect", "replicate", "circular"]


def window_size(size: Dim, kernel: int, stride: int, padding: int, dilation: int, facts: Facts) -> Dim:
    """The places a window takes along one dimension: (size + 2·padding - dilation·(kernel - 1) - 1) // stride + 1.

    Requires that the padded input holds at least one window.
    """
    reach, padded = dilation * (kernel - 1) + 1, size + 2 * padding
    written = f"{size} + {2 * padding} of padding" if padding else str(size)
    facts.require_at_least(padded, reach, Cause(f"a window of {reach} must fit into {written}"))
    return (padded - reach) // stride + 1


def require_groups(channels: int, groups: int, what: str) -> None:
    """Raises ShapeError unless the groups divide the channels."""
    if channels % groups:
        raise ShapeError(
            f"groups must divide the {what}",
            expected=f"a multiple of {groups}",
            received=f"{channels} {what}",
            subject="groups",
        )


def require_padding_fits(size: Dim, padding: int, mode: str, facts: Facts) -> None:
    """Padding that repeats the input cannot be wider than it: below its size for `reflect`, up to it for `circular`."""
    if padding and mode in ("reflect", "circular"):
        least = padding + (mode == "reflect")
        cause = Cause(f"{mode} padding of {padding} needs a size of at least {least}", subject="padding")
        facts.require_at_least(size, least, cause)


def bias_bound(kernel: tuple[int, ...]) -> float:
    """torch's bound for a uniform bias: fan-in ** -0.5, where fan-in is the product of all but the first size."""
    fan_in = int(product(kernel[1:]))  # type: ignore[arg-type]
    return fan_in**-0.5 if fan_in else 0.0


class Convolution(Operation):
    """Base of the convolutions: a window over each of the dimensions after the first two."""

    out_channels: Positive
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: Positive = 1
    bias: bool = True
    padding_mode: PaddingMode = "zeros"

    @property
    def axes(self) -> int:
        """How many dimensions the window slides along."""
        return len(self.kernel_size)

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        require_rank(kind, 2 + self.axes)
        require_groups(channels_of(kind), self.groups, "input channels")
        require_groups(self.out_channels, self.groups, "output channels")
        sizes = (self._size(kind.shape[2 + axis], axis, facts) for axis in range(self.axes))
        return (TensorType((kind.shape[0], self.out_channels, *sizes), kind.dtype),)

    def _size(self, size: Dim, axis: int, facts: Facts) -> Dim:
        require_padding_fits(size, self.padding[axis], self.padding_mode, facts)
        window = self.kernel_size[axis], self.stride[axis], self.padding[axis], self.dilation[axis]
        return window_size(size, *window, facts)

    def weights(self, inputs: Inputs) -> tuple[Weight, ...]:
        require_rank(inputs["input"], 2 + self.axes)
        shape = (self.out_channels, channels_of(inputs["input"]) // self.groups, *self.kernel_size)
        kernel = Weight("weight", shape, Init("kaiming_uniform"))
        if not self.bias:
            return (kernel,)
        return kernel, Weight("bias", (self.out_channels,), Init("uniform", bias_bound(shape)))

    def macs(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        per_place = channels_of(inputs["input"]) // self.groups * product(self.kernel_size)
        return product(outputs[0].shape) * per_place


@operation("conv2d")
class Conv2d(Convolution):
    meaning: ClassVar[str] = (
        "2-D convolution: [N, C, H, W] → [N, out_channels, H', W'], "
        "H' = (H + 2·padding - dilation·(kernel_size - 1) - 1) // stride + 1"
    )
    paper: ClassVar[str] = "LeCun et al. 1989, Backpropagation Applied to Handwritten Zip Code Recognition"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"out_channels": 6, "kernel_size": 3, "padding": 1}, {"input": TensorType((2, 4, 9, 8))}),
        Example(
            {"out_channels": 6, "kernel_size": (3, 2), "stride": 2, "dilation": (1, 2), "groups": 2, "bias": False},
            {"input": TensorType((1, 4, 9, 11))},
        ),
        Example(
            {"out_channels": 3, "kernel_size": 3, "padding": 1, "padding_mode": "reflect"},
            {"input": TensorType((1, 4, 5, 6))},
        ),
    )

    kernel_size: Pair
    stride: Pair = (1, 1)
    padding: NaturalPair = (0, 0)
    dilation: Pair = (1, 1)


@operation("conv1d")
class Conv1d(Convolution):
    meaning: ClassVar[str] = (
        "1-D convolution: [N, C, L] → [N, out_channels, L'], "
        "L' = (L + 2·padding - dilation·(kernel_size - 1) - 1) // stride + 1"
    )
    paper: ClassVar[str] = "Waibel et al. 1989, Phoneme Recognition Using Time-Delay Neural Networks"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"out_channels": 6, "kernel_size": 3, "padding": 1}, {"input": TensorType((2, 4, 9))}),
        Example(
            {"out_channels": 4, "kernel_size": 3, "stride": 2, "dilation": 2, "groups": 2, "bias": False},
            {"input": TensorType((1, 4, 11))},
        ),
    )

    kernel_size: Single
    stride: Single = (1,)
    padding: NaturalSingle = (0,)
    dilation: Single = (1,)


@operation("conv_transpose2d")
class ConvTranspose2d(Operation):
    meaning: ClassVar[str] = (
        "Transposed 2-D convolution: [N, C, H, W] → [N, out_channels, H', W'], "
        "H' = (H - 1)·stride - 2·padding + dilation·(kernel_size - 1) + output_padding + 1"
    )
    paper: ClassVar[str] = "Zeiler et al. 2010, Deconvolutional Networks"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"out_channels": 3, "kernel_size": 4, "stride": 2, "padding": 1}, {"input": TensorType((2, 4, 5, 6))}),
        Example(
            {
                "out_channels": 6,
                "kernel_size": (3, 2),
                "stride": (2, 3),
                "padding": (1, 0),
                "output_padding": (1, 2),
                "groups": 2,
                "bias": False,
                "dilation": (1, 2),
            },
            {"input": TensorType((1, 4, 5, 4))},
        ),
    )

    out_channels: Positive
    kernel_size: Pair
    stride: Pair = (1, 1)
    padding: NaturalPair = (0, 0)
    output_padding: NaturalPair = (0, 0)
    groups: Positive = 1
    bias: bool = True
    dilation: Pair = (1, 1)

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        require_rank(kind, 4)
        require_groups(channels_of(kind), self.groups, "input channels")
        require_groups(self.out_channels, self.groups, "output channels")
        sizes = (self._size(kind.shape[2 + axis], axis, facts) for axis in range(2))
        return (TensorType((kind.shape[0], self.out_channels, *sizes), kind.dtype),)

    def _size(self, size: Dim, axis: int, facts: Facts) -> Dim:
        stride, extra, dilation = self.stride[axis], self.output_padding[axis], self.dilation[axis]
        if extra >= max(stride, dilation):
            raise ShapeError(
                "output_padding must be smaller than the stride or the dilation",
                subject="output_padding",
                expected=f"less than {max(stride, dilation)}",
                received=str(extra),
            )
        result = (size - 1) * stride - 2 * self.padding[axis] + dilation * (self.kernel_size[axis] - 1) + extra + 1
        facts.require_at_least(result, 1, Cause(f"the transposed convolution of {size} must not be empty"))
        return result

    def weights(self, inputs: Inputs) -> tuple[Weight, ...]:
        require_rank(inputs["input"], 4)
        shape = (channels_of(inputs["input"]), self.out_channels // self.groups, *self.kernel_size)
        kernel = Weight("weight", shape, Init("kaiming_uniform"))
        bias = Weight("bias", (self.out_channels,), Init("uniform", bias_bound(shape)))
        return (kernel, bias) if self.bias else (kernel,)

    def macs(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return product(inputs["input"].shape) * (self.out_channels // self.groups) * product(self.kernel_size)

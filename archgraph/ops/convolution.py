"""Convolutions."""

from __future__ import annotations

from typing import ClassVar, Literal

from archgraph.dims import Cause, Dim, Facts, product
from archgraph.errors import ShapeError
from archgraph.ops.contract import (
    Example,
    Init,
    Inputs,
    NaturalPair,
    Operation,
    Pair,
    Positive,
    TensorType,
    Weight,
    channels_of,
    operation,
    require_rank,
)


def window_size(size: Dim, kernel: int, stride: int, padding: int, dilation: int, facts: Facts) -> Dim:
    """The number of places a window takes along one dimension: (size + 2·padding - dilation·(kernel-1) - 1) // stride + 1.

    Requires that the padded input holds at least one window.
    """
    span = size + 2 * padding - dilation * (kernel - 1) - 1
    facts.require_at_least(span, 0, Cause(f"a window of {dilation * (kernel - 1) + 1} must fit into {size} + {2 * padding}"))
    return span // stride + 1


def require_groups(channels: int, groups: int, what: str) -> None:
    """Raises ShapeError unless the groups divide the channels."""
    if channels % groups:
        raise ShapeError(
            f"groups must divide the {what}", expected=f"a multiple of {groups}", received=f"{channels} {what}"
        )


@operation("conv2d")
class Conv2d(Operation):
    meaning: ClassVar[str] = "2-D convolution: [N, C, H, W] → [N, out_channels, H', W']"
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

    out_channels: Positive
    kernel_size: Pair
    stride: Pair = (1, 1)
    padding: NaturalPair = (0, 0)
    dilation: Pair = (1, 1)
    groups: Positive = 1
    bias: bool = True
    padding_mode: Literal["zeros", "reflect", "replicate", "circular"] = "zeros"

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        require_rank(kind, 4)
        require_groups(channels_of(kind), self.groups, "input channels")
        require_groups(self.out_channels, self.groups, "output channels")
        sizes = (
            window_size(kind.shape[2 + i], self.kernel_size[i], self.stride[i], self.padding[i], self.dilation[i], facts)
            for i in range(2)
        )
        return (TensorType((kind.shape[0], self.out_channels, *sizes), kind.dtype),)

    def weights(self, inputs: Inputs) -> tuple[Weight, ...]:
        require_rank(inputs["input"], 4)
        shape = (self.out_channels, channels_of(inputs["input"]) // self.groups, *self.kernel_size)
        bound = (shape[1] * shape[2] * shape[3]) ** -0.5 if shape[1] else 0.0
        kernel = Weight("weight", shape, Init("kaiming_uniform"))
        return (kernel, Weight("bias", (self.out_channels,), Init("uniform", bound))) if self.bias else (kernel,)

    def macs(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        per_place = channels_of(inputs["input"]) // self.groups * self.kernel_size[0] * self.kernel_size[1]
        return product(outputs[0].shape) * per_place

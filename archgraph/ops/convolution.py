"""Convolutions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import model_validator

from archgraph.dims import Cause, Dim, Facts, product
from archgraph.errors import ShapeError
from archgraph.ops.attributes import Positive
from archgraph.ops.contract import Example, Init, Inputs, TensorType, Weight
from archgraph.ops.parametrization import ParametrizedOperation
from archgraph.ops.requirements import channels_of
from archgraph.ops.spatial import Each, NaturalEach, PerAxis, SpatialOperation, SpatialRow, spatial
from archgraph.ops.traits import Traits

PaddingMode = Literal["zeros", "reflect", "replicate", "circular"]


def window_size(size: Dim, kernel: int, stride: int, padding: int, dilation: int, facts: Facts) -> Dim:
    """The places a window takes along one dimension: (size + padding - dilation·(kernel - 1) - 1) // stride + 1, where
    padding is that of both sides together.

    Requires that the padded input holds at least one window.
    """
    reach, padded = dilation * (kernel - 1) + 1, size + padding
    written = f"{size} + {padding} of padding" if padding else str(size)
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


def require_padding_fits(size: Dim, padding: Dim, mode: str, facts: Facts) -> None:
    """Padding that repeats the input cannot be wider than it: below its size for `reflect`, up to it for `circular`."""
    if padding != 0 and mode in ("reflect", "circular"):
        least = padding + (mode == "reflect")
        cause = Cause(f"{mode} padding of {padding} needs a size of at least {least}", subject="padding")
        if isinstance(least, int):
            facts.require_at_least(size, least, cause)
        else:
            facts.require_at_least(size - least, 0, cause)


def bias_bound(kernel: tuple[int, ...]) -> float:
    """torch's bound for a uniform bias: fan-in ** -0.5, where fan-in is the product of all but the first size."""
    fan_in = int(product(kernel[1:]))  # type: ignore[arg-type]
    return fan_in**-0.5 if fan_in else 0.0


class AnyConvolution(ParametrizedOperation, SpatialOperation):
    """Base of convolutions and transposed ones: kernels over groups of channels."""

    traits: ClassVar[Traits] = Traits(makes_new=True, infinities="none")
    out_channels: Positive
    kernel_size: Each
    if TYPE_CHECKING:  # each class has them in torch's order
        groups: int
        bias: bool

    def channels(self, inputs: Inputs) -> int:
        """The channels that come in. Raises ShapeError unless the groups divide them, and those that go out."""
        self.require_space(inputs["input"])
        channels = channels_of(inputs["input"])
        require_groups(channels, self.groups, "input channels")
        require_groups(self.out_channels, self.groups, "output channels")
        return channels

    def result(self, kind: TensorType, sizes: Iterable[Dim]) -> tuple[TensorType, ...]:
        """What goes out, of these sizes."""
        return (TensorType((kind.shape[0], self.out_channels, *sizes), kind.dtype),)

    def kernel_and_bias(self, *channels: int) -> tuple[Weight, ...]:
        """The weights, of a kernel whose first two sizes are these."""
        shape = (*channels, *self.kernel_size)
        kernel = Weight("weight", shape, Init("kaiming_uniform"))
        bias = Weight("bias", (self.out_channels,), Init("uniform", bias_bound(shape)))
        return (kernel, bias) if self.bias else (kernel,)


class Convolution(AnyConvolution):
    """Base of the convolutions: a window over each of the dimensions after the first two."""

    meaning: ClassVar[str] = (
        "{axes}-D convolution: {image} → [N, out_channels, {result}], "
        "{first}' = ({first} + 2·padding - dilation·(kernel_size - 1) - 1) // stride + 1; "
        "padding: same keeps the size, valid is none"
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"out_channels": 6, "kernel_size": 3, "padding": 1}, {"input": TensorType((2, 4, 3, 9, 8))}),
        Example(
            {"out_channels": 6, "kernel_size": (2, 3, 2), "stride": 2, "dilation": (1, 1, 2), "groups": 2}
            | {"bias": False},
            {"input": TensorType((1, 4, 5, 9, 11))},
        ),
        Example(
            {"out_channels": 3, "kernel_size": 3, "padding": 1, "padding_mode": "reflect"},
            {"input": TensorType((1, 4, 3, 5, 6))},
        ),
        Example(
            {"out_channels": 2, "kernel_size": (3, 2, 4), "padding": "same", "padding_mode": "circular"},
            {"input": TensorType((1, 2, 3, 5, 6))},
        ),
        Example(
            {"out_channels": 6, "kernel_size": 3, "groups": 2, "weight_norm": True},
            {"input": TensorType((1, 4, 3, 5, 6))},
        ),
        Example({"out_channels": 3, "kernel_size": 2, "spectral_norm": True}, {"input": TensorType((1, 4, 3, 5, 6))}),
    )

    stride: Each = 1  # type: ignore[assignment]
    padding: Annotated[tuple[int, ...] | str, PerAxis(0, words=("same", "valid"))] = 0  # type: ignore[assignment]
    dilation: Each = 1  # type: ignore[assignment]
    groups: Positive = 1
    bias: bool = True
    padding_mode: PaddingMode = "zeros"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.padding == "same" and any(step != 1 for step in self.stride):
            raise ValueError("padding: same needs a stride of 1")
        return self

    @property
    def sides(self) -> tuple[tuple[int, int], ...]:
        """The padding before and after each dimension; of an odd number that keeps the size, the larger part after."""
        if isinstance(self.padding, str):
            added = ([self.dilation[i] * (self.kernel_size[i] - 1) for i in range(self.axes)], [0] * self.axes)
            return tuple((total // 2, total - total // 2) for total in added[self.padding == "valid"])
        return tuple((pad, pad) for pad in self.padding)

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        self.channels(inputs)
        kind = inputs["input"]
        return self.result(kind, (self._size(kind.shape[2 + axis], axis, facts) for axis in range(self.axes)))

    def _size(self, size: Dim, axis: int, facts: Facts) -> Dim:
        before, after = self.sides[axis]
        require_padding_fits(size, max(before, after), self.padding_mode, facts)
        window = self.kernel_size[axis], self.stride[axis], before + after, self.dilation[axis]
        return window_size(size, *window, facts)

    def plain_weights(self, inputs: Inputs) -> tuple[Weight, ...]:
        return self.kernel_and_bias(self.out_channels, self.channels(inputs) // self.groups)

    def macs(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        per_place = channels_of(inputs["input"]) // self.groups * product(self.kernel_size)
        return product(outputs[0].shape) * per_place


class TransposedConvolution(AnyConvolution):
    """Base of the transposed convolutions: the gradient of a convolution with respect to its input."""

    meaning: ClassVar[str] = (
        "Transposed {axes}-D convolution: {image} → [N, out_channels, {result}], "
        "{first}' = ({first} - 1)·stride - 2·padding + dilation·(kernel_size - 1) + output_padding + 1"
    )
    paper: ClassVar[str] = "Zeiler et al. 2010, Deconvolutional Networks"
    rows: ClassVar[int] = 1
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"out_channels": 3, "kernel_size": 4, "stride": 2, "padding": 1}, {"input": TensorType((2, 4, 3, 5, 6))}
        ),
        Example(
            {
                "out_channels": 6,
                "kernel_size": (2, 3, 2),
                "stride": (1, 2, 3),
                "padding": (0, 1, 0),
                "output_padding": (0, 1, 2),
                "groups": 2,
                "bias": False,
                "dilation": (2, 1, 2),
            },
            {"input": TensorType((1, 4, 3, 5, 4))},
        ),
        Example({"out_channels": 3, "kernel_size": 2, "weight_norm": True}, {"input": TensorType((1, 4, 3, 5, 6))}),
        Example({"out_channels": 6, "kernel_size": 2, "spectral_norm": True}, {"input": TensorType((1, 4, 3, 5, 6))}),
    )

    stride: Each = 1  # type: ignore[assignment]
    padding: NaturalEach = 0  # type: ignore[assignment]
    output_padding: NaturalEach = 0  # type: ignore[assignment]
    groups: Positive = 1
    bias: bool = True
    dilation: Each = 1  # type: ignore[assignment]

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        self.channels(inputs)
        kind = inputs["input"]
        return self.result(kind, (self._size(kind.shape[2 + axis], axis, facts) for axis in range(self.axes)))

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

    def plain_weights(self, inputs: Inputs) -> tuple[Weight, ...]:
        return self.kernel_and_bias(self.channels(inputs), self.out_channels // self.groups)

    def macs(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return product(inputs["input"].shape) * (self.out_channels // self.groups) * product(self.kernel_size)


_LINE = "Waibel et al. 1989, Phoneme Recognition Using Time-Delay Neural Networks"
_IMAGE = "LeCun et al. 1989, Backpropagation Applied to Handwritten Zip Code Recognition"
_VOLUME = "Ji et al. 2013, 3D Convolutional Neural Networks for Human Action Recognition"

TABLE = spatial(
    SpatialRow("conv1d", Convolution, 1, paper=_LINE),
    SpatialRow("conv2d", Convolution, 2, paper=_IMAGE),
    SpatialRow("conv3d", Convolution, 3, paper=_VOLUME),
    SpatialRow("conv_transpose1d", TransposedConvolution, 1),
    SpatialRow("conv_transpose2d", TransposedConvolution, 2),
    SpatialRow("conv_transpose3d", TransposedConvolution, 3),
)


def __getattr__(name: str) -> Any:
    return TABLE.attribute(name)

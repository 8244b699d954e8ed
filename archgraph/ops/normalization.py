"""Normalisation layers."""

from __future__ import annotations

from typing import ClassVar

from archgraph.dims import Dim, Facts, product
from archgraph.errors import ShapeError
from archgraph.ops.attributes import Epsilon, OptionalEpsilon, OptionalInts, Positive
from archgraph.ops.contract import Example, Init, Inputs, Operation, TensorType, Weight, operation
from archgraph.ops.requirements import channels_of, require_rank
from archgraph.ops.traits import Traits

_IMAGE = TensorType((2, 6, 4, 5))
_TOKENS = TensorType((2, 5, 8))


def scale_and_shift(*shape: int) -> tuple[Weight, Weight]:
    """The affine weights of a norm over a shape: ones and zeros."""
    return Weight("weight", shape, Init("ones")), Weight("bias", shape, Init("zeros"))


def require_several(op: Operation, inputs: Inputs) -> None:
    """Raises ShapeError where a variance would be taken over a single known value, which torch refuses."""
    if op.normalized_values(inputs) == 1:
        raise ShapeError(
            f"{op.name} needs more than one value to normalise over",
            expected="at least 2 values",
            received=str(inputs["input"]),
        )


@operation("batch_norm2d", Traits(normalizes=True, keeps_float32=True))
class BatchNorm2d(Operation):
    meaning: ClassVar[str] = "Normalises each channel over batch and space: [N, C, H, W] → [N, C, H, W]"
    paper: ClassVar[str] = "Ioffe and Szegedy 2015, Batch Normalization"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, {"input": _IMAGE}),
        Example({"eps": 1e-3, "momentum": 0.01, "affine": False}, {"input": _IMAGE}),
        Example({"track_running_stats": False}, {"input": _IMAGE}),
    )

    eps: Epsilon = 1e-5
    momentum: float | None = 0.1
    affine: bool = True
    track_running_stats: bool = True

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        require_rank(inputs["input"], 4)
        channels_of(inputs["input"])
        return (inputs["input"],)

    def weights(self, inputs: Inputs) -> tuple[Weight, ...]:
        require_rank(inputs["input"], 4)
        channels = channels_of(inputs["input"])
        owned = scale_and_shift(channels) if self.affine else ()
        return (*owned, *_running_statistics(channels)) if self.track_running_stats else owned

    def mixes_batch(self, inputs: Inputs) -> bool:
        return not self.track_running_stats

    def normalized_values(self, inputs: Inputs) -> Dim | None:
        """Running statistics are there already, however few values a batch has."""
        batch, _, *space = inputs["input"].shape
        return None if self.track_running_stats else product((batch, *space))


def _running_statistics(channels: int) -> tuple[Weight, ...]:
    return (
        Weight("running_mean", (channels,), Init("zeros"), trainable=False),
        Weight("running_var", (channels,), Init("ones"), trainable=False),
        Weight("num_batches_tracked", (), Init("zeros"), trainable=False, dtype="int64"),
    )


@operation("group_norm", Traits(normalizes=True, keeps_float32=True))
class GroupNorm(Operation):
    meaning: ClassVar[str] = "Normalises each group of channels of each sample: [N, C, ...] → [N, C, ...]"
    paper: ClassVar[str] = "Wu and He 2018, Group Normalization"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"num_groups": 2}, {"input": _IMAGE}),
        Example({"num_groups": 1, "eps": 1e-3, "affine": False}, {"input": _IMAGE}),
        Example({"num_groups": 3}, {"input": TensorType((2, 6))}),
    )

    num_groups: Positive
    eps: Epsilon = 1e-5
    affine: bool = True

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        channels = self._channels(kind)
        if channels % self.num_groups:
            raise ShapeError(
                "num_groups must divide the channels",
                subject="num_groups",
                expected=f"a multiple of {self.num_groups} channels",
                received=f"{channels} channels in {kind}",
            )
        require_several(self, inputs)
        return (kind,)

    def normalized_values(self, inputs: Inputs) -> Dim:
        batch, _, *space = inputs["input"].shape
        return product((batch, self._channels(inputs["input"]) // self.num_groups, *space))

    def _channels(self, kind: TensorType) -> int:
        if kind.rank < 2:
            raise ShapeError("group_norm needs at least 2 dimensions", expected="[N, C, ...]", received=str(kind))
        return channels_of(kind)

    def weights(self, inputs: Inputs) -> tuple[Weight, ...]:
        channels = self._channels(inputs["input"])
        return scale_and_shift(channels) if self.affine else ()


class LastDimensions(Operation):
    """Base of the norms over the last dimensions: all of `normalized_shape`, by default the last one."""

    normalized_shape: OptionalInts = None

    def over(self, kind: TensorType) -> tuple[int, ...]:
        """The sizes normalised over. Raises ShapeError where the value does not end with `normalized_shape`."""
        if not kind.rank:
            raise ShapeError(f"{self.name} needs at least one dimension", expected="[..., C]", received=str(kind))
        if self.normalized_shape is None:
            return (channels_of(kind, -1),)
        if not self.normalized_shape or kind.shape[-len(self.normalized_shape) :] != self.normalized_shape:
            raise ShapeError(
                f"the input of {self.name} must end with normalized_shape",
                subject="normalized_shape",
                expected=f"[..., {', '.join(map(str, self.normalized_shape))}]",
                received=str(kind),
            )
        return self.normalized_shape

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        self.over(inputs["input"])
        return (inputs["input"],)

    def mixes_batch(self, inputs: Inputs) -> bool:
        return len(self.over(inputs["input"])) == inputs["input"].rank


@operation("layer_norm", Traits(normalizes=True, keeps_float32=True))
class LayerNorm(LastDimensions):
    meaning: ClassVar[str] = "Normalises the last dimension, or normalized_shape: [..., C] → [..., C]"
    paper: ClassVar[str] = "Ba et al. 2016, Layer Normalization"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, {"input": _TOKENS}),
        Example({"normalized_shape": [5, 8], "eps": 1e-3, "bias": False}, {"input": _TOKENS}),
        Example({"elementwise_affine": False}, {"input": _TOKENS}),
    )

    eps: Epsilon = 1e-5
    elementwise_affine: bool = True
    bias: bool = True

    def weights(self, inputs: Inputs) -> tuple[Weight, ...]:
        shape = self.over(inputs["input"])
        if not self.elementwise_affine:
            return ()
        return scale_and_shift(*shape) if self.bias else scale_and_shift(*shape)[:1]


@operation("rms_norm", Traits(normalizes=True, keeps_float32=True))
class RMSNorm(LastDimensions):
    meaning: ClassVar[str] = (
        "x / √(mean(x²) + eps) · weight over the last dimension, or normalized_shape: [..., C] → [..., C]; "
        "eps is by default the smallest step of the element type at 1"
    )
    paper: ClassVar[str] = "Zhang and Sennrich 2019, Root Mean Square Layer Normalization"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, {"input": _TOKENS}),
        Example({"normalized_shape": [5, 8], "eps": 1e-3, "elementwise_affine": False}, {"input": _TOKENS}),
    )

    eps: OptionalEpsilon = None
    elementwise_affine: bool = True

    def weights(self, inputs: Inputs) -> tuple[Weight, ...]:
        shape = self.over(inputs["input"])
        return scale_and_shift(*shape)[:1] if self.elementwise_affine else ()


@operation("instance_norm2d", Traits(normalizes=True, keeps_float32=True))
class InstanceNorm2d(Operation):
    meaning: ClassVar[str] = "Normalises each channel of each sample over space: [N, C, H, W] → [N, C, H, W]"
    paper: ClassVar[str] = "Ulyanov et al. 2016, Instance Normalization"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, {"input": _IMAGE}),
        Example({"eps": 1e-3, "affine": True}, {"input": _IMAGE}),
    )

    eps: Epsilon = 1e-5
    affine: bool = False

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        require_rank(kind, 4)
        channels_of(kind)
        require_several(self, inputs)
        return (kind,)

    def normalized_values(self, inputs: Inputs) -> Dim:
        return product(inputs["input"].shape[2:])

    def weights(self, inputs: Inputs) -> tuple[Weight, ...]:
        require_rank(inputs["input"], 4)
        channels = channels_of(inputs["input"])
        return scale_and_shift(channels) if self.affine else ()

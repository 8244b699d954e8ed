"""Normalisation layers."""

from __future__ import annotations

from typing import Any, ClassVar

from archgraph.dims import Dim, Facts, product
from archgraph.errors import ShapeError
from archgraph.ops.attributes import Epsilon, OptionalEpsilon, OptionalInts, Positive
from archgraph.ops.contract import Example, Init, Inputs, Operation, TensorType, Weight, operation
from archgraph.ops.requirements import channels_of
from archgraph.ops.spatial import SpatialOperation, SpatialRow, spatial
from archgraph.ops.traits import Traits

_IMAGE = TensorType((2, 6, 4, 5))
_VOLUME = {"input": TensorType((2, 6, 3, 4, 5))}
_VECTORS, _WITH_SPACE = 2, 3
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


class BatchNorm(SpatialOperation):
    """Base of the norms over a batch."""

    meaning: ClassVar[str] = "Normalises each channel over batch and space: {image} → {image}"
    paper: ClassVar[str] = "Ioffe and Szegedy 2015, Batch Normalization"
    traits: ClassVar[Traits] = Traits(normalizes=True, keeps_float32=True, makes_new=True, infinities="none")
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, _VOLUME),
        Example({"eps": 1e-3, "momentum": 0.01, "affine": False}, _VOLUME),
        Example({"track_running_stats": False}, _VOLUME),
    )

    eps: Epsilon = 1e-5
    momentum: float | None = 0.1
    affine: bool = True
    track_running_stats: bool = True

    def require_space(self, kind: TensorType, port: str = "input") -> None:
        """Raises ShapeError unless there are as many dimensions; in one dimension a batch of vectors will do too."""
        if not (self.axes == 1 and kind.rank == _VECTORS):
            super().require_space(kind, port)

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        self.require_space(inputs["input"])
        channels_of(inputs["input"])
        require_several(self, inputs)
        return (inputs["input"],)

    def weights(self, inputs: Inputs) -> tuple[Weight, ...]:
        self.require_space(inputs["input"])
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


@operation("group_norm", Traits(normalizes=True, keeps_float32=True, makes_new=True, infinities="none"))
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


@operation("layer_norm", Traits(normalizes=True, keeps_float32=True, makes_new=True, infinities="none"))
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


@operation("rms_norm", Traits(normalizes=True, keeps_float32=True, makes_new=True, infinities="none"))
class RMSNorm(LastDimensions):
    meaning: ClassVar[str] = (
        "x / √(mean(x²) + eps) · weight over the last dimension, or normalized_shape: [..., C] → [..., C]; "
        "eps is by default the smallest step at 1 of float32, or of float64 for values of that type"
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


class InstanceNorm(SpatialOperation):
    """Base of the norms over the space of each sample."""

    meaning: ClassVar[str] = "Normalises each channel of each sample over space: {image} → {image}"
    paper: ClassVar[str] = "Ulyanov et al. 2016, Instance Normalization"
    traits: ClassVar[Traits] = Traits(normalizes=True, keeps_float32=True, infinities="none")
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, _VOLUME),
        Example({"eps": 1e-3, "affine": True}, _VOLUME),
    )

    eps: Epsilon = 1e-5
    affine: bool = False

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        self.require_space(kind)
        channels_of(kind)
        require_several(self, inputs)
        return (kind,)

    def normalized_values(self, inputs: Inputs) -> Dim:
        return product(inputs["input"].shape[2:])

    def weights(self, inputs: Inputs) -> tuple[Weight, ...]:
        self.require_space(inputs["input"])
        channels = channels_of(inputs["input"])
        return scale_and_shift(channels) if self.affine else ()


@operation("local_response_norm", Traits(keeps_scale=True))
class LocalResponseNorm(Operation):
    meaning: ClassVar[str] = (
        "x / (k + alpha / size · Σ x²)^beta, summed over the size channels around each: [N, C, ...] → [N, C, ...]"
    )
    paper: ClassVar[str] = "Krizhevsky et al. 2012, ImageNet Classification with Deep Convolutional Neural Networks"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"size": 5}, {"input": _IMAGE}),
        Example({"size": 2, "alpha": 0.5, "beta": 0.5, "k": 2.0}, {"input": _TOKENS}),
    )

    size: Positive
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        if kind.rank < _WITH_SPACE:
            raise ShapeError(
                "local_response_norm needs at least 3 dimensions", expected="[N, C, L, ...]", received=str(kind)
            )
        return (kind,)


TABLE = spatial(
    SpatialRow("batch_norm1d", BatchNorm, 1, examples=(Example({}, {"input": TensorType((4, 6))}),)),
    SpatialRow("batch_norm2d", BatchNorm, 2),
    SpatialRow("batch_norm3d", BatchNorm, 3),
    SpatialRow("instance_norm1d", InstanceNorm, 1),
    SpatialRow("instance_norm2d", InstanceNorm, 2),
    SpatialRow("instance_norm3d", InstanceNorm, 3),
)


def __getattr__(name: str) -> Any:
    return TABLE.attribute(name)

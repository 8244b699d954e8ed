"""What acts in training only, and what does not act at all."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from archgraph.dims import Facts
from archgraph.errors import ShapeError
from archgraph.ops.activation import Elementwise
from archgraph.ops.attributes import Probability
from archgraph.ops.contract import DTYPES, Example, Inputs, Port, TensorType, operation
from archgraph.ops.spatial import SpatialOperation, SpatialRow, spatial
from archgraph.ops.traits import Traits

_INPUT = {"input": TensorType((2, 3, 5))}
_VOLUME = {"input": TensorType((2, 3, 2, 4, 5))}
_WITH_CHANNELS = 2


@operation("dropout", Traits(moves_data=True, may_hand_on=True))
class Dropout(Elementwise):
    meaning: ClassVar[str] = "In training, zeroes elements with probability p and scales the others by 1 / (1 - p)"
    paper: ClassVar[str] = "Srivastava et al. 2014, Dropout"
    examples: ClassVar[tuple[Example, ...]] = (Example({}, _INPUT), Example({"p": 0.1}, _INPUT))

    p: Probability = 0.5


@operation("alpha_dropout", Traits(moves_data=True))
class AlphaDropout(Elementwise):
    meaning: ClassVar[str] = (
        "In training, sets elements to the lowest value of SELU with probability p, and keeps mean and variance"
    )
    paper: ClassVar[str] = "Klambauer et al. 2017, Self-Normalizing Neural Networks"
    examples: ClassVar[tuple[Example, ...]] = (Example({}, _INPUT), Example({"p": 0.1}, _INPUT))

    p: Probability = 0.5


@operation("feature_alpha_dropout", Traits(moves_data=True))
class FeatureAlphaDropout(Elementwise):
    meaning: ClassVar[str] = (
        "In training, sets channels to the lowest value of SELU with probability p, and keeps mean and variance"
    )
    paper: ClassVar[str] = "Klambauer et al. 2017, Self-Normalizing Neural Networks"
    examples: ClassVar[tuple[Example, ...]] = (Example({}, _INPUT), Example({"p": 0.1}, _INPUT))

    p: Probability = 0.5

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        return (with_channels(inputs["input"], self.name),)


def with_channels(kind: TensorType, name: str) -> TensorType:
    """The type itself. Raises ShapeError unless it has channels, which torch zeroes as a whole."""
    if kind.rank < _WITH_CHANNELS:
        raise ShapeError(f"{name} needs channels", expected="[N, C, ...]", received=str(kind))
    return kind


class ChannelDropout(SpatialOperation):
    """Base of the dropouts of whole channels."""

    meaning: ClassVar[str] = (
        "In training, zeroes channels of {image} with probability p and scales the others by 1 / (1 - p)"
    )
    paper: ClassVar[str] = "Tompson et al. 2015, Efficient Object Localization Using Convolutional Networks"
    traits: ClassVar[Traits] = Traits(moves_data=True)
    examples: ClassVar[tuple[Example, ...]] = (Example({}, _VOLUME), Example({"p": 0.1}, _VOLUME))

    p: Probability = 0.5

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        self.require_space(inputs["input"])
        return (inputs["input"],)


@operation("stochastic_depth", Traits(moves_data=True, may_hand_on=True))
class StochasticDepth(Elementwise):
    meaning: ClassVar[str] = (
        "In training, zeroes samples (mode: row) or the batch with probability p, and scales the rest by 1 / (1 - p)"
    )
    paper: ClassVar[str] = "Huang et al. 2016, Deep Networks with Stochastic Depth"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"p": 0.2}, _INPUT),
        Example({"p": 0.2, "mode": "batch"}, _INPUT),
    )

    p: Probability
    mode: Literal["batch", "row"] = "row"


@operation("identity", Traits(moves_data=True))
class Identity(Elementwise):
    meaning: ClassVar[str] = "The input itself: [...] → [...]"
    ports: ClassVar[tuple[Port, ...]] = (Port("input", dtypes=DTYPES),)


@operation("detach", Traits(moves_data=True))
class Detach(Elementwise):
    meaning: ClassVar[str] = "The input itself, through which no gradient flows back: [...] → [...]"
    paper: ClassVar[str] = "Bengio et al. 2013, Estimating or Propagating Gradients Through Stochastic Neurons"
    ports: ClassVar[tuple[Port, ...]] = (Port("input", dtypes=DTYPES),)


TABLE = spatial(
    SpatialRow("dropout1d", ChannelDropout, 1),
    SpatialRow("dropout2d", ChannelDropout, 2),
    SpatialRow("dropout3d", ChannelDropout, 3),
)


def __getattr__(name: str) -> Any:
    return TABLE.attribute(name)

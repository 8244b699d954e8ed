"""What acts in training only, and what does not act at all."""

from __future__ import annotations

from typing import ClassVar, Literal

from archgraph.ops.activation import Elementwise
from archgraph.ops.attributes import Probability
from archgraph.ops.contract import DTYPES, Example, Port, TensorType, operation
from archgraph.ops.traits import Traits

_INPUT = {"input": TensorType((2, 3, 5))}


@operation("dropout", Traits(moves_data=True))
class Dropout(Elementwise):
    meaning: ClassVar[str] = "In training, zeroes elements with probability p and scales the others by 1 / (1 - p)"
    paper: ClassVar[str] = "Srivastava et al. 2014, Dropout"
    examples: ClassVar[tuple[Example, ...]] = (Example({}, _INPUT), Example({"p": 0.1}, _INPUT))

    p: Probability = 0.5


@operation("stochastic_depth", Traits(moves_data=True))
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

"""What acts in training only, and what does not act at all."""

from __future__ import annotations

from typing import ClassVar, Literal

from archgraph.ops.activation import Elementwise
from archgraph.ops.attributes import Probability
from archgraph.ops.contract import DTYPES, Example, Port, TensorType, operation

_INPUT = {"input": TensorType((2, 3, 5))}


@operation("dropout")
class Dropout(Elementwise):
    meaning: ClassVar[str] = "In training, zeroes elements with probability p and scales the others by 1 / (1 - p)"
    paper: ClassVar[str] = "Srivastava et al. 2014, Dropout"
    moves_data: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (Example({}, _INPUT), Example({"p": 0.1}, _INPUT))

    p: Probability = 0.5


@operation("stochastic_depth")
class StochasticDepth(Elementwise):
    meaning: ClassVar[str] = (
        "In training, zeroes samples (mode: row) or the batch with probability p, and scales the rest by 1 / (1 - p)"
    )
    paper: ClassVar[str] = "Huang et al. 2016, Deep Networks with Stochastic Depth"
    moves_data: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"p": 0.2}, _INPUT),
        Example({"p": 0.2, "mode": "batch"}, _INPUT),
    )

    p: Probability
    mode: Literal["batch", "row"] = "row"


@operation("identity")
class Identity(Elementwise):
    meaning: ClassVar[str] = "The input itself: [...] → [...]"
    ports: ClassVar[tuple[Port, ...]] = (Port("input", dtypes=DTYPES),)
    moves_data: ClassVar[bool] = True

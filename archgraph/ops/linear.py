"""Linear layers and matrix products."""

from __future__ import annotations

from typing import ClassVar

from archgraph.dims import Dim, Facts, product
from archgraph.errors import ShapeError
from archgraph.ops.contract import (
    Example,
    Init,
    Inputs,
    Operation,
    Positive,
    TensorType,
    Weight,
    channels_of,
    operation,
)


@operation("linear")
class Linear(Operation):
    meaning: ClassVar[str] = "Affine map of the last dimension: [..., C] → [..., out_features]"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"out_features": 5}, {"input": TensorType((2, 4))}),
        Example({"out_features": 5, "bias": False}, {"input": TensorType((2, 3, 4))}),
    )

    out_features: Positive
    bias: bool = True

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        return (TensorType((*kind.shape[:-1], self.out_features), kind.dtype),)

    def weights(self, inputs: Inputs) -> tuple[Weight, ...]:
        if not inputs["input"].shape:
            raise ShapeError("linear needs at least one dimension", received=str(inputs["input"]))
        features = channels_of(inputs["input"], -1)
        matrix = Weight("weight", (self.out_features, features), Init("kaiming_uniform"))
        if not self.bias:
            return (matrix,)
        return (matrix, Weight("bias", (self.out_features,), Init("uniform", features**-0.5)))

    def macs(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return product(outputs[0].shape) * channels_of(inputs["input"], -1)

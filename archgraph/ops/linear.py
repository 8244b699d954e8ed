"""Linear layers and matrix products."""

from __future__ import annotations

from typing import ClassVar

from archgraph.dims import Cause, Dim, Facts, product
from archgraph.errors import ShapeError
from archgraph.ops.arithmetic import broadcast
from archgraph.ops.attributes import Positive
from archgraph.ops.contract import Example, Init, Inputs, Operation, Port, TensorType, Weight, operation
from archgraph.ops.parametrization import ParametrizedOperation
from archgraph.ops.requirements import channels_of, require_same_dtype
from archgraph.ops.traits import Traits


@operation("linear", Traits(infinities="none"))
class Linear(ParametrizedOperation):
    meaning: ClassVar[str] = "Affine map of the last dimension: [..., C] → [..., out_features]"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"out_features": 5}, {"input": TensorType((2, 4))}),
        Example({"out_features": 5, "bias": False}, {"input": TensorType((2, 3, 4))}),
        Example({"out_features": 5, "weight_norm": {"dim": 1}}, {"input": TensorType((2, 4))}),
        Example({"out_features": 5, "spectral_norm": True}, {"input": TensorType((2, 3, 4))}),
    )

    out_features: Positive
    bias: bool = True

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        self._features(kind)
        return (TensorType((*kind.shape[:-1], self.out_features), kind.dtype),)

    def _features(self, kind: TensorType) -> int:
        if not kind.shape:
            raise ShapeError("linear needs at least one dimension", expected="[..., C]", received=str(kind))
        return channels_of(kind, -1)

    def plain_weights(self, inputs: Inputs) -> tuple[Weight, ...]:
        features = self._features(inputs["input"])
        matrix = Weight("weight", (self.out_features, features), Init("kaiming_uniform"))
        bias = Weight("bias", (self.out_features,), Init("uniform", features**-0.5 if features else 0.0))
        return (matrix, bias) if self.bias else (matrix,)

    def macs(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return product(outputs[0].shape) * channels_of(inputs["input"], -1)


@operation("matmul")
class MatMul(Operation):
    meaning: ClassVar[str] = "Matrix product, leading dimensions broadcast: [..., M, K], [..., K, N] → [..., M, N]"
    ports: ClassVar[tuple[Port, ...]] = (Port("input"), Port("other"))
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, {"input": TensorType((2, 3, 4)), "other": TensorType((4, 5))}),
        Example({}, {"input": TensorType((2, 1, 3, 4)), "other": TensorType((6, 4, 2))}),
    )

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        left, right = inputs["input"], inputs["other"]
        if left.rank < 2 or right.rank < 2:
            raise ShapeError(
                "matmul needs matrices", expected="at least 2 dimensions each", received=f"{left} and {right}"
            )
        require_same_dtype((left, right))
        facts.require_equal(
            left.shape[-1], right.shape[-2], Cause(f"the columns of {left} must match the rows of {right}")
        )
        leading = broadcast([TensorType(left.shape[:-2]), TensorType(right.shape[:-2])], facts)
        return (TensorType((*leading, left.shape[-2], right.shape[-1]), left.dtype),)

    def macs(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return product(outputs[0].shape) * inputs["input"].shape[-1]

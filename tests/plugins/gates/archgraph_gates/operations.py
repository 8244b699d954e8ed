"""What the operations are: attributes, ports, weights, shapes and cost. No framework is imported here."""

from __future__ import annotations

from typing import ClassVar

from archgraph.dims import Dim, Facts, product
from archgraph.errors import ShapeError
from archgraph.ops import Example, Init, Inputs, Operation, Port, TensorType, Traits, Weight, operation

INTEGERS = ("int32", "int64")


@operation("gates.quick_gelu", Traits(keeps_scale=True), family="activation")
class QuickGELU(Operation):
    """An activation with one attribute."""

    meaning: ClassVar[str] = "x · sigmoid(alpha · x): [...] → [...]"
    paper: ClassVar[str] = "Hendrycks and Gimpel 2016, https://arxiv.org/abs/1606.08415"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, {"input": TensorType((2, 3))}),
        Example({"alpha": 1.0}, {"input": TensorType((2, 3, 5))}),
    )

    alpha: float = 1.702

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        return (inputs.main,)


@operation("gates.gated_linear", family="linear")
class GatedLinear(Operation):
    """A layer with weights of its own, and a module of torch's kind that has the same."""

    meaning: ClassVar[str] = "(W x + b) · sigmoid(V x + c): [..., in_features] → [..., out_features]"
    paper: ClassVar[str] = "Dauphin et al. 2017, https://arxiv.org/abs/1612.08083"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"out_features": 4}, {"input": TensorType((2, 3))}),
        Example({"out_features": 2, "bias": False}, {"input": TensorType((2, 5, 3))}),
    )

    out_features: int
    bias: bool = True

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        _features(inputs)
        return (TensorType((*inputs.main.shape[:-1], self.out_features), inputs.main.dtype),)

    def weights(self, inputs: Inputs) -> tuple[Weight, ...]:
        shapes = {"weight": (self.out_features, _features(inputs)), "bias": (self.out_features,)}
        names = [f"{part}.{name}" for part in ("value", "gate") for name in shapes if self.bias or name != "bias"]
        kinds = {"weight": Init("kaiming_uniform"), "bias": Init("zeros")}
        return tuple(Weight(name, shapes[name.partition(".")[2]], kinds[name.partition(".")[2]]) for name in names)

    def macs(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return 2 * product(outputs[0].shape) * _features(inputs)


def _features(inputs: Inputs) -> int:
    """The number of features, which is no symbol: weights have fixed sizes."""
    features = inputs.main.shape[-1]
    if not isinstance(features, int):
        raise ShapeError("gates.gated_linear needs a fixed number of features", received=str(inputs.main))
    return features


@operation("gates.hashed", family="indexing")
class Hashed(Operation):
    """Whole numbers to places in a table, whose range an index rule carries on."""

    meaning: ClassVar[str] = "(factor · x) mod buckets, a place in a table: [...] → [...]"
    paper: ClassVar[str] = "Weinberger et al. 2009, https://arxiv.org/abs/0902.2206"
    ports: ClassVar[tuple[Port, ...]] = (Port("input", dtypes=INTEGERS),)
    examples: ClassVar[tuple[Example, ...]] = (Example({"buckets": 7}, {"input": TensorType((2, 3), "int64")}),)

    buckets: int
    factor: int = 31

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        if self.buckets < 1:
            raise ShapeError("gates.hashed needs a bucket", expected="buckets: 1 or more", received=str(self.buckets))
        return (inputs.main,)

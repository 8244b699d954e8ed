"""Activations: maps of each element that keep the shape."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from archgraph.dims import Facts
from archgraph.ops.attributes import PositiveNumber
from archgraph.ops.contract import DTYPES, Example, Inputs, Operation, Port, TensorType, operation
from archgraph.ops.promotion import floating, whole
from archgraph.ops.requirements import axis_of, require_fits
from archgraph.ops.traits import Traits

_INPUT = {"input": TensorType((2, 3, 5))}


class Elementwise(Operation):
    """Base of the operations that map each element: [...] → [...]."""

    examples: ClassVar[tuple[Example, ...]] = (Example({}, _INPUT),)

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        return (inputs["input"],)

    def kept_dim(self, inputs: Inputs, port: str, dim: int) -> int | None:
        return dim


@operation("relu", Traits(infinities="read"))
class ReLU(Elementwise):
    meaning: ClassVar[str] = "max(x, 0): [...] → [...]"
    paper: ClassVar[str] = "Nair and Hinton 2010, Rectified Linear Units Improve Restricted Boltzmann Machines"


@operation("relu6")
class ReLU6(Elementwise):
    meaning: ClassVar[str] = "min(max(x, 0), 6): [...] → [...]"
    paper: ClassVar[str] = "Howard et al. 2017, MobileNets"


@operation("leaky_relu")
class LeakyReLU(Elementwise):
    meaning: ClassVar[str] = "x where x > 0, else negative_slope · x: [...] → [...]"
    paper: ClassVar[str] = "Maas et al. 2013, Rectifier Nonlinearities Improve Neural Network Acoustic Models"
    examples: ClassVar[tuple[Example, ...]] = (Example({}, _INPUT), Example({"negative_slope": 0.2}, _INPUT))

    negative_slope: float = 0.01


@operation("elu")
class ELU(Elementwise):
    meaning: ClassVar[str] = "x where x > 0, else alpha · (exp(x) - 1): [...] → [...]"
    paper: ClassVar[str] = "Clevert et al. 2015, Fast and Accurate Deep Network Learning by Exponential Linear Units"
    examples: ClassVar[tuple[Example, ...]] = (Example({}, _INPUT), Example({"alpha": 0.5}, _INPUT))

    alpha: float = 1.0


@operation("silu", Traits(infinities="read"))
class SiLU(Elementwise):
    meaning: ClassVar[str] = "x · sigmoid(x), also called swish: [...] → [...]"
    paper: ClassVar[str] = "Elfwing et al. 2017; Ramachandran et al. 2017"


@operation("gelu", Traits(infinities="read"))
class GELU(Elementwise):
    meaning: ClassVar[str] = "x · Φ(x), with the normal distribution Φ or its tanh approximation: [...] → [...]"
    paper: ClassVar[str] = "Hendrycks and Gimpel 2016, Gaussian Error Linear Units"
    examples: ClassVar[tuple[Example, ...]] = (Example({}, _INPUT), Example({"approximate": "tanh"}, _INPUT))

    approximate: Literal["none", "tanh"] = "none"


@operation("sigmoid", Traits(gives_probabilities=True, infinities="none"))
class Sigmoid(Elementwise):
    meaning: ClassVar[str] = "1 / (1 + exp(-x)): [...] → [...]"


@operation("tanh", Traits(infinities="none"))
class Tanh(Elementwise):
    meaning: ClassVar[str] = "Hyperbolic tangent: [...] → [...]"


@operation("hardswish")
class Hardswish(Elementwise):
    meaning: ClassVar[str] = "x · relu6(x + 3) / 6: [...] → [...]"
    paper: ClassVar[str] = "Howard et al. 2019, Searching for MobileNetV3"


@operation("hardsigmoid")
class Hardsigmoid(Elementwise):
    meaning: ClassVar[str] = "relu6(x + 3) / 6: [...] → [...]"
    paper: ClassVar[str] = "Howard et al. 2019, Searching for MobileNetV3"


@operation("softplus", Traits(keeps_float32=True))
class Softplus(Elementwise):
    meaning: ClassVar[str] = "log(1 + exp(beta · x)) / beta, and x where beta · x > threshold: [...] → [...]"
    paper: ClassVar[str] = "Dugas et al. 2001, Incorporating Second-Order Functional Knowledge"
    examples: ClassVar[tuple[Example, ...]] = (Example({}, _INPUT), Example({"beta": 2.0, "threshold": 10.0}, _INPUT))

    beta: PositiveNumber = 1.0
    threshold: float = 20.0


@operation("softmax", Traits(keeps_float32=True, gives_probabilities=True, infinities="none"))
class Softmax(Operation):
    meaning: ClassVar[str] = "exp(x) / Σ exp(x) along dim: [...] → [...]"
    examples: ClassVar[tuple[Example, ...]] = (Example({"dim": -1}, _INPUT), Example({"dim": 1}, _INPUT))

    dim: int

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        axis_of(inputs["input"], self.dim)
        return (inputs["input"],)

    def mixes_batch(self, inputs: Inputs) -> bool:
        return axis_of(inputs["input"], self.dim) == 0


@operation("clamp", Traits(infinities="read"))
class Clamp(Elementwise):
    meaning: ClassVar[str] = "min(max(x, min), max): [...] → [...]"
    ports: ClassVar[tuple[Port, ...]] = (Port("input", dtypes=DTYPES),)
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"min": -0.5, "max": 0.5}, _INPUT),
        Example({"min": 0.1}, _INPUT),
    )

    min: int | float | None = None
    max: int | float | None = None

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        """Whole numbers between bounds with a fraction are floating."""
        kind = inputs["input"]
        bounds = {name: bound for name, bound in (("min", self.min), ("max", self.max)) if bound is not None}
        has_fraction = any(isinstance(bound, float) for bound in bounds.values())
        dtype = floating(kind.dtype) if has_fraction else whole(kind.dtype)
        for name, bound in bounds.items():
            require_fits(bound, dtype, name)
        return (TensorType(kind.shape, dtype),)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("min, max or both must be given")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min must not exceed max: {self.min:g} > {self.max:g}")
        return self

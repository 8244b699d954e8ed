"""Activations beyond the common ones: all others of torch.nn, most of them one row each."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, model_validator

from archgraph.dims import Cause, Facts
from archgraph.errors import ShapeError
from archgraph.ops.activation import Elementwise, Softmax
from archgraph.ops.attributes import Epsilon, Positive, Says
from archgraph.ops.contract import Example, Init, Inputs, Operation, TensorType, Weight, operation
from archgraph.ops.requirements import axis_of, channels_of
from archgraph.ops.tables import FLOATS, OperationTable, Row, rows, tabled
from archgraph.ops.traits import Traits

_EXAMPLE = Example({}, {"input": TensorType((2, 4, 6))})


def _not_zero(value: Any) -> Any:
    if value == 0:
        raise ValueError("must not be 0")
    return value


NotZero = Annotated[float, BeforeValidator(_not_zero), Says("a number other than 0")]


class Activation(Elementwise):
    """Base of the activations of the table."""

    row: ClassVar[Row]


class AlongDim(Softmax):
    """Base of the activations along a dimension."""

    row: ClassVar[Row]


_ELU = "Where(x > 0, x, {0} * (Exp(x / {1}) - 1))"
_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
_SELU = f"{_SELU_SCALE} * {_ELU.format(_SELU_ALPHA, 1)}"

_ROWS = rows(
    Row(
        *("celu", "x where x > 0, else alpha · (exp(x / alpha) - 1)", _ELU.format("alpha", "alpha"), FLOATS),
        torch="F.celu",
        module="nn.CELU",
        paper="Barron 2017, Continuously Differentiable Exponential Linear Units",
        attributes={"alpha": (NotZero, 1.0)},
        examples=({}, {"alpha": 0.5}),
    ),
    Row(
        *("selu", "scale · (x where x > 0, else alpha · (exp(x) - 1)), of the two numbers in the paper", _SELU, FLOATS),
        torch="F.selu",
        module="nn.SELU",
        paper="Klambauer et al. 2017, Self-Normalizing Neural Networks",
    ),
    Row(
        *("hardshrink", "x where |x| > lambd, else 0", "Where(Abs(x) <= lambd, 0, x)", FLOATS),
        torch="F.hardshrink",
        module="nn.Hardshrink",
        attributes={"lambd": (float, 0.5)},
        examples=({}, {"lambd": 1.0}),
    ),
    Row(
        *("softshrink", "x, nearer to 0 by lambd"),
        *("Where(x > lambd, x - lambd, Where(x < -lambd, x + lambd, 0 * x))", FLOATS),
        torch="F.softshrink",
        module="nn.Softshrink",
        attributes={"lambd": (Epsilon, 0.5)},
        examples=({}, {"lambd": 1.0}),
    ),
    Row("tanhshrink", "x - tanh(x)", "x - Tanh(x)", FLOATS, torch="F.tanhshrink", module="nn.Tanhshrink"),
    Row("softsign", "x / (1 + |x|)", "x / (1 + Abs(x))", FLOATS, torch="F.softsign", module="nn.Softsign"),
    Row(
        *("logsigmoid", "Logarithm of the sigmoid", "-Softplus(-x)", FLOATS),
        torch="F.logsigmoid",
        module="nn.LogSigmoid",
    ),
    Row(
        *("mish", "x · tanh(log(1 + exp(x)))", "x * Tanh(Softplus(x))", FLOATS),
        torch="F.mish",
        module="nn.Mish",
        paper="Misra 2019, Mish: A Self Regularized Non-Monotonic Activation Function",
    ),
    Row(
        *("threshold", "x where x > threshold, else value", "Where(x <= threshold, value, x)", FLOATS),
        torch="F.threshold",
        module="nn.Threshold",
        attributes={"threshold": (float, ...), "value": (float, ...)},
        examples=({"threshold": 0.5, "value": -1.0},),
    ),
)
_ALONG = rows(
    Row(
        *("log_softmax", "Logarithm of the softmax along dim", "LogSoftmax(x, axis=dim)", FLOATS),
        torch="F.log_softmax",
        module="nn.LogSoftmax",
        examples=({"dim": -1}, {"dim": 1}),
    ),
    Row(
        *("softmin", "Softmax of -x along dim", "Softmax(-x, axis=dim)", FLOATS),
        torch="F.softmin",
        module="nn.Softmin",
        examples=({"dim": -1}, {"dim": 1}),
    ),
)

_TRAITS = Traits(keeps_float32=True)
TABLE = tabled(OperationTable(Activation, _ROWS, "[...] → [...]", _TRAITS, (_EXAMPLE,)))
ALONG_DIM = tabled(OperationTable(AlongDim, _ALONG, "[...] → [...]", _TRAITS, (_EXAMPLE,)))


def __getattr__(name: str) -> Any:
    return (ALONG_DIM if ALONG_DIM.has(name) else TABLE).attribute(name)


@operation("softmax2d", Traits(keeps_float32=True, gives_probabilities=True))
class Softmax2d(Elementwise):
    meaning: ClassVar[str] = "Softmax over the channels at each place: [..., C, H, W] → [..., C, H, W]"
    examples: ClassVar[tuple[Example, ...]] = (Example({}, {"input": TensorType((2, 3, 4, 5))}),)

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        if kind.rank not in (3, 4):
            raise ShapeError("softmax2d needs an image", expected="3 or 4 dimensions", received=str(kind))
        return (kind,)

    def mixes_batch(self, inputs: Inputs) -> bool:
        return inputs.main.rank == 3

    def kept_dim(self, inputs: Inputs, port: str, dim: int) -> int | None:
        return None if dim == inputs.main.rank - 3 else dim


@operation("hardtanh")
class Hardtanh(Elementwise):
    meaning: ClassVar[str] = "min(max(x, min_val), max_val): [...] → [...]"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, _EXAMPLE.inputs),
        Example({"min_val": -0.5, "max_val": 2.0}, _EXAMPLE.inputs),
    )

    min_val: float = -1.0
    max_val: float = 1.0

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.min_val > self.max_val:
            raise ValueError(f"min_val must not exceed max_val: {self.min_val:g} > {self.max_val:g}")
        return self


@operation("rrelu")
class RReLU(Elementwise):
    meaning: ClassVar[str] = (
        "x where x > 0, else a · x: in training, a is drawn between lower and upper for each element; in evaluation, "
        "it is the number between both: [...] → [...]"
    )
    paper: ClassVar[str] = "Xu et al. 2015, Empirical Evaluation of Rectified Activations in Convolutional Network"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, _EXAMPLE.inputs),
        Example({"lower": 0.1, "upper": 0.3}, _EXAMPLE.inputs),
    )

    lower: float = 1 / 8
    upper: float = 1 / 3

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.lower > self.upper:
            raise ValueError(f"lower must not exceed upper: {self.lower:g} > {self.upper:g}")
        return self


@operation("prelu")
class PReLU(Elementwise):
    meaning: ClassVar[str] = "x where x > 0, else a · x, with one a for all or one for each channel: [N, C, ...] → same"
    paper: ClassVar[str] = "He et al. 2015, Delving Deep into Rectifiers"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, _EXAMPLE.inputs),
        Example({"num_parameters": 4, "init": 0.1}, _EXAMPLE.inputs),
    )

    num_parameters: Positive = 1
    init: float = 0.25

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        if self.num_parameters > 1:
            channels = channels_of(kind) if kind.rank > 1 else 1
            if channels != self.num_parameters:
                raise ShapeError(
                    "prelu needs one number for all channels, or one for each",
                    expected=f"1 or {channels}",
                    received=str(self.num_parameters),
                    subject="num_parameters",
                )
        return (kind,)

    def weights(self, inputs: Inputs) -> tuple[Weight, ...]:
        return (Weight("weight", (self.num_parameters,), Init("constant", self.init)),)


@operation("glu")
class GLU(Operation):
    meaning: ClassVar[str] = "The first half along dim times the sigmoid of the second: [..., 2·A, ...] → [..., A, ...]"
    paper: ClassVar[str] = "Dauphin et al. 2017, Language Modeling with Gated Convolutional Networks"
    examples: ClassVar[tuple[Example, ...]] = (Example({}, _EXAMPLE.inputs), Example({"dim": 1}, _EXAMPLE.inputs))

    dim: int = -1

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        axis = axis_of(kind, self.dim)
        cause = Cause(f"two halves of dimension {axis} of {kind}", subject="dim")
        facts.require_multiple(kind.shape[axis], 2, cause)
        half = facts.simplify(kind.shape[axis] // 2)
        return (TensorType((*kind.shape[:axis], half, *kind.shape[axis + 1 :]), kind.dtype),)

    def mixes_batch(self, inputs: Inputs) -> bool:
        return axis_of(inputs.main, self.dim) == 0

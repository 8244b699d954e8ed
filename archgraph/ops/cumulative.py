"""What accumulates along a dimension, under torch's names: one row each, from which every target takes it."""

from __future__ import annotations

from typing import Any, ClassVar

from archgraph.dims import Facts
from archgraph.ops.contract import Example, Inputs, Operation, TensorType
from archgraph.ops.reduction import SUMS
from archgraph.ops.requirements import axis_of
from archgraph.ops.tables import ANYTHING, FLOATS, OperationTable, Row, rows, tabled
from archgraph.ops.traits import Traits


class Cumulative(Operation):
    """Base of what is computed of each place along `dim` and all before it: [..., A, ...] → [..., A, ...]."""

    row: ClassVar[Row]
    dim: int

    def axis(self, kind: TensorType) -> int:
        """The dimension, counted from the front. Raises ShapeError out of range."""
        return axis_of(kind, self.dim)

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        self.axis(kind)
        return (TensorType(kind.shape, self.row.types.gives(kind.dtype)),)

    def mixes_batch(self, inputs: Inputs) -> bool:
        return self.axis(inputs.main) == 0


class CumulativeExtreme(Cumulative):
    """Base of the extreme values so far and their places, of equal ones the last."""

    @property
    def results(self) -> tuple[str, ...]:
        return ("values", "indices")

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        (values,) = super().infer(inputs, facts)
        return values, TensorType(values.shape, "int64")


_TOP = "ReduceMax(x, axes, keepdims=1)"
_SHIFT = f"Where(Abs({_TOP}) == inf, 0, {_TOP})"
_LOGSUMEXP = f"Log(ReduceSum(Exp(x - {_SHIFT}), axes, keepdims=1)) + {_SHIFT}"
# `onnx` is the form of what all places up to one hold, as a row along the last axis; those after it hold
# `constant`, which changes nothing.
_ROWS = rows(
    Row("cumsum", "Sums up to each place", "", SUMS),
    Row("cumprod", "Products up to each place", "ReduceProd(x, axes, keepdims=1)", SUMS, constant="1"),
    Row("logcumsumexp", "Logarithm of the sums of exponentials up to each place", _LOGSUMEXP, FLOATS, constant="-inf"),
)
_EXTREMES = rows(
    Row("cummax", "The largest values up to each place, and their places", "Max", ANYTHING, constant="-inf"),
    Row("cummin", "The smallest values up to each place, and their places", "Min", ANYTHING, constant="inf"),
)

_EQUATION = "[..., A, ...] → [..., A, ...]"
_EXAMPLES = (
    Example({"dim": 1}, {"input": TensorType((2, 3, 5))}),
    Example({"dim": -3}, {"input": TensorType((4, 1, 2))}),
)
_TRAITS = Traits(keeps_float32=True)
TABLE = tabled(OperationTable(Cumulative, _ROWS, _EQUATION, _TRAITS, _EXAMPLES))
EXTREMES = tabled(OperationTable(CumulativeExtreme, _EXTREMES, _EQUATION, _TRAITS, _EXAMPLES))


def __getattr__(name: str) -> Any:
    return (EXTREMES if EXTREMES.has(name) else TABLE).attribute(name)

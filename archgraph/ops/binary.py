"""Functions of two values, broadcast, under torch's names: one row each, from which every target takes it."""

from __future__ import annotations

from typing import Any, ClassVar

from archgraph.dims import Facts
from archgraph.errors import ShapeError
from archgraph.ops.arithmetic import (
    DIVISOR,
    FLOAT_REMAINDER,
    FLOOR_QUOTIENT,
    WHOLE_FLOOR_QUOTIENT,
    Binary,
    Pairwise,
    require_quotient,
)
from archgraph.ops.contract import FLOAT_TYPES, Example, Inputs, TensorType
from archgraph.ops.tables import ANYTHING, BITS, NUMBERS, REAL, TEST, OperationTable, Row, Types, rows, tabled
from archgraph.ops.traits import Traits

_WITH_OTHER = Example({}, {"input": TensorType((2, 3, 4)), "other": TensorType((3, 1))})
_WITH_NUMBER = Example({"value": 2}, {"input": TensorType((2, 3))})
_TRAITS = Traits(keeps_float32=True)
_SHAPES = "[...], [...] → [...]"


def _read(op: Pairwise, row: Row, inputs: Inputs) -> None:
    """Raises ShapeError where operands meet in an element type that the operation does not read."""
    dtype = op.operand_type(inputs)
    if dtype not in row.types.reads:
        raise ShapeError(
            f"{op.name} has no meaning for {dtype}", expected=" or ".join(row.types.reads), received=f"{dtype}"
        )


class OfTwo(Pairwise):
    """Base of the functions of two values."""

    row: ClassVar[Row]

    def gives(self, dtype: str) -> str:
        return self.row.types.gives(dtype)

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        _read(self, self.row, inputs)
        return super().infer(inputs, facts)


class OfTwoOrNumber(Binary):
    """Base of the functions of two values, or of one value and a number."""

    row: ClassVar[Row]

    def gives(self, dtype: str) -> str:
        return self.row.types.gives(dtype)

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        found = super().infer(inputs, facts)
        _read(self, self.row, inputs)
        if self.row.divides:
            require_quotient(self, inputs)
        if self.name == "pow" and self.number is not None and self.number < 0:
            self._require_floating(inputs)
        return found

    def _require_floating(self, inputs: Inputs) -> None:
        if self.operand_type(inputs) not in FLOAT_TYPES:
            raise ShapeError(
                "whole numbers have no powers of negative whole numbers",
                expected="a value of at least 0, or one with a decimal point",
                received=str(self.value),
                subject="value",
            )


# The quotient of the angle, without 0 / 0 and infinity / infinity; the half plane is that of y, and 1 / -0 is negative.
_SLOPE = "Where(x == 0, x, Where(And(Abs(x) == inf, Abs(y) == inf), Sign(x) * Sign(y), x / y))"
_TURN = "Where(Where(x == 0, 1 / x, x) < 0, -3.141592653589793, 3.141592653589793)"
_ATAN2 = f"Where(x == x, Where(y == y, Atan({_SLOPE}) + Where(Where(y == 0, 1 / y, y) < 0, {_TURN}, 0), y), x)"
_UNIT_POWER = "Where(x == 1, x, Where(x == -1, 1 - 2 * Mod(y, 2), 0))"
_WHOLE_POWER = f"Where(y < 0, {_UNIT_POWER}, Pow(x, Where(y < 0, 0, y)))"
_CONSTANT_POWER = "Where(y == 0.5, Sqrt(x), Where(y == -0.5, 1 / Sqrt(x), Pow(x, y)))"  # as torch, at -0 and -infinity
_POWERS = Types(tuple(dtype for dtype in NUMBERS.reads if dtype != "uint8"), NUMBERS.gives)

_OF_TWO = rows(
    Row("maximum", "The larger of both", "Max(x, y)", ANYTHING, truth="Or(x, y)", span="maximum"),
    Row("minimum", "The smaller of both", "Min(x, y)", ANYTHING, truth="And(x, y)", span="minimum"),
    Row("atan2", "Angle of the point (other, input), from -π to π", _ATAN2, REAL),
    Row(
        *("logical_and", "Whether neither is 0", "And(Not(x == 0), Not(y == 0))", TEST),
        truth="And(x, y)",
    ),
    Row("logical_or", "Whether one is not 0", "Not(And(x == 0, y == 0))", TEST, truth="Or(x, y)"),
    Row("logical_xor", "Whether exactly one is 0", "Xor(x == 0, y == 0)", TEST, truth="Xor(x, y)"),
)

_OF_TWO_OR_NUMBER = rows(
    Row("pow", "input to the power of other", "Pow(x, y)", _POWERS, whole=_WHOLE_POWER, constant=_CONSTANT_POWER),
    Row(
        *("fmod", "Remainder of input / other, with the sign of input", "Mod(x, y, fmod=1)", NUMBERS),
        whole=f"x - x / {DIVISOR} * {DIVISOR}",  # quotients of whole numbers are exact, ONNX Runtime's fmod is a double
        span="remainder",
        divides=True,
    ),
    Row(
        *("remainder", "Remainder of input / other, with the sign of other", FLOAT_REMAINDER, NUMBERS),
        whole=f"Mod(x, {DIVISOR})",
        span="remainder",
        divides=True,
    ),
    Row(
        *("floor_divide", "The largest whole number of at most input / other", FLOOR_QUOTIENT, NUMBERS),
        whole=WHOLE_FLOOR_QUOTIENT,
        span="quotient",
        divides=True,
    ),
    # comparisons
    Row("eq", "Whether both are equal", "x == y", TEST),
    Row("ne", "Whether both differ", "Not(x == y)", TEST),
    Row("lt", "Whether input < other", "x < y", TEST, truth="And(Not(x), y)"),
    Row("le", "Whether input ≤ other", "x <= y", TEST, truth="Or(Not(x), y)"),
    Row("gt", "Whether input > other", "x > y", TEST, truth="And(x, Not(y))"),
    Row("ge", "Whether input ≥ other", "x >= y", TEST, truth="Or(x, Not(y))"),
    # bits
    Row(
        "bitwise_and", "Bits that both have", "", BITS, whole="BitwiseAnd(x, y)", truth="And(x, y)", span="common_bits"
    ),
    Row("bitwise_or", "Bits that one has", "", BITS, whole="BitwiseOr(x, y)", truth="Or(x, y)"),
    Row("bitwise_xor", "Bits that exactly one has", "", BITS, whole="BitwiseXor(x, y)", truth="Xor(x, y)"),
)

PAIRS = tabled(OperationTable(OfTwo, _OF_TWO, _SHAPES, _TRAITS, (_WITH_OTHER,), meets=True))
TABLE = tabled(
    OperationTable(OfTwoOrNumber, _OF_TWO_OR_NUMBER, _SHAPES, _TRAITS, (_WITH_OTHER, _WITH_NUMBER), meets=True)
)


def __getattr__(name: str) -> Any:
    return (PAIRS if PAIRS.has(name) else TABLE).attribute(name)

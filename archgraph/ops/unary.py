"""Functions of each element, under torch's names: one row each, from which every target takes it."""

from __future__ import annotations

from typing import Any, ClassVar

from archgraph.dims import Facts
from archgraph.ops.contract import Example, Inputs, Operation, TensorType
from archgraph.ops.tables import ANYTHING, BITS, COUNTS, FLOATS, NUMBERS, TEST, OperationTable, Row, rows, tabled
from archgraph.ops.traits import Traits


class Unary(Operation):
    """Base of the functions of each element: [...] → [...]."""

    row: ClassVar[Row]

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        return (TensorType(kind.shape, self.row.types.gives(kind.dtype)),)

    def kept_dim(self, inputs: Inputs, port: str, dim: int) -> int | None:
        return dim


_LOG1P = "Where(Abs(x) < 0.5, Where(1 + x == 1, x, Log(1 + x) * x / (1 + x - 1)), Log(1 + x))"
_EXPM1 = "Where(Abs(x) < 0.5, Where(Exp(x) == 1, x, (Exp(x) - 1) * x / Log(Exp(x))), Exp(x) - 1)"
# Exact to the last digit where the plain form loses all: Kahan, see Higham 2002, Accuracy and Stability, section 1.14.1

_ROWS = rows(
    # trigonometric
    Row("sin", "Sine", "Sin(x)", infinities="none"),
    Row("cos", "Cosine", "Cos(x)", infinities="none"),
    Row("tan", "Tangent", "Tan(x)", double="Sin(x) / Cos(x)"),
    Row("asin", "Inverse of the sine", "Asin(x)"),
    Row("acos", "Inverse of the cosine", "Acos(x)"),
    Row("atan", "Inverse of the tangent", "Atan(x)"),
    # hyperbolic
    Row("sinh", "Hyperbolic sine", "Sinh(x)", double="(Exp(x) - Exp(-x)) / 2"),
    Row("cosh", "Hyperbolic cosine", "Cosh(x)", double="(Exp(x) + Exp(-x)) / 2"),
    Row("asinh", "Inverse of the hyperbolic sine", "Asinh(x)"),
    Row("acosh", "Inverse of the hyperbolic cosine", "Acosh(x)"),
    Row("atanh", "Inverse of the hyperbolic tangent", "Atanh(x)"),
    # powers and roots
    Row("square", "x · x", "x * x", COUNTS, span="squared"),
    Row("sqrt", "√x", "Sqrt(x)"),
    Row("rsqrt", "1 / √x", "1 / Sqrt(x)"),
    Row("reciprocal", "1 / x", "1 / x"),
    # exponentials and logarithms
    Row("exp", "exp(x)", "Exp(x)"),
    Row("exp2", "2 ** x", "Pow(2, x)"),
    Row("expm1", "exp(x) - 1, exact near 0", _EXPM1),
    Row("log", "Natural logarithm", "Log(x)"),
    Row("log2", "Logarithm to the base 2", "Log(x) / 0.6931471805599453"),
    Row("log10", "Logarithm to the base 10", "Log(x) / 2.302585092994046"),
    Row("log1p", "log(1 + x), exact near 0", _LOG1P),
    Row("erf", "Error function", "Erf(x)"),
    Row("erfc", "1 - erf(x)", "1 - Erf(x)"),
    # sign and size
    Row("abs", "|x|", "Abs(x)", NUMBERS, span="magnitude", infinities="read"),
    Row("neg", "-x", "-x", NUMBERS, whole="0 - x", span="negated", infinities="read"),
    Row(
        "sign",
        "-1, 0 or 1, as x is negative, 0 or positive",
        "Where(IsNaN(x), 0, Sign(x))",
        ANYTHING,
        "Sign(x)",
        "x",
        "sign",
    ),
    # whole numbers nearby
    Row("floor", "The largest whole number of at most x", "Floor(x)", NUMBERS, whole="x", span="same"),
    Row("ceil", "The smallest whole number of at least x", "Ceil(x)", NUMBERS, whole="x", span="same"),
    Row("round", "The nearest whole number, of two the even one", "Round(x)", NUMBERS, whole="x", span="same"),
    Row(
        *("trunc", "x without its fraction", "Where(x < 0, Ceil(x), Floor(x))", NUMBERS),
        whole="x",
        span="same",
    ),
    Row("frac", "The fraction of x, with its sign", "x - Where(x < 0, Ceil(x), Floor(x))", FLOATS),
    # questions
    Row("isnan", "Whether x is not a number", "IsNaN(x)", TEST, whole="Not(x == x)"),
    Row("isinf", "Whether x is infinite", "Abs(x) == inf", TEST, whole="Not(x == x)"),
    Row("isfinite", "Whether x is a number, and finite", "Abs(x) < inf", TEST, whole="x == x"),
    Row("logical_not", "Whether x is 0", "x == 0", TEST, truth="Not(x)"),
    Row("bitwise_not", "x with every bit inverted", "", BITS, whole="BitwiseNot(x)", truth="Not(x)", span="inverted"),
    Row(
        "nan_to_num",
        "x, with numbers in the place of NaN and infinities; by default the largest finite ones in that of infinities",
        "Where(IsNaN(x), nan, Where(x == inf, posinf, Where(x == -inf, neginf, x)))",
        ANYTHING,
        whole="x",
        span="same",
        attributes={"nan": (float, 0.0), "posinf": (float | None, None), "neginf": (float | None, None)},
        examples=({}, {"nan": 1.5, "posinf": 8.0, "neginf": -8.0}),
    ),
)

_EXAMPLE = Example({}, {"input": TensorType((2, 3, 5))})
TABLE = tabled(OperationTable(Unary, _ROWS, "[...] → [...]", Traits(keeps_float32=True), (_EXAMPLE,)))


def __getattr__(name: str) -> Any:
    return TABLE.attribute(name)

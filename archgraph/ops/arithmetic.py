"""Arithmetic on two values, or on a value and a number, with torch's broadcasting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from archgraph.dims import Cause, Dim, Facts
from archgraph.errors import ShapeError
from archgraph.ops.contract import (
    DTYPES,
    FLOAT_TYPES,
    NUMBER_TYPES,
    Example,
    Inputs,
    Operation,
    Port,
    TensorType,
    operation,
)
from archgraph.ops.promotion import floating, result_type
from archgraph.ops.requirements import named, require_fits
from archgraph.ops.traits import Traits


def broadcast(kinds: Sequence[TensorType], facts: Facts) -> tuple[Dim, ...]:
    """The common shape of values, aligned at the last dimension; sizes of 1 stretch.

    Narrows the sizes where two symbolic ones must be equal. Raises ShapeError where they never are: a symbolic size
    never fits a number other than 1, since it stands for every size.
    """
    rank = max(kind.rank for kind in kinds)
    return tuple(_common_size(kinds, axis, facts) for axis in range(-rank, 0))


def _common_size(kinds: Sequence[TensorType], axis: int, facts: Facts) -> Dim:
    sizes = [kind.shape[axis] for kind in kinds if kind.rank >= -axis]
    wide = [size for size in sizes if size != 1] or [1]
    for other in wide[1:]:
        if other == wide[0]:
            continue
        if isinstance(other, int) and isinstance(wide[0], int):
            raise _mismatch(kinds, axis, f"{wide[0]} and {other}")
        try:
            facts.require_equal(wide[0], other, Cause(f"dimension {axis} of {named(kinds)}"))
        except ShapeError:
            raise _mismatch(kinds, axis, f"{wide[0]} and {other}") from None
    return wide[0]


def _mismatch(kinds: Sequence[TensorType], axis: int, received: str) -> ShapeError:
    return ShapeError(
        f"the shapes {named(kinds)} do not fit together in dimension {axis}",
        expected="equal sizes, or 1",
        received=received,
    )


class Pairwise(Operation):
    """Base of the functions of two values, broadcast. Element types that differ are promoted as torch does."""

    ports: ClassVar[tuple[Port, ...]] = (Port("input", dtypes=DTYPES), Port("other", dtypes=DTYPES))

    @property
    def number(self) -> int | float | None:
        """The number in the place of the second value."""
        return None

    def operand_type(self, inputs: Inputs) -> str:
        """The element type in which the operands meet."""
        return result_type(tuple(inputs.values()), self.number)

    def gives(self, dtype: str) -> str:
        """The element type of the result of operands of that type."""
        return dtype

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kinds = tuple(inputs.values())
        return (TensorType(broadcast(kinds, facts), self.gives(self.operand_type(inputs))),)

    def kept_dim(self, inputs: Inputs, port: str, dim: int) -> int | None:
        return dim - inputs[port].rank + max(kind.rank for kind in inputs.values())


class Binary(Pairwise):
    """Base of the functions of two values, or of one value and the number `value`."""

    ports: ClassVar[tuple[Port, ...]] = (Port("input", dtypes=DTYPES), Port("other", optional=True, dtypes=DTYPES))
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, {"input": TensorType((2, 3, 4)), "other": TensorType((2, 3, 4))}),
        Example({}, {"input": TensorType((2, 3, 4)), "other": TensorType((3, 1))}),
        Example({}, {"input": TensorType((3, 1)), "other": TensorType((2, 1, 4))}),
        Example({"value": 1.5}, {"input": TensorType((2, 3))}),
    )

    value: int | float | None = None

    @property
    def number(self) -> int | float | None:
        return self.value

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        if ("other" in inputs) == (self.value is not None):
            raise ShapeError(
                f"{self.name} takes two inputs, or one input and a 'value'",
                received="two inputs and a value" if "other" in inputs else "one input and no value",
                hint="" if "other" in inputs else "in: [a, b] names two inputs",
            )
        if self.value is not None:
            require_fits(self.value, self.operand_type(inputs), "value")
        return super().infer(inputs, facts)


@operation("add", Traits(keeps_scale=True, makes_new=True, infinities="read"))
class Add(Binary):
    meaning: ClassVar[str] = "input + other (or + value), broadcast"


@operation("sub", Traits(keeps_scale=True, makes_new=True, infinities="read"))
class Sub(Binary):
    meaning: ClassVar[str] = "input - other (or - value), broadcast"
    ports: ClassVar[tuple[Port, ...]] = (
        Port("input", dtypes=NUMBER_TYPES),
        Port("other", optional=True, dtypes=NUMBER_TYPES),
    )


@operation("mul", Traits(makes_new=True, infinities="read"))
class Mul(Binary):
    meaning: ClassVar[str] = "input · other (or · value), broadcast"


@operation("div")
class Div(Binary):
    meaning: ClassVar[str] = (
        "input / other (or / value), broadcast; rounding_mode takes the whole number below it, or the one towards 0"
    )
    examples: ClassVar[tuple[Example, ...]] = (
        *Binary.examples,
        Example({"value": 2, "rounding_mode": "floor"}, {"input": TensorType((2, 3), "int64")}),
    )

    rounding_mode: Literal["floor", "trunc"] | None = None

    def gives(self, dtype: str) -> str:
        return dtype if self.rounding_mode else floating(dtype)

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        if self.rounding_mode:
            require_quotient(self, inputs)
        return super().infer(inputs, facts)


def require_quotient(op: Pairwise, inputs: Inputs) -> None:
    """Raises ShapeError for a quotient of truth values, and for one of whole numbers by 0."""
    dtype = op.operand_type(inputs)
    if dtype == "bool":
        raise ShapeError(f"{op.name} needs numbers", expected=" or ".join(NUMBER_TYPES), received="bool")
    if op.number == 0 and dtype not in FLOAT_TYPES:
        raise ShapeError(f"{op.name} divides whole numbers by 0", subject="value", received="value: 0")


# The ONNX forms of quotients and remainders, in the language of `archgraph/ops/tables.py`, step by step as torch's.
_FMOD = "Mod(x, y, fmod=1)"
_TURNS_BACK = f"And(Not({_FMOD} == 0), Xor(y < 0, {_FMOD} < 0))"
FLOAT_REMAINDER = f"Where({_TURNS_BACK}, {_FMOD} + y, {_FMOD})"
_STEPS = f"((x - {_FMOD}) / y - Where({_TURNS_BACK}, 1, 0))"
FLOOR_QUOTIENT = f"Where(y == 0, x / y, Floor({_STEPS}) + Where({_STEPS} - Floor({_STEPS}) > 0.5, 1, 0))"
TRUNC_QUOTIENT = "Where(x / y < 0, Ceil(x / y), Floor(x / y))"
# Runtimes stop the process where whole numbers are divided by 0, for which torch raises: here they are divided by 1.
DIVISOR = "Where(y == 0, 1, y)"
WHOLE_FLOOR_QUOTIENT = f"(x - Mod(x, {DIVISOR})) / {DIVISOR}"
WHOLE_TRUNC_QUOTIENT = f"x / {DIVISOR}"

"""Arithmetic on two values, or on a value and a number, with torch's broadcasting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from archgraph.dims import Cause, Dim, Facts
from archgraph.errors import ShapeError
from archgraph.ops.contract import (
    FLOAT_TYPES,
    INTEGER_TYPES,
    Example,
    Inputs,
    Operation,
    Port,
    TensorType,
    operation,
)
from archgraph.ops.requirements import named, require_same_dtype
from archgraph.ops.traits import Traits

_NUMBERS = (*FLOAT_TYPES, *INTEGER_TYPES)


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


class Binary(Operation):
    """Base of arithmetic: two values, or one value and the number `value`. The element type is kept."""

    ports: ClassVar[tuple[Port, ...]] = (Port("input", dtypes=_NUMBERS), Port("other", optional=True, dtypes=_NUMBERS))
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, {"input": TensorType((2, 3, 4)), "other": TensorType((2, 3, 4))}),
        Example({}, {"input": TensorType((2, 3, 4)), "other": TensorType((3, 1))}),
        Example({}, {"input": TensorType((3, 1)), "other": TensorType((2, 1, 4))}),
        Example({"value": 1.5}, {"input": TensorType((2, 3))}),
    )

    value: int | float | None = None

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        if ("other" in inputs) == (self.value is not None):
            raise ShapeError(
                f"{self.name} takes two inputs, or one input and a 'value'",
                received="two inputs and a value" if "other" in inputs else "one input and no value",
                hint="" if "other" in inputs else "in: [a, b] names two inputs",
            )
        kinds = tuple(inputs.values())
        require_same_dtype(kinds)
        if isinstance(self.value, float) and kinds[0].dtype in INTEGER_TYPES:
            raise ShapeError(
                f"{self.name} of whole numbers needs a whole number",
                subject="value",
                expected="a value without a fraction",
                received=f"{self.value} for {kinds[0]}",
            )
        return (TensorType(broadcast(kinds, facts), kinds[0].dtype),)


@operation("add", Traits(keeps_scale=True))
class Add(Binary):
    meaning: ClassVar[str] = "input + other (or + value), broadcast"


@operation("sub", Traits(keeps_scale=True))
class Sub(Binary):
    meaning: ClassVar[str] = "input - other (or - value), broadcast"


@operation("mul")
class Mul(Binary):
    meaning: ClassVar[str] = "input · other (or · value), broadcast"


@operation("div")
class Div(Binary):
    meaning: ClassVar[str] = "input / other (or / value), broadcast"
    ports: ClassVar[tuple[Port, ...]] = (Port("input"), Port("other", optional=True))

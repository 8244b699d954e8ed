"""Arithmetic on two values, or on a value and a number, with torch's broadcasting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from archgraph.dims import Cause, Dim, Facts
from archgraph.errors import ShapeError
from archgraph.ops.contract import DTYPES, Example, Inputs, Operation, Port, TensorType, operation


def broadcast(kinds: Sequence[TensorType], facts: Facts) -> tuple[Dim, ...]:
    """The common shape of values, aligned at the last dimension; sizes of 1 stretch.

    Narrows the sizes where two symbolic ones must be equal. Raises ShapeError where they never are.
    """
    rank = max(kind.rank for kind in kinds)
    shape: list[Dim] = []
    for axis in range(-rank, 0):
        sizes = [kind.shape[axis] for kind in kinds if kind.rank >= -axis]
        wide = [size for size in sizes if size != 1] or [1]
        for other in wide[1:]:
            try:
                facts.require_equal(wide[0], other, Cause(f"dimension {axis} of {' and '.join(map(str, kinds))}"))
            except ShapeError as error:
                raise _mismatch(kinds, axis, error) from None
        shape.append(wide[0])
    return tuple(shape)


def _mismatch(kinds: Sequence[TensorType], axis: int, error: ShapeError) -> ShapeError:
    shapes = " and ".join(map(str, kinds))
    return ShapeError(
        f"the shapes {shapes} do not fit together in dimension {axis}",
        expected="equal sizes, or 1",
        received=error.problems[0].received or shapes,
        hint=error.problems[0].hint,
    )


class Binary(Operation):
    """Base of arithmetic: two values, or one value and the number `value`."""

    ports: ClassVar[tuple[Port, ...]] = (Port("input", dtypes=DTYPES), Port("other", optional=True, dtypes=DTYPES))
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, {"input": TensorType((2, 3, 4)), "other": TensorType((2, 3, 4))}),
        Example({}, {"input": TensorType((2, 3, 4)), "other": TensorType((3, 1))}),
        Example({"value": 1.5}, {"input": TensorType((2, 3))}),
    )

    value: float | None = None

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        if ("other" in inputs) == (self.value is not None):
            raise ShapeError(
                f"{self.name} takes two inputs, or one input and a 'value'",
                received="two inputs and a value" if "other" in inputs else "one input and no value",
                hint="in: [a, b] names two inputs",
            )
        kinds = tuple(inputs.values())
        if len({kind.dtype for kind in kinds}) > 1:
            raise ShapeError("the element types differ", received=" and ".join(map(str, kinds)))
        return (TensorType(broadcast(kinds, facts), kinds[0].dtype),)


@operation("add")
class Add(Binary):
    meaning: ClassVar[str] = "input + other (or + value), broadcast"

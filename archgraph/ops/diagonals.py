"""Triangles and diagonals of matrices."""

from __future__ import annotations

from typing import ClassVar

from archgraph.dims import Cause, Dim, Facts
from archgraph.errors import ShapeError
from archgraph.ops.contract import DTYPES, Example, Inputs, Operation, Port, TensorType, operation
from archgraph.ops.requirements import axis_of
from archgraph.ops.traits import Traits

_ANY = (Port("input", dtypes=DTYPES),)
_BOX = {"input": TensorType((2, 3, 4))}


class Triangle(Operation):
    """Base of the triangles of matrices: the other places hold 0."""

    ports: ClassVar[tuple[Port, ...]] = _ANY
    examples: ClassVar[tuple[Example, ...]] = (Example({}, _BOX), Example({"diagonal": -1}, _BOX))

    diagonal: int = 0

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        if inputs["input"].rank < 2:
            raise ShapeError(
                f"{self.name} needs matrices", expected="at least 2 dimensions", received=str(inputs["input"])
            )
        return (inputs["input"],)

    def mixes_batch(self, inputs: Inputs) -> bool:
        """The rows of a single matrix are not treated alike."""
        return inputs.main.rank == 2


@operation("tril")
class Tril(Triangle):
    meaning: ClassVar[str] = "Each matrix up to a diagonal, counted upwards, and 0 beyond it: [..., A, B] → same"


@operation("triu")
class Triu(Triangle):
    meaning: ClassVar[str] = "Each matrix from a diagonal on, counted upwards, and 0 before it: [..., A, B] → same"


@operation("diagonal", Traits(moves_data=True))
class Diagonal(Operation):
    meaning: ClassVar[str] = (
        "A diagonal of the matrices of dim1 and dim2, offset places above the main one, as last dimension: "
        "[A, B, ...] → [..., min(A, B)]"
    )
    ports: ClassVar[tuple[Port, ...]] = _ANY
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, _BOX),
        Example({"offset": -1, "dim1": -1, "dim2": 1}, _BOX),
    )

    offset: int = 0
    dim1: int = 0
    dim2: int = 1

    def axes(self, kind: TensorType) -> tuple[int, int]:
        """Both dimensions, counted from the front. Raises ShapeError where they are one."""
        first, second = axis_of(kind, self.dim1, "dim1"), axis_of(kind, self.dim2, "dim2")
        if first == second:
            raise ShapeError("a diagonal needs two dimensions", received=f"{self.dim1} and {self.dim2}", subject="dim2")
        return first, second

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        first, second = self.axes(kind)
        rows, columns = kind.shape[first] + min(self.offset, 0), kind.shape[second] - max(self.offset, 0)
        count = _smaller(rows, columns, facts)
        if count is None:
            raise ShapeError(
                f"how long the diagonal of {kind} is depends on the sizes",
                received=f"the smaller of {rows} and {columns}",
            )
        facts.require_at_least(count, 1, Cause(f"the diagonal of {kind} must not be empty", subject="offset"))
        others = tuple(size for axis, size in enumerate(kind.shape) if axis not in (first, second))
        return (TensorType((*others, count), kind.dtype),)


def _smaller(a: Dim, b: Dim, facts: Facts) -> Dim | None:
    """The smaller of two sizes, None where that depends on the symbols."""
    if a == b or facts.compare(a, "<=", b):
        return a
    return b if facts.compare(b, "<=", a) else None


@operation("diag_embed")
class DiagEmbed(Operation):
    meaning: ClassVar[str] = (
        "Matrices with the last dimension on a diagonal, offset places above the main one, else 0: "
        "[..., A] → [..., A + |offset|, A + |offset|]"
    )
    ports: ClassVar[tuple[Port, ...]] = _ANY
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, {"input": TensorType((2, 3))}),
        Example({"offset": -1, "dim1": 0, "dim2": 2}, {"input": TensorType((2, 3))}),
    )

    offset: int = 0
    dim1: int = -2
    dim2: int = -1

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        axis_of(kind, -1)
        first, second = self.axes(kind)
        size = kind.shape[-1] + abs(self.offset)
        shape = list(kind.shape[:-1])
        for axis in sorted((first, second)):
            shape.insert(axis, size)
        return (TensorType(tuple(shape), kind.dtype),)

    def axes(self, kind: TensorType) -> tuple[int, int]:
        """Where the rows and the columns of the matrices stand in the result. Raises ShapeError where they are one."""
        rank = kind.rank + 1
        first, second = (axis_of(kind, getattr(self, dim), dim, rank) for dim in ("dim1", "dim2"))
        if first == second:
            raise ShapeError("a matrix needs two dimensions", received=f"{self.dim1} and {self.dim2}", subject="dim2")
        return first, second

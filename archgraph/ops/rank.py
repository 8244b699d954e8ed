"""Operations that add, remove, stretch or cut dimensions."""

from __future__ import annotations

from typing import ClassVar

from archgraph.dims import Cause, Dim, Facts, Size, product
from archgraph.errors import ShapeError
from archgraph.ops.attributes import Axes, Dims, Positive
from archgraph.ops.contract import DTYPES, Example, Inputs, Operation, Port, TensorType, operation
from archgraph.ops.requirements import axes_of, axis_of, without_dim
from archgraph.ops.traits import Traits

_ANY = (Port("input", dtypes=DTYPES),)
_BOX = {"input": TensorType((2, 6, 4, 5))}


@operation("flatten", Traits(moves_data=True))
class Flatten(Operation):
    meaning: ClassVar[str] = "Joins the dimensions start_dim to end_dim: [N, C, H, W] → [N, C·H·W]"
    ports: ClassVar[tuple[Port, ...]] = _ANY
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, _BOX),
        Example({"start_dim": 2}, _BOX),
        Example({"start_dim": 0, "end_dim": 1}, _BOX),
    )

    start_dim: int = 1
    end_dim: int = -1

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        start, end = axis_of(kind, self.start_dim, "start_dim"), axis_of(kind, self.end_dim, "end_dim")
        if start > end:
            raise ShapeError(
                f"start_dim must not come after end_dim in {kind}",
                received=f"{self.start_dim} and {self.end_dim}",
                subject="start_dim",
            )
        merged = product(kind.shape[start : end + 1])
        return (TensorType((*kind.shape[:start], merged, *kind.shape[end + 1 :]), kind.dtype),)


@operation("unsqueeze", Traits(moves_data=True))
class Unsqueeze(Operation):
    meaning: ClassVar[str] = "New dimensions of size 1, one after the other: [N, C], dim: [-1, -1] → [N, C, 1, 1]"
    ports: ClassVar[tuple[Port, ...]] = _ANY
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 1}, {"input": TensorType((2, 3))}),
        Example({"dim": [-1, -1]}, {"input": TensorType((2, 3))}),
        Example({"dim": [0, 2]}, {"input": TensorType((2, 3))}),
    )

    dim: Axes

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        for dim in self.dim:
            place = axis_of(kind, dim, rank=kind.rank + 1)
            kind = TensorType((*kind.shape[:place], 1, *kind.shape[place:]), kind.dtype)
        return (kind,)

    def kept_dim(self, inputs: Inputs, port: str, dim: int) -> int | None:
        for rank, new in enumerate(self.dim, start=inputs.main.rank + 1):
            dim += axis_of(inputs.main, new, rank=rank) <= dim
        return dim


@operation("squeeze", Traits(moves_data=True))
class Squeeze(Operation):
    meaning: ClassVar[str] = "Removes dimensions of size 1: [N, C, 1, 1], dim: [2, 3] → [N, C]"
    ports: ClassVar[tuple[Port, ...]] = _ANY
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": -1}, {"input": TensorType((2, 3, 1))}),
        Example({"dim": [2, 3]}, {"input": TensorType((2, 3, 1, 1))}),
    )

    dim: Axes

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        axes = axes_of(kind, self.dim)
        for axis in axes:
            if kind.shape[axis] != 1:
                raise ShapeError(
                    f"only a dimension of size 1 can be removed; dimension {axis} of {kind} is another",
                    expected="1",
                    received=str(kind.shape[axis]),
                )
        return (TensorType(tuple(size for axis, size in enumerate(kind.shape) if axis not in axes), kind.dtype),)

    def kept_dim(self, inputs: Inputs, port: str, dim: int) -> int | None:
        removed = axes_of(inputs.main, self.dim)
        return None if dim in removed else dim - sum(axis < dim for axis in removed)


@operation("expand", Traits(moves_data=True, result_sizes=("shape",)))
class Expand(Operation):
    meaning: ClassVar[str] = "Stretches sizes of 1 to shape, and may add leading dimensions; -1 keeps a size"
    ports: ClassVar[tuple[Port, ...]] = _ANY
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"shape": [4, -1, -1]}, {"input": TensorType((1, 1, 3))}),
        Example({"shape": [2, 3, 5]}, {"input": TensorType((3, 1))}),
    )

    shape: Dims

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        new = len(self.shape) - kind.rank
        if new < 0:
            raise ShapeError(
                f"expand cannot drop dimensions of {kind}", received=str(TensorType(self.shape)), subject="shape"
            )
        if -1 in self.shape[:new]:
            raise ShapeError(
                "a new leading dimension cannot be -1", received=str(TensorType(self.shape)), subject="shape"
            )
        kept = (self._size(kind, axis, self.shape[new + axis], facts) for axis in range(kind.rank))
        return (TensorType((*self.shape[:new], *kept), kind.dtype),)

    def _size(self, kind: TensorType, axis: int, wanted: Dim, facts: Facts) -> Dim:
        size = kind.shape[axis]
        if wanted == -1:
            return size
        if size != 1:
            cause = Cause(f"expand stretches sizes of 1 only; dimension {axis} of {kind}", subject="shape")
            facts.require_equal(size, wanted, cause)
        return wanted


@operation("select", Traits(moves_data=True))
class Select(Operation):
    meaning: ClassVar[str] = "One place along dim, which disappears: [N, L, C], dim: 1, index: 0 → [N, C]"
    ports: ClassVar[tuple[Port, ...]] = _ANY
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 1, "index": 0}, _BOX),
        Example({"dim": -1, "index": -2}, _BOX),
    )

    dim: int
    index: int

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        axis = axis_of(kind, self.dim)
        least = self.index + 1 if self.index >= 0 else -self.index
        cause = Cause(f"index {self.index} must lie within dimension {axis} of {kind}", subject="index")
        facts.require_at_least(kind.shape[axis], least, cause)
        return (TensorType((*kind.shape[:axis], *kind.shape[axis + 1 :]), kind.dtype),)

    def kept_dim(self, inputs: Inputs, port: str, dim: int) -> int | None:
        return without_dim(axis_of(inputs.main, self.dim), dim)


@operation("slice", Traits(moves_data=True))
class Slice(Operation):
    meaning: ClassVar[str] = (
        "Places start to end (exclusive) along dim, every step-th: [..., A, ...] → [..., ⌈(end - start) / step⌉, ...]; "
        "negative numbers count from the end"
    )
    ports: ClassVar[tuple[Port, ...]] = _ANY
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 1, "start": 1, "end": 4}, _BOX),
        Example({"dim": -1, "step": 2}, _BOX),
        Example({"dim": 2, "start": -3, "end": -1}, _BOX),
    )

    dim: int
    start: int | Size = 0
    end: int | Size | None = None
    step: Positive = 1

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        axis = axis_of(kind, self.dim)
        size = kind.shape[axis]
        cause = Cause(f"the slice must lie within dimension {axis} of {kind}, and not be empty")
        start = _place(self.start, size)
        end = size if self.end is None else _place(self.end, size)
        facts.require_at_least(start, 0, cause)
        facts.require_at_least(size - end, 0, cause)
        facts.require_at_least(end - start, 1, cause)
        places = (end - start + self.step - 1) // self.step
        return (TensorType((*kind.shape[:axis], places, *kind.shape[axis + 1 :]), kind.dtype),)

    def mixes_batch(self, inputs: Inputs) -> bool:
        return axis_of(inputs.main, self.dim) == 0

    def kept_dim(self, inputs: Inputs, port: str, dim: int) -> int | None:
        return None if dim == axis_of(inputs.main, self.dim) else dim


def _place(at: Dim, size: Dim) -> Dim:
    """A place counted from the front. A symbolic place counts from the front already."""
    return size + at if isinstance(at, int) and at < 0 else at

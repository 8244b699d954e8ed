"""Reductions over dimensions."""

from __future__ import annotations

from typing import ClassVar

from archgraph.dims import Facts
from archgraph.ops.attributes import OptionalAxes
from archgraph.ops.contract import DTYPES, Example, Inputs, Operation, Port, TensorType, operation
from archgraph.ops.promotion import summed
from archgraph.ops.requirements import axes_of
from archgraph.ops.traits import Traits

_BOX = {"input": TensorType((2, 6, 4, 5))}


class Reduction(Operation):
    """Base of the reductions: the dimensions of `dim` (null or []: all) disappear, or with keepdim become 1."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": [2, 3]}, _BOX),
        Example({"dim": -1, "keepdim": True}, _BOX),
        Example({}, _BOX),
        Example({"dim": [], "keepdim": True}, _BOX),
    )

    dim: OptionalAxes = None
    keepdim: bool = False

    def axes(self, kind: TensorType) -> tuple[int, ...]:
        """The reduced dimensions, counted from the front. Raises ShapeError out of range."""
        return axes_of(kind, self.dim) if self.dim else tuple(range(kind.rank))

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        axes = self.axes(kind)
        kept = (1 if axis in axes else size for axis, size in enumerate(kind.shape) if self.keepdim or axis not in axes)
        return (TensorType(tuple(kept), self.gives(kind.dtype)),)

    def gives(self, dtype: str) -> str:
        """The element type of the result."""
        return dtype


@operation("mean", Traits(keeps_float32=True))
class Mean(Reduction):
    meaning: ClassVar[str] = "Mean over dim: [..., A, ...] → [..., ...], or [..., 1, ...] with keepdim"


@operation("sum", Traits(keeps_float32=True))
class Sum(Reduction):
    meaning: ClassVar[str] = "Sum over dim: [..., A, ...] → [..., ...], or [..., 1, ...] with keepdim"
    ports: ClassVar[tuple[Port, ...]] = (Port("input", dtypes=DTYPES),)

    def gives(self, dtype: str) -> str:
        return summed(dtype)


@operation("amax")
class Amax(Reduction):
    meaning: ClassVar[str] = "Largest value over dim: [..., A, ...] → [..., ...], or [..., 1, ...] with keepdim"
    ports: ClassVar[tuple[Port, ...]] = (Port("input", dtypes=DTYPES),)

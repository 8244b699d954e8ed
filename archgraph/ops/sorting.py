"""Values in order, and the places of values among sorted ones."""

from __future__ import annotations

from typing import ClassVar

from archgraph.dims import Cause, Facts
from archgraph.ops.attributes import Positive
from archgraph.ops.contract import DTYPES, NUMBER_TYPES, Example, Inputs, Operation, Port, TensorType, operation
from archgraph.ops.requirements import axis_of, require_rank, require_same_dtype

_BOX = {"input": TensorType((2, 3, 4))}


class Ordered(Operation):
    """Base of what puts the values along `dim` in order."""

    ports: ClassVar[tuple[Port, ...]] = (Port("input", dtypes=DTYPES),)

    dim: int = -1

    def axis(self, kind: TensorType) -> int:
        """The dimension, counted from the front. Raises ShapeError out of range."""
        return axis_of(kind, self.dim)

    def mixes_batch(self, inputs: Inputs) -> bool:
        return self.axis(inputs.main) == 0


@operation("topk")
class TopK(Ordered):
    meaning: ClassVar[str] = (
        "The k largest (or smallest) values along dim and their places, in this order; which of equal values comes "
        "first is open: [..., A, ...] → values [..., k, ...], indices int64 [..., k, ...]"
    )
    ports: ClassVar[tuple[Port, ...]] = (Port("input", dtypes=NUMBER_TYPES),)
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"k": 2}, _BOX),
        Example({"k": 1, "dim": 0, "largest": False, "sorted": False}, _BOX),
    )

    k: Positive
    largest: bool = True
    sorted: bool = True

    @property
    def results(self) -> tuple[str, ...]:
        return ("values", "indices")

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        axis = self.axis(kind)
        cause = Cause(f"{self.k} values are chosen of dimension {axis} of {kind}", subject="k")
        facts.require_at_least(kind.shape[axis], self.k, cause)
        shape = (*kind.shape[:axis], self.k, *kind.shape[axis + 1 :])
        return TensorType(shape, kind.dtype), TensorType(shape, "int64")


@operation("sort")
class Sort(Ordered):
    meaning: ClassVar[str] = (
        "The values along dim in ascending (or descending) order, equal ones as they come, and their places: "
        "[..., A, ...] → values [..., A, ...], indices int64 [..., A, ...]"
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, _BOX),
        Example({"dim": 0, "descending": True, "stable": True}, _BOX),
    )

    descending: bool = False
    stable: bool = False

    @property
    def results(self) -> tuple[str, ...]:
        return ("values", "indices")

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        self.axis(kind)
        return kind, TensorType(kind.shape, "int64")


@operation("argsort")
class Argsort(Sort):
    meaning: ClassVar[str] = (
        "The places of the values along dim in ascending (or descending) order: [...] → int64 [...]"
    )

    @property
    def results(self) -> tuple[str, ...]:
        return ("",)

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        return super().infer(inputs, facts)[1:]


class Searched(Operation):
    """Base of the places of values among sorted ones: as many as are smaller, or with `right` not larger."""

    out_int32: bool = False
    right: bool = False

    def mixes_batch(self, inputs: Inputs) -> bool:
        """One row that serves all is no batch."""
        rows = (inputs[port.name] for port in self.ports if port.role == "sorted")
        return any(row.rank == 1 and row.shape == inputs["input"].shape[:1] for row in rows)

    def places(self, shape: TensorType) -> tuple[TensorType, ...]:
        """The type of the result for values of that type."""
        return (TensorType(shape.shape, "int32" if self.out_int32 else "int64"),)


@operation("searchsorted")
class Searchsorted(Searched):
    meaning: ClassVar[str] = (
        "How many of the sorted values are smaller than each of input, or with right not larger: [..., A], [..., B] → "
        "int64 [..., B]; one row [A] serves all"
    )
    ports: ClassVar[tuple[Port, ...]] = (
        Port("sorted_sequence", dtypes=NUMBER_TYPES, role="sorted"),
        Port("input", dtypes=NUMBER_TYPES),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, {"sorted_sequence": TensorType((2, 5)), "input": TensorType((2, 3))}),
        Example({"right": True, "out_int32": True}, {"sorted_sequence": TensorType((5,)), "input": TensorType((2, 3))}),
    )

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        row, kind = inputs["sorted_sequence"], inputs["input"]
        require_same_dtype((row, kind))
        if not row.rank:
            require_rank(row, 1, "sorted_sequence")
        if row.rank > 1:
            require_rank(kind, row.rank)
            for have, want in zip(kind.shape[:-1], row.shape[:-1], strict=True):
                cause = Cause(f"each row of {row} serves a row of {kind}", subject="sorted_sequence")
                facts.require_equal(have, want, cause)
        return self.places(kind)


@operation("bucketize")
class Bucketize(Searched):
    meaning: ClassVar[str] = (
        "Between which sorted boundaries each value lies: how many are smaller, or with right not larger: "
        "[...], [A] → int64 [...]"
    )
    ports: ClassVar[tuple[Port, ...]] = (
        Port("input", dtypes=NUMBER_TYPES),
        Port("boundaries", dtypes=NUMBER_TYPES, role="sorted"),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, {"input": TensorType((2, 3)), "boundaries": TensorType((5,))}),
        Example({"right": True, "out_int32": True}, {"input": TensorType((2, 3)), "boundaries": TensorType((1,))}),
    )

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        require_rank(inputs["boundaries"], 1, "boundaries")
        require_same_dtype(tuple(inputs.values()))
        return self.places(inputs["input"])

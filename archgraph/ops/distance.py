"""Lengths of vectors, and distances and angles between them."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field

from archgraph.dims import Cause, Facts
from archgraph.errors import ShapeError
from archgraph.ops.arithmetic import broadcast
from archgraph.ops.attributes import Epsilon, Says
from archgraph.ops.contract import FLOAT_TYPES, NUMBER_TYPES, Example, Inputs, Operation, Port, TensorType, operation
from archgraph.ops.promotion import floating, result_type
from archgraph.ops.reduction import Order
from archgraph.ops.requirements import axis_of, require_same_dtype
from archgraph.ops.traits import Traits


def _natural(value: object) -> object:
    if isinstance(value, (int, float)) and value < 0:
        raise ValueError("must not be negative")
    return value


Power = Annotated[float, Field(allow_inf_nan=True), BeforeValidator(_natural), Says("a number of at least 0, .inf too")]
_FLOAT32 = Traits(keeps_float32=True)
_PAIR = {"x1": TensorType((2, 3, 4)), "x2": TensorType((2, 3, 4))}


@operation("normalize", Traits(keeps_float32=True, normalizes=True))
class Normalize(Operation):
    meaning: ClassVar[str] = "x / max(‖x‖ₚ, eps), of each vector along dim: [..., A, ...] → [..., A, ...]"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, {"input": TensorType((2, 3, 4))}),
        Example({"p": 1.0, "dim": -1, "eps": 0.1}, {"input": TensorType((3, 4))}),
    )

    p: Order = 2.0
    dim: int = 1
    eps: Epsilon = 1e-12

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        axis_of(inputs["input"], self.dim)
        return (inputs["input"],)

    def mixes_batch(self, inputs: Inputs) -> bool:
        return axis_of(inputs.main, self.dim) == 0


class OfTwoVectors(Operation):
    """Base of the functions of two vectors, broadcast."""

    ports: ClassVar[tuple[Port, ...]] = (Port("x1", dtypes=FLOAT_TYPES), Port("x2", dtypes=FLOAT_TYPES))


@operation("cosine_similarity", Traits(keeps_float32=True, normalizes=True))
class CosineSimilarity(OfTwoVectors):
    meaning: ClassVar[str] = (
        "x1 · x2 / (max(‖x1‖, eps) · max(‖x2‖, eps)) along dim, broadcast: [..., A, ...], [..., A, ...] → [..., ...]"
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, _PAIR),
        Example({"dim": -1, "eps": 0.1}, {"x1": TensorType((2, 1, 4)), "x2": TensorType((3, 4))}),
    )

    dim: int = 1
    eps: Epsilon = 1e-8

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kinds = tuple(inputs.values())
        kind = TensorType(broadcast(kinds, facts), result_type(kinds))
        axis = axis_of(kind, self.dim)
        return (TensorType((*kind.shape[:axis], *kind.shape[axis + 1 :]), kind.dtype),)


@operation("pairwise_distance", _FLOAT32)
class PairwiseDistance(OfTwoVectors):
    meaning: ClassVar[str] = "‖x1 - x2 + eps‖ₚ over the last dimension, broadcast: [..., A], [..., A] → [...]"
    ports: ClassVar[tuple[Port, ...]] = (Port("x1", dtypes=NUMBER_TYPES), Port("x2", dtypes=NUMBER_TYPES))
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, _PAIR),
        Example({"p": 1.0, "eps": 0.1, "keepdim": True}, {"x1": TensorType((2, 1, 4)), "x2": TensorType((3, 4))}),
    )

    p: Order = 2.0
    eps: Epsilon = 1e-6
    keepdim: bool = False

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kinds = tuple(inputs.values())
        shape = broadcast(kinds, facts)
        if not shape:
            raise ShapeError("pairwise_distance needs vectors", expected="at least one dimension", received="[]")
        return (TensorType((*shape[:-1], 1) if self.keepdim else shape[:-1], floating(result_type(kinds))),)


@operation("cdist", _FLOAT32)
class Cdist(OfTwoVectors):
    meaning: ClassVar[str] = "‖x1ᵢ - x2ⱼ‖ₚ of all pairs of rows: [..., P, A], [..., R, A] → [..., P, R]"
    ports: ClassVar[tuple[Port, ...]] = (
        Port("x1", dtypes=("float32", "float64")),
        Port("x2", dtypes=("float32", "float64")),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, {"x1": TensorType((2, 3, 4)), "x2": TensorType((5, 4))}),
        Example({"p": 1.0}, {"x1": TensorType((3, 4)), "x2": TensorType((2, 4))}),
    )

    p: Power = 2.0

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        x1, x2 = inputs["x1"], inputs["x2"]
        require_same_dtype((x1, x2))
        if min(x1.rank, x2.rank) < 2:
            raise ShapeError("cdist needs rows of numbers", expected="at least 2 dimensions", received=f"{x1} and {x2}")
        cause = Cause(f"the rows of {x1} and {x2} must have equal sizes")
        facts.require_equal(x1.shape[-1], x2.shape[-1], cause)
        leading = broadcast([TensorType(kind.shape[:-2]) for kind in (x1, x2)], facts)
        return (TensorType((*leading, x1.shape[-2], x2.shape[-2]), x1.dtype),)

    def multiplies(self, inputs: Inputs) -> bool:
        """Whether torch computes ‖x1‖² + ‖x2‖² - 2 · x1 · x2: the Euclidean distance, where there are many rows."""
        rows = (inputs["x1"].shape[-2], inputs["x2"].shape[-2])
        return self.p == 2 and any(not isinstance(size, int) or size > MANY_ROWS for size in rows)


MANY_ROWS = 25
"""More rows than that are multiplied, as torch does; the exact number of them may be unknown."""

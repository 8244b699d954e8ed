"""Values read, written and added at places that whole numbers name."""

from __future__ import annotations

from typing import ClassVar, Literal

from archgraph.dims import Cause, Dim, Facts, symbols_of
from archgraph.errors import ShapeError
from archgraph.ops.arithmetic import broadcast
from archgraph.ops.attributes import Positive
from archgraph.ops.contract import (
    DTYPES,
    FLOAT_TYPES,
    INTEGER_TYPES,
    NUMBER_TYPES,
    Example,
    Init,
    Inputs,
    Operation,
    Port,
    TensorType,
    Weight,
    operation,
)
from archgraph.ops.requirements import axis_of, require_fits, require_rank, require_same_dtype
from archgraph.ops.selection import OptionalFilling
from archgraph.ops.traits import Traits

_INPUT = Port("input", dtypes=DTYPES)
_INDEX = Port("index", dtypes=INTEGER_TYPES)
_LONG = ("int64",)
_BOX = TensorType((2, 3, 4))


class Indexed(Operation):
    """Base of what reads or writes places of one dimension."""

    indices: ClassVar[tuple[str, ...]] = ("index",)
    ports: ClassVar[tuple[Port, ...]] = (_INPUT, _INDEX)

    dim: int

    def axis(self, inputs: Inputs) -> int:
        """The dimension, counted from the front. Raises ShapeError out of range."""
        return axis_of(inputs["input"], self.dim)

    def index_range(self, port: str, inputs: Inputs) -> tuple[Dim, Dim]:
        return 0, inputs["input"].shape[self.axis(inputs)] - 1

    def mixes_batch(self, inputs: Inputs) -> bool:
        return self.axis(inputs) == 0


def _require_within(op: Indexed, inputs: Inputs, port: str, facts: Facts) -> None:
    """The index names no more places than a value has, along all dimensions but the one of the operation."""
    index, kind = inputs["index"], inputs[port]
    if index.rank != kind.rank:
        raise ShapeError(
            f"{op.name} needs an index with the dimensions of the {port}",
            expected=f"{kind.rank} dimensions",
            received=f"{index}",
            subject="index",
        )
    axis = op.axis(inputs)
    for at in range(kind.rank):
        if at != axis or port != "input":
            cause = Cause(f"the index {index} must lie within dimension {at} of the {port} {kind}", subject="index")
            facts.require_at_least(kind.shape[at] - index.shape[at], 0, cause)


@operation("gather", Traits(infinities="read"))
class Gather(Indexed):
    meaning: ClassVar[str] = (
        "out[i, j, k] = input[i, index[i, j, k], k], for dim: 1: [..., A, ...], int [..., B, ...] → [..., B, ...]"
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 1}, {"input": _BOX, "index": TensorType((2, 5, 4), "int64")}),
        Example({"dim": -3}, {"input": _BOX, "index": TensorType((1, 2, 4), "int32")}),
    )

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        self.axis(inputs)
        _require_within(self, inputs, "input", facts)
        return (TensorType(inputs["index"].shape, inputs["input"].dtype),)


@operation("take_along_dim", Traits(infinities="read"))
class TakeAlongDim(Indexed):
    meaning: ClassVar[str] = (
        "gather, with all dimensions but dim broadcast: [..., A, ...], int64 [..., B, ...] → [..., B, ...]"
    )
    ports: ClassVar[tuple[Port, ...]] = (_INPUT, Port("indices", dtypes=_LONG))
    indices: ClassVar[tuple[str, ...]] = ("indices",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 1}, {"input": _BOX, "indices": TensorType((1, 5, 1), "int64")}),
        Example({"dim": -1}, {"input": TensorType((1, 4)), "indices": TensorType((3, 2), "int64")}),
    )

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind, index = inputs["input"], inputs["indices"]
        require_rank(index, kind.rank, "indices")
        axis = self.axis(inputs)
        shape = list(broadcast([self.without(kind, axis), self.without(index, axis)], facts))
        shape[axis] = index.shape[axis]
        return (TensorType(tuple(shape), kind.dtype),)

    @staticmethod
    def without(kind: TensorType, axis: int) -> TensorType:
        """The shape with 1 in the place of a dimension, which is not broadcast."""
        return TensorType((*kind.shape[:axis], 1, *kind.shape[axis + 1 :]), kind.dtype)


@operation("index_select", Traits(infinities="read"))
class IndexSelect(Indexed):
    meaning: ClassVar[str] = "The places of dim that the index lists: [..., A, ...], int [B] → [..., B, ...]"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 1}, {"input": _BOX, "index": TensorType((5,), "int64")}),
        Example({"dim": -1}, {"input": _BOX, "index": TensorType((2,), "int32")}),
    )

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        require_rank(inputs["index"], 1, "index")
        return (_replaced(inputs["input"], self.axis(inputs), inputs["index"]),)


@operation("index", Traits(infinities="read"))
class Index(Indexed):
    meaning: ClassVar[str] = (
        "input[:, index], for dim: 1, with an index of any shape; negative numbers count from the end: "
        "[..., A, ...], int [B, C] → [..., B, C, ...]"
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, {"input": TensorType((5, 4)), "index": TensorType((2, 3), "int64")}),
        Example({"dim": -2}, {"input": _BOX, "index": TensorType((5,), "int32")}),
    )

    dim: int = 0

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        return (_replaced(inputs["input"], self.axis(inputs), inputs["index"]),)

    def index_range(self, port: str, inputs: Inputs) -> tuple[Dim, Dim]:
        size = inputs["input"].shape[self.axis(inputs)]
        return 0 - size, size - 1

    def mixes_batch(self, inputs: Inputs) -> bool:
        """A table whose rows know nothing of the size of the index is the same for all that it is read by."""
        if self.axis(inputs) != 0:
            return False
        rows, readers = inputs["input"].shape[0], inputs["index"].shape[:1]
        counted = symbols_of(readers[0]) if readers else frozenset()
        return not counted or not counted.isdisjoint(symbols_of(rows))


def _replaced(kind: TensorType, axis: int, index: TensorType) -> TensorType:
    return TensorType((*kind.shape[:axis], *index.shape, *kind.shape[axis + 1 :]), kind.dtype)


class Scattered(Indexed):
    """Base of what writes a source to the places of an index with the same dimensions."""

    def mixes_batch(self, inputs: Inputs) -> bool:
        """Where the index or the source is shorter or longer, not all places are treated alike."""
        return self.axis(inputs) == 0 or len({kind.shape[0] for kind in inputs.values()}) > 1

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        self.axis(inputs)
        for port in ("input", "src"):
            if port in inputs:
                _require_within(self, inputs, port, facts)
        require_same_dtype([kind for port, kind in inputs.items() if port != "index"])
        return (inputs["input"],)


_SCATTERED = {
    "input": TensorType((3, 5)),
    "index": TensorType((2, 5), "int64"),
    "src": TensorType((2, 5)),
}


_SAME_ROWS = {"input": TensorType((2, 5)), "index": TensorType((2, 3), "int64"), "src": TensorType((2, 4))}


@operation("scatter")
class Scatter(Scattered):
    meaning: ClassVar[str] = (
        "input, with out[i, index[i, j]] = src[i, j] (or value), for dim: 1; which of several numbers for one place "
        "stays is open: [...], int [...], [...] → [...]"
    )
    ports: ClassVar[tuple[Port, ...]] = (_INPUT, _INDEX, Port("src", optional=True, dtypes=DTYPES))
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 1}, {**_SCATTERED, "index": TensorType((2, 1), "int64")}),
        Example({"dim": -1, "value": 1.5}, {"input": TensorType((3, 5)), "index": TensorType((3, 4), "int32")}),
    )

    value: OptionalFilling = None

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        if ("src" in inputs) == (self.value is not None):
            raise ShapeError(
                "scatter writes a source or a 'value'",
                received="a source and a value" if "src" in inputs else "neither",
                hint="" if "src" in inputs else "in: [input, index, src] names a source",
            )
        if self.value is not None and inputs["input"].dtype != "bool":
            require_fits(self.value, inputs["input"].dtype, "value")
        return super().infer(inputs, facts)


@operation("scatter_add", Traits(keeps_float32=True))
class ScatterAdd(Scattered):
    meaning: ClassVar[str] = (
        "input, with src[i, j] added at [i, index[i, j]], for dim: 1: [..., A, ...], int [...], [...] → [..., A, ...]"
    )
    ports: ClassVar[tuple[Port, ...]] = (
        Port("input", dtypes=NUMBER_TYPES),
        _INDEX,
        Port("src", dtypes=NUMBER_TYPES),
    )
    examples: ClassVar[tuple[Example, ...]] = (Example({"dim": 1}, _SAME_ROWS), Example({"dim": 0}, _SCATTERED))


@operation("scatter_reduce", Traits(keeps_float32=True))
class ScatterReduce(ScatterAdd):
    meaning: ClassVar[str] = (
        "As scatter_add, with the sum, the product, the largest or the smallest of what input and src hold for a place"
    )
    examples: ClassVar[tuple[Example, ...]] = tuple(
        Example({"dim": 1, "reduce": reduce}, _SAME_ROWS) for reduce in ("sum", "amax")
    )

    reduce: Literal["sum", "prod", "amax", "amin"]


class Inserted(Indexed):
    """Base of what writes whole slices of a source to the places that an index lists."""

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind, index, source = inputs["input"], inputs["index"], inputs["source"]
        axis = self.axis(inputs)
        require_rank(index, 1, "index")
        require_rank(source, kind.rank, "source")
        require_same_dtype((kind, source))
        for at, (have, want) in enumerate(zip(source.shape, kind.shape, strict=True)):
            wanted = index.shape[0] if at == axis else want
            cause = Cause(f"dimension {at} of the source {source} must be that of the slices", subject="source")
            facts.require_equal(have, wanted, cause)
        return (kind,)


_INSERTED = {"input": TensorType((5, 4)), "index": TensorType((3,), "int64"), "source": TensorType((3, 4))}

_COLUMNS = {"input": TensorType((4, 5)), "index": TensorType((1,), "int64"), "source": TensorType((4, 1))}


@operation("index_add", Traits(keeps_float32=True))
class IndexAdd(Inserted):
    meaning: ClassVar[str] = (
        "input, with alpha · source[i] added at index[i], along dim: [..., A, ...], int [B], [..., B, ...] → same"
    )
    ports: ClassVar[tuple[Port, ...]] = (
        Port("input", dtypes=NUMBER_TYPES),
        _INDEX,
        Port("source", dtypes=NUMBER_TYPES),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 0}, _INSERTED),
        Example({"dim": -1, "alpha": -0.5}, _COLUMNS),
    )

    alpha: int | float = 1

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        if isinstance(self.alpha, float) and inputs["input"].dtype not in FLOAT_TYPES:
            raise ShapeError(
                "whole numbers are added a whole number of times", subject="alpha", received=str(self.alpha)
            )
        require_fits(self.alpha, inputs["input"].dtype, "alpha")
        return super().infer(inputs, facts)


@operation("index_copy")
class IndexCopy(Inserted):
    meaning: ClassVar[str] = (
        "input, with source[i] in the place of slice index[i] along dim: [..., A, ...], int64 [B], [..., B, ...] → same"
    )
    ports: ClassVar[tuple[Port, ...]] = (_INPUT, Port("index", dtypes=_LONG), Port("source", dtypes=DTYPES))
    examples: ClassVar[tuple[Example, ...]] = (Example({"dim": 1}, _COLUMNS),)


@operation("one_hot")
class OneHot(Operation):
    meaning: ClassVar[str] = "1 at the place that each number names, else 0, as int64: int64 [...] → [..., num_classes]"
    ports: ClassVar[tuple[Port, ...]] = (Port("input", dtypes=_LONG),)
    indices: ClassVar[tuple[str, ...]] = ("input",)
    examples: ClassVar[tuple[Example, ...]] = (Example({"num_classes": 5}, {"input": TensorType((2, 3), "int64")}),)

    num_classes: Positive

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        return (TensorType((*inputs["input"].shape, self.num_classes), "int64"),)

    def index_range(self, port: str, inputs: Inputs) -> tuple[Dim, Dim]:
        return 0, self.num_classes - 1


@operation("embedding_bag", Traits(keeps_float32=True))
class EmbeddingBag(Operation):
    meaning: ClassVar[str] = (
        "Mean, sum or maximum of the rows of a table that each bag lists, in a sum each times its weight: "
        "int [N, L] → [N, embedding_dim]"
    )
    ports: ClassVar[tuple[Port, ...]] = (
        Port("input", dtypes=INTEGER_TYPES),
        Port("per_sample_weights", optional=True, dtypes=("float32",)),
    )
    indices: ClassVar[tuple[str, ...]] = ("input",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"num_embeddings": 7, "embedding_dim": 4}, {"input": TensorType((2, 3), "int64")}),
        Example({"num_embeddings": 7, "embedding_dim": 4, "mode": "max"}, {"input": TensorType((2, 3), "int32")}),
    )

    num_embeddings: Positive
    embedding_dim: Positive
    mode: Literal["sum", "mean", "max"] = "mean"

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        bags = inputs["input"]
        require_rank(bags, 2)
        if "per_sample_weights" in inputs:
            weights = inputs["per_sample_weights"]
            if self.mode != "sum":
                raise ShapeError("rows have weights in sums only", expected="mode: sum", received=self.mode)
            require_rank(weights, 2, "per_sample_weights")
            for have, want in zip(weights.shape, bags.shape, strict=True):
                facts.require_equal(have, want, Cause("each row of a bag has a weight", subject="per_sample_weights"))
        return (TensorType((bags.shape[0], self.embedding_dim)),)

    def weights(self, inputs: Inputs) -> tuple[Weight, ...]:
        return (Weight("weight", (self.num_embeddings, self.embedding_dim), Init("normal", 1.0)),)

    def index_range(self, port: str, inputs: Inputs) -> tuple[Dim, Dim]:
        return 0, self.num_embeddings - 1

    def index_range_text(self, inputs: Inputs) -> str:
        return f"the table has {self.num_embeddings} rows"

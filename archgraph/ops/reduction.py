"""Reductions over dimensions, under torch's names: all but the common ones are one row each, from which every target
takes it."""

from __future__ import annotations

import typing  # `Any` is the contract of `any` here
from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from archgraph.dims import Dim, Facts, product
from archgraph.errors import ShapeError
from archgraph.ops.attributes import OptionalAxes, Says, SomeAxes
from archgraph.ops.contract import DTYPES, NUMBER_TYPES, Example, Inputs, Operation, Port, TensorType, operation
from archgraph.ops.promotion import counted, summed, truth_or_byte
from archgraph.ops.requirements import axes_of
from archgraph.ops.tables import ANYTHING, FLOATS, NUMBERS, REAL, Attributes, OperationTable, Row, Types, rows, tabled
from archgraph.ops.traits import Traits

_BOX = {"input": TensorType((2, 6, 4, 5))}


class Reduction(Operation):
    """Base of the common reductions: the dimensions of `dim` (null or []: all) disappear, or with keepdim become 1."""

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


@operation("mean", Traits(keeps_float32=True, infinities="read"))
class Mean(Reduction):
    meaning: ClassVar[str] = "Mean over dim: [..., A, ...] → [..., ...], or [..., 1, ...] with keepdim"


@operation("sum", Traits(keeps_float32=True, infinities="read"))
class Sum(Reduction):
    meaning: ClassVar[str] = "Sum over dim: [..., A, ...] → [..., ...], or [..., 1, ...] with keepdim"
    ports: ClassVar[tuple[Port, ...]] = (Port("input", dtypes=DTYPES),)

    def gives(self, dtype: str) -> str:
        return summed(dtype)


@operation("amax")
class Amax(Reduction):
    meaning: ClassVar[str] = "Largest value over dim: [..., A, ...] → [..., ...], or [..., 1, ...] with keepdim"
    ports: ClassVar[tuple[Port, ...]] = (Port("input", dtypes=DTYPES),)


SUMS = Types(DTYPES, summed)
COUNTED = Types(DTYPES, counted)
QUESTION = Types(DTYPES, truth_or_byte)
PLACES = Types(NUMBER_TYPES, counted)

Order = Annotated[float, Field(allow_inf_nan=True), Says("a number, .inf and -.inf too")]

_KEEPDIM: Attributes = {"keepdim": (bool, False)}
_DIMS: Attributes = {"dim": (OptionalAxes, None), **_KEEPDIM}
_SOME_DIMS: Attributes = {"dim": (SomeAxes, None), **_KEEPDIM}
_DIM: Attributes = {"dim": (int | None, None), **_KEEPDIM}
_CORRECTED: Attributes = {"dim": (OptionalAxes, None), "correction": (float, 1), **_KEEPDIM}

_Shown: typing.TypeAlias = "tuple[Mapping[str, typing.Any], ...]"
_EACH_WAY: _Shown = ({}, {"dim": [0, 2]}, {"dim": -2, "keepdim": True})
_ONE_WAY: _Shown = ({}, {"dim": 0}, {"dim": -2, "keepdim": True})
_CORRECTIONS: _Shown = (
    {},
    {"dim": [0, 2], "correction": 0},
    {"dim": -2, "keepdim": True},
)


class TabledReduction(Operation):
    """Base of the reductions of the tables: the dimensions of `dim` (null: all) disappear, or with keepdim become 1."""

    row: ClassVar[Row]

    @property
    def keeps(self) -> bool:
        """Whether reduced dimensions stay, with the size 1."""
        return bool(getattr(self, "keepdim", False))

    @property
    def single(self) -> bool:
        """Whether torch's function takes one dimension, or none for all."""
        return bool(self.row.attributes["dim"][0] == int | None)

    def axes(self, kind: TensorType) -> tuple[int, ...]:
        """The reduced dimensions, counted from the front. Raises ShapeError out of range."""
        dim: typing.Any = getattr(self, "dim")  # noqa: B009 - a field of every row
        dims = (dim,) if isinstance(dim, int) else dim
        return axes_of(kind, dims) if dims else tuple(range(kind.rank))

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        axes = self.axes(kind)
        self._require_dim()
        shape = tuple(1 if at in axes else size for at, size in enumerate(kind.shape) if self.keeps or at not in axes)
        return tuple(TensorType(shape, dtype) for dtype in self._gives(kind.dtype))

    def normalized_values(self, inputs: Inputs) -> Dim | None:
        """Those of a variance or of its root."""
        if "correction" not in self.row.attributes:
            return None
        kind = inputs["input"]
        return product(tuple(kind.shape[axis] for axis in self.axes(kind)))

    def _gives(self, dtype: str) -> tuple[str, ...]:
        return (self.row.types.gives(dtype),)

    def _require_dim(self) -> None:
        """torch keeps all dimensions at once only where it also takes several."""
        if self.single and self.keeps and getattr(self, "dim") is None and self.row.name not in ("argmax", "argmin"):  # noqa: B009
            raise ShapeError(f"{self.row.name} keeps a dimension that 'dim' names", subject="keepdim")


class Spread(TabledReduction):
    """Base of the reductions that give two values: a measure of the spread, and the mean."""

    @property
    def results(self) -> tuple[str, ...]:
        return (self.row.name.removesuffix("_mean"), "mean")

    def _gives(self, dtype: str) -> tuple[str, ...]:
        return (dtype, dtype)


class Extreme(TabledReduction):
    """Base of the reductions that give the extreme values along a dimension and their places; over all, the value."""

    @property
    def results(self) -> tuple[str, ...]:
        return ("",) if getattr(self, "dim") is None else ("values", "indices")  # noqa: B009

    def _gives(self, dtype: str) -> tuple[str, ...]:
        return (dtype, "int64")[: len(self.results)]


class Place(TabledReduction):
    """Base of the places of extreme values: along a dimension, or among all values in a row."""


_TOP = "ReduceMax(x, axes, keepdims=1)"
_SHIFT = f"Where(Abs({_TOP}) == inf, 0, {_TOP})"
_LOGSUMEXP = f"Log(ReduceSum(Exp(x - {_SHIFT}), axes, keepdims=1)) + {_SHIFT}"  # no exponential of large numbers
_NONZERO = "Not(x == 0)"
_FAR = "x - ReduceMean(x, axes, keepdims=1)"
VARIANCE = f"ReduceSum(({_FAR}) * ({_FAR}), axes, keepdims=keep) / free"
MEAN = "ReduceMean(x, axes, keepdims=keep)"
_POWERS = "Pow(ReduceSum(Pow(Abs(x), ord), axes, keepdims=keep), 1 / ord)"
VECTOR_NORM = (
    "Where(ord == 2, ReduceL2(x, axes, keepdims=keep), Where(ord == 1, ReduceL1(x, axes, keepdims=keep), "
    "Where(ord == inf, ReduceMax(Abs(x), axes, keepdims=keep), Where(ord == -inf, ReduceMin(Abs(x), axes, "
    f"keepdims=keep), Where(ord == 0, ReduceSum(Where(x == 0, 0, 1), axes, keepdims=keep), {_POWERS})))))"
)

_ROWS = rows(
    Row(
        *("prod", "Product", "ReduceProd(x, axes, keepdims=keep)", SUMS),
        attributes=_DIM,
        examples=_ONE_WAY,
    ),
    Row(
        *("amin", "Smallest value", "ReduceMin(x, axes, keepdims=keep)", ANYTHING),
        span="minimum",
        attributes=_DIMS,
        examples=_EACH_WAY,
    ),
    Row(
        *("any", "Whether one is not 0", f"Cast(ReduceMax(Cast({_NONZERO}, to=6), axes, keepdims=keep), to=9)"),
        QUESTION,
        attributes=_SOME_DIMS,
        examples=_EACH_WAY,
    ),
    Row(
        *("all", "Whether none is 0", f"Cast(ReduceMin(Cast({_NONZERO}, to=6), axes, keepdims=keep), to=9)"),
        QUESTION,
        attributes=_SOME_DIMS,
        examples=_EACH_WAY,
    ),
    Row(
        *("count_nonzero", "How many are not 0", f"ReduceSum(Cast({_NONZERO}, to=7), axes, keepdims=keep)", COUNTED),
        span="count",
        attributes={"dim": (OptionalAxes, None)},
        examples=({}, {"dim": [0, 2]}, {"dim": 1}),
    ),
    Row(
        *("logsumexp", "Logarithm of the sum of the exponentials", _LOGSUMEXP, REAL),
        attributes={"dim": (SomeAxes, ...), **_KEEPDIM},
        examples=({"dim": [0, 2]}, {"dim": -2, "keepdim": True}),
    ),
    Row(
        *("var", "Variance: Σ (x - mean)² / max(0, count - correction)", VARIANCE, FLOATS),
        attributes=_CORRECTED,
        examples=_CORRECTIONS,
    ),
    Row(
        *("std", "Standard deviation: the root of the variance", f"Sqrt({VARIANCE})", FLOATS),
        attributes=_CORRECTED,
        examples=_CORRECTIONS,
    ),
    Row(
        "vector_norm",
        "(Σ |x|^ord)^(1/ord); for ord .inf the largest |x|, for -.inf the smallest, for 0 how many are not 0",
        VECTOR_NORM,
        FLOATS,
        torch="torch.linalg.vector_norm",
        attributes={"ord": (Order, 2), **_DIMS},
        examples=(*_EACH_WAY, *({"ord": ord, "dim": 1} for ord in (1, 0, 3.5, float("inf"), float("-inf")))),
    ),
    Row(
        *("median", "The middle value, of two the smaller one", "", NUMBERS),
        span="same",
        attributes=_DIM,
        examples=_ONE_WAY,
    ),
)
_SPREADS = rows(
    Row("var_mean", "Variance and mean", VARIANCE, FLOATS, attributes=_CORRECTED, examples=_CORRECTIONS),
    Row(
        *("std_mean", "Standard deviation and mean", f"Sqrt({VARIANCE})", FLOATS),
        attributes=_CORRECTED,
        examples=_CORRECTIONS,
    ),
)
_EXTREMES = rows(
    Row("max", "The largest values and their places", "Max", ANYTHING, attributes=_DIM, examples=_ONE_WAY),
    Row("min", "The smallest values and their places", "Min", ANYTHING, attributes=_DIM, examples=_ONE_WAY),
)
_PLACES = rows(
    Row("argmax", "The place of the largest value", "Max", PLACES, attributes=_DIM, examples=_ONE_WAY),
    Row("argmin", "The place of the smallest value", "Min", PLACES, attributes=_DIM, examples=_ONE_WAY),
)

_EQUATION = "[..., A, ...] → [..., ...], or [..., 1, ...] with keepdim"
_EXAMPLE = Example({}, {"input": TensorType((2, 3, 5))})
TABLES = tuple(
    tabled(OperationTable(base, family, _EQUATION, Traits(keeps_float32=True), (_EXAMPLE,)))
    for base, family in ((TabledReduction, _ROWS), (Spread, _SPREADS), (Extreme, _EXTREMES), (Place, _PLACES))
)


def __getattr__(name: str) -> typing.Any:
    return next((table for table in TABLES if table.has(name)), TABLES[0]).attribute(name)

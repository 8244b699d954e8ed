"""Types of attributes beyond those of the contract, and dimensions that attributes name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator

from archgraph.dims import Size
from archgraph.errors import ShapeError
from archgraph.ops.contract import Says, TensorType

MOST_PARTS = 1000


def _whole(value: Any) -> bool:
    return isinstance(value, (int, Size)) and not isinstance(value, bool)


def _repeated(count: int, minimum: int) -> Callable[[Any], Any]:
    """Makes an int into a tuple of that many, a list into a tuple; refuses numbers below the minimum."""

    def convert(value: Any) -> Any:
        if _whole(value):
            value = (value,) * count
        value = tuple(value) if isinstance(value, list) else value
        for item in value if isinstance(value, tuple) else ():
            if isinstance(item, int) and item < minimum:
                raise ValueError(f"must be at least {minimum}")
        return value

    return convert


def _listed(value: Any) -> Any:
    """An int becomes a tuple of one, a list a tuple."""
    if _whole(value):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def _not_a_number(value: Any) -> Any:
    if _whole(value):
        raise ValueError("chunk divides into equal parts, split into a list of sizes")
    return tuple(value) if isinstance(value, list) else value


def _within(low: float, high: float) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if isinstance(value, (int, float)) and not low <= value <= high:
            raise ValueError(f"must be between {low:g} and {high:g}")
        return value

    return check


def _above_zero(value: Any) -> Any:
    if isinstance(value, (int, float)) and value <= 0:
        raise ValueError("must be greater than 0")
    return value


def _not_negative(value: Any) -> Any:
    if isinstance(value, (int, float)) and value < 0:
        raise ValueError("must not be negative")
    return value


Single = Annotated[tuple[int], BeforeValidator(_repeated(1, 1)), Says("a whole number of at least 1")]
NaturalSingle = Annotated[tuple[int], BeforeValidator(_repeated(1, 0)), Says("a whole number of at least 0")]
OptionalPair = Annotated[
    tuple[int, int] | None,
    BeforeValidator(_repeated(2, 1)),
    Says("a whole number of at least 1, or two of them, or null"),
]
PartialPair = Annotated[
    tuple[int | None, int | None],
    BeforeValidator(_repeated(2, 1)),
    Says("a whole number of at least 1, or two of them; null keeps a size"),
]
DimPair = Annotated[
    tuple[int | Size, int | Size] | None,
    BeforeValidator(_repeated(2, 1)),
    Says("a size, or two of them, or null"),
]
Axes = Annotated[tuple[int, ...], BeforeValidator(_listed), Says("a dimension, or a list of dimensions")]
Shifts = Annotated[tuple[int, ...], BeforeValidator(_listed), Says("a whole number, or a list of them")]
Parts = Annotated[tuple[int | Size, ...], BeforeValidator(_not_a_number), Says("a list of sizes")]
Count = Annotated[int, BeforeValidator(_within(1, MOST_PARTS)), Says(f"a whole number from 1 to {MOST_PARTS}")]
OptionalAxes = Annotated[
    tuple[int, ...] | None, BeforeValidator(_listed), Says("a dimension, a list of dimensions, or null for all")
]
OptionalInts = Annotated[
    tuple[int, ...] | None, BeforeValidator(_repeated(1, 1)), Says("a whole number, a list of them, or null")
]
Naturals = Annotated[tuple[int, ...], BeforeValidator(_repeated(1, 0)), Says("a list of whole numbers of at least 0")]
Positives = Annotated[tuple[int, ...], BeforeValidator(_repeated(1, 1)), Says("a list of whole numbers of at least 1")]
Probability = Annotated[float, BeforeValidator(_within(0, 1)), Says("a number between 0 and 1")]
PositiveNumber = Annotated[float, BeforeValidator(_above_zero), Says("a number greater than 0")]
Epsilon = Annotated[float, BeforeValidator(_not_negative), Says("a number of at least 0")]
OptionalEpsilon = Annotated[float | None, BeforeValidator(_not_negative), Says("a number of at least 0, or null")]


def axis_of(kind: TensorType, dim: int, what: str = "dim", rank: int | None = None) -> int:
    """A dimension counted from the front; `rank` where it is not the value's own. Raises ShapeError out of range."""
    count = kind.rank if rank is None else rank
    if not -count <= dim < count:
        raise ShapeError(
            f"{what} {dim} is out of range for {kind}",
            expected=f"{-count} to {count - 1}" if count else "a value with at least one dimension",
            received=str(dim),
        )
    return dim % count


def axes_of(kind: TensorType, dims: Sequence[int], what: str = "dim") -> tuple[int, ...]:
    """Dimensions counted from the front, in the given order. Raises ShapeError out of range or named twice."""
    axes = tuple(axis_of(kind, dim, what) for dim in dims)
    if len(set(axes)) < len(axes):
        raise ShapeError(f"{what} names a dimension of {kind} twice", received=str(list(dims)))
    return axes


def require_same_dtype(kinds: Sequence[TensorType]) -> None:
    """Raises ShapeError unless all values have one element type."""
    if len({kind.dtype for kind in kinds}) > 1:
        raise ShapeError(
            "the element types differ", expected="one element type", received=" and ".join(map(str, kinds))
        )

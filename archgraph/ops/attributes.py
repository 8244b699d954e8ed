"""Types of attributes: what they take, what it becomes, and how error messages and documentation name them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, BeforeValidator

from archgraph.dims import Size
from archgraph.records import record

MOST_PARTS = 1000


@record()
class Says:
    """Carried in an attribute's annotation: how error messages and documentation name its type."""

    text: str


def _whole(value: Any) -> bool:
    return isinstance(value, (int, Size)) and not isinstance(value, bool)


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def repeated(count: int, minimum: int) -> Callable[[Any], Any]:
    """Makes an int into a tuple of that many, a list into a tuple; refuses numbers below the minimum."""

    def convert(value: Any) -> Any:
        if _whole(value):
            value = (value,) * count
        value = _as_tuple(value)
        for item in value if isinstance(value, tuple) else ():
            if isinstance(item, int) and item < minimum:
                raise ValueError(f"must be at least {minimum}")
        return value

    return convert


def _listed(value: Any) -> Any:
    """An int becomes a tuple of one, a list a tuple."""
    if _whole(value):
        return (value,)
    return _as_tuple(value)


def _some(value: Any) -> Any:
    """As `_listed`; an empty list is none."""
    if value in ([], ()):
        raise ValueError("an empty list names no dimension; null names all")
    return _listed(value)


def _not_a_number(value: Any) -> Any:
    if _whole(value):
        raise ValueError("chunk divides into equal parts, split into a list of sizes")
    return _as_tuple(value)


def _at_least_one(value: Any) -> Any:
    if isinstance(value, int) and value < 1:
        raise ValueError("must be at least 1")
    return value


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


Positive = Annotated[int, BeforeValidator(_at_least_one), Says("a whole number of at least 1")]
Natural = Annotated[int, BeforeValidator(_not_negative), Says("a whole number of at least 0")]
Ints = Annotated[tuple[int, ...], BeforeValidator(_as_tuple), Says("a list of whole numbers")]
Dims = Annotated[tuple[int | Size, ...], BeforeValidator(_as_tuple), Says("a list of sizes")]
Pair = Annotated[tuple[int, int], BeforeValidator(repeated(2, 1)), Says("a whole number of at least 1, or two of them")]
NaturalPair = Annotated[
    tuple[int, int], BeforeValidator(repeated(2, 0)), Says("a whole number of at least 0, or two of them")
]
Single = Annotated[tuple[int], BeforeValidator(repeated(1, 1)), Says("a whole number of at least 1")]
NaturalSingle = Annotated[tuple[int], BeforeValidator(repeated(1, 0)), Says("a whole number of at least 0")]
OptionalPair = Annotated[
    tuple[int, int] | None,
    BeforeValidator(repeated(2, 1)),
    Says("a whole number of at least 1, or two of them, or null"),
]
PartialPair = Annotated[
    tuple[int | None, int | None],
    BeforeValidator(repeated(2, 1)),
    Says("a whole number of at least 1, or two of them; null keeps a size"),
]
DimPair = Annotated[
    tuple[int | Size, int | Size] | None,
    BeforeValidator(repeated(2, 1)),
    Says("a size, or two of them, or null"),
]
RequiredDimPair = Annotated[
    tuple[int | Size, int | Size], BeforeValidator(repeated(2, 1)), Says("a size, or two of them")
]
Axes = Annotated[tuple[int, ...], BeforeValidator(_listed), Says("a dimension, or a list of dimensions")]
Shifts = Annotated[tuple[int, ...], BeforeValidator(_listed), Says("a whole number, or a list of them")]
Parts = Annotated[tuple[int | Size, ...], BeforeValidator(_not_a_number), Says("a list of sizes")]
Count = Annotated[int, BeforeValidator(_within(1, MOST_PARTS)), Says(f"a whole number from 1 to {MOST_PARTS}")]
OptionalAxes = Annotated[
    tuple[int, ...] | None, BeforeValidator(_listed), Says("a dimension, a list of dimensions, or null for all")
]
SomeAxes = Annotated[
    tuple[int, ...] | None, BeforeValidator(_some), Says("a dimension, a list of some, or null for all")
]
OptionalInts = Annotated[
    tuple[int, ...] | None, BeforeValidator(repeated(1, 1)), Says("a whole number, a list of them, or null")
]
Naturals = Annotated[tuple[int, ...], BeforeValidator(repeated(1, 0)), Says("a list of whole numbers of at least 0")]
Positives = Annotated[tuple[int, ...], BeforeValidator(repeated(1, 1)), Says("a list of whole numbers of at least 1")]
SAYS_PROBABILITY = Says("a number between 0 and 1")
Probability = Annotated[float, BeforeValidator(_within(0, 1)), SAYS_PROBABILITY]
PositiveNumber = Annotated[float, BeforeValidator(_above_zero), Says("a number greater than 0")]
Epsilon = Annotated[float, BeforeValidator(_not_negative), Says("a number of at least 0")]
OptionalEpsilon = Annotated[float | None, BeforeValidator(_not_negative), Says("a number of at least 0, or null")]


def type_text(kind: type[BaseModel], key: str) -> str:
    """How error messages and documentation name the type of an attribute."""
    field_info = kind.model_fields[key]
    said = [item.text for item in field_info.metadata if isinstance(item, Says)]
    return said[0] if said else _spoken(field_info.annotation)


def _spoken(note: Any) -> str:
    if get_origin(note) is Literal:
        return f"one of {', '.join(map(str, get_args(note)))}"
    parts = get_args(note) or (note,)
    wider = {float, Size} & set(parts)  # an int is a number and a size
    return " or ".join(_SPOKEN.get(part) or _spoken(part) for part in parts if part is not int or not wider)


_SPOKEN = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    Size: "a size",
    type(None): "null",
}

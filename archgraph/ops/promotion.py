"""Which element type a result has where those of the inputs differ: torch's rules of type promotion,
https://docs.pytorch.org/docs/stable/tensor_attributes.html#type-promotion-doc."""

from __future__ import annotations

from collections.abc import Sequence

from archgraph.ops.contract import FLOAT_TYPES, INTEGER_TYPES, TensorType

_KINDS = (("bool",), ("uint8", *INTEGER_TYPES), FLOAT_TYPES)
_OF_NUMBERS: dict[type, str] = {bool: "bool", int: "int64", float: "float32"}
_WIDTHS = ("bool", "uint8", "int32", "int64", "float16", "bfloat16", "float32", "float64")


def result_type(kinds: Sequence[TensorType], number: float | None = None) -> str:
    """The element type of a result of values, and of a number next to them.

    A value without dimensions counts where it is of a higher kind (bool, whole, floating) than all that have some, and
    a number where it is of a higher kind than all values.
    """
    found = ""
    for types in (
        [kind.dtype for kind in kinds if kind.rank],
        [kind.dtype for kind in kinds if not kind.rank],
        [] if number is None else [_OF_NUMBERS[type(number)]],
    ):
        for dtype in types[:1]:
            wider = dtype
            for other in types[1:]:
                wider = _wider(wider, other)
            found = wider if not found or _level(wider) > _level(found) else found
    return found


def _level(dtype: str) -> int:
    return next(level for level, types in enumerate(_KINDS) if dtype in types)


def _wider(a: str, b: str) -> str:
    """The type that holds both; float16 and bfloat16 hold each other's numbers only in float32."""
    if {a, b} == {"float16", "bfloat16"}:
        return "float32"
    return max(a, b, key=_WIDTHS.index)


def kept(dtype: str) -> str:
    """The type itself."""
    return dtype


def floating(dtype: str) -> str:
    """The type itself where it is floating, else float32: a function of real numbers."""
    return dtype if dtype in FLOAT_TYPES else "float32"


def whole(dtype: str) -> str:
    """The type itself, and int64 for truth values: they count."""
    return "int64" if dtype == "bool" else dtype


def truth(dtype: str) -> str:
    """bool, whatever the type."""
    return "bool"


def summed(dtype: str) -> str:
    """The type itself where it is floating, else int64: what whole numbers add up to."""
    return dtype if dtype in FLOAT_TYPES else "int64"


def counted(dtype: str) -> str:
    """int64, whatever the type."""
    return "int64"


def truth_or_byte(dtype: str) -> str:
    """bool, and uint8 for uint8: what torch answers about many values."""
    return "uint8" if dtype == "uint8" else "bool"

"""What shape rules demand of the values that they get: ranks, dimensions, numbers and element types."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence

from archgraph.dims import Size, symbols_of
from archgraph.errors import ShapeError
from archgraph.ops.contract import TensorType

MOST_NAMED = 8
"""As many types are listed in a message."""


def require_rank(kind: TensorType, rank: int, port: str = "input") -> None:
    """Raises ShapeError unless the value has this many dimensions."""
    if kind.rank != rank:
        wanted = f"{rank} dimension" + ("s" if rank != 1 else "")
        raise ShapeError(
            f"the {port} must have {wanted}", expected=wanted, received=f"{kind} ({kind.rank})", subject=port
        )


def channels_of(kind: TensorType, dim: int = 1) -> int:
    """The size of a dimension that weights depend on; it must be a plain number. Raises ShapeError."""
    size = kind.shape[dim]
    if not isinstance(size, int):
        raise ShapeError(
            f"dimension {dim} must be a fixed number, because weights depend on it",
            expected="a whole number",
            received=f"{size} in {kind}",
            hint=_how_to_fix(size),
        )
    return size


def _how_to_fix(size: Size) -> str:
    names = sorted(symbols_of(size))
    if len(names) == 1:
        return f"write a number for {names[0]} in `inputs`"
    numbers = f"write numbers for {', '.join(names[:-1])} and {names[-1]} in `inputs`"
    return f"{numbers}, or pool to a fixed size first (adaptive_avg_pool2d)"


def axis_of(kind: TensorType, dim: int, what: str = "dim", rank: int | None = None) -> int:
    """A dimension counted from the front; `rank` where it is not the value's own. Raises ShapeError out of range."""
    count = kind.rank if rank is None else rank
    if not -count <= dim < count:
        raise ShapeError(
            f"{what} {dim} is out of range for {kind}",
            expected=f"{-count} to {count - 1}" if count else "a value with at least one dimension",
            received=str(dim),
            subject=what,
        )
    return dim % count


def without_dim(removed: int, dim: int) -> int | None:
    """Where dimension `dim` stands when another one has been removed; None where it is the one."""
    return None if dim == removed else dim - (dim > removed)


def axes_of(kind: TensorType, dims: Sequence[int], what: str = "dim") -> tuple[int, ...]:
    """Dimensions counted from the front, in the given order. Raises ShapeError out of range or named twice."""
    axes = tuple(axis_of(kind, dim, what) for dim in dims)
    if len(set(axes)) < len(axes):
        raise ShapeError(f"{what} names a dimension of {kind} twice", received=str(list(dims)), subject=what)
    return axes


def named(kinds: Sequence[TensorType]) -> str:
    """Types in a row: `[N, 4] and [N, 8]`; of many the first."""
    others = [f"{len(kinds) - MOST_NAMED:,} more"] if len(kinds) > MOST_NAMED else []
    return " and ".join([*map(str, kinds[:MOST_NAMED]), *others])


def require_same_dtype(kinds: Sequence[TensorType]) -> None:
    """Raises ShapeError unless all values have one element type."""
    if len({kind.dtype for kind in kinds}) > 1:
        raise ShapeError("the element types differ", expected="one element type", received=named(kinds))


_WHOLE_RANGES = {"uint8": (0, 255), "int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1), "bool": (0, 1)}
_LARGEST = {"float16": 65504.0, "bfloat16": (2 - 2**-7) * 2.0**127, "float32": (2 - 2**-23) * 2.0**127}
"""The largest finite number of a type."""


def require_fits(value: float, dtype: str, subject: str) -> None:
    """Raises ShapeError for a finite number that is beyond an element type, and for infinity as a whole number. torch
    refuses it, or wraps it around."""
    largest = math.inf if math.isinf(value) else _LARGEST.get(dtype, math.inf)
    low, high = _WHOLE_RANGES.get(dtype, (-largest, largest))
    if not low <= value <= high:
        raise ShapeError(
            f"the number does not fit into {dtype}",
            expected=f"{low:g} to {high:g}" if dtype in _LARGEST else f"{low} to {high}",
            received=str(value),
            subject=subject,
        )


def require_finite_attributes(attributes: Iterable[tuple[str, object]], dtypes: Collection[str]) -> None:
    """Raises ShapeError for a finite number among attributes that float32 does not hold, next to values that all are
    narrower than float64: it would be infinite there."""
    if "float64" in dtypes:
        return
    for name, value in attributes:
        if isinstance(value, float):
            require_fits(value, "float32", name)

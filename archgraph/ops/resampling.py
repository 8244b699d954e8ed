"""Values of another size: interpolation in one, two and three dimensions."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, model_validator

from archgraph.dims import Cause, Dim, Facts, Size
from archgraph.errors import ShapeError
from archgraph.ops.attributes import Says
from archgraph.ops.contract import Example, Inputs, Operation, TensorType, operation
from archgraph.ops.traits import Traits

_LARGEST_DENOMINATOR = 1024
_LARGEST_SCALE = 1024
_MOST_AXES = 3
_TRIED = 1 << 20
Mode = Literal["nearest", "bilinear", "nearest-exact", "linear", "bicubic", "trilinear", "area"]
AXES = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}
"""How many dimensions a mode resizes, where it is defined for one number only."""
ANTIALIASED = ("bilinear", "bicubic")


def _each(value: Any) -> Any:
    value = tuple(value) if isinstance(value, list) else value
    for item in value if isinstance(value, tuple) else (value,):
        if isinstance(item, int) and not isinstance(item, bool) and item < 1:
            raise ValueError("must be at least 1")
    return value


def _scales(value: Any) -> Any:
    value = tuple(value) if isinstance(value, list) else value
    for item in value if isinstance(value, tuple) else (value,):
        if isinstance(item, (int, float)) and not 0 < item <= _LARGEST_SCALE:
            raise ValueError(f"must be greater than 0, and at most {_LARGEST_SCALE}")
    return value


ResultSize = Annotated[
    int | Size | tuple[int | Size, ...] | None,
    BeforeValidator(_each),
    Says("a size, or one for each dimension, or null"),
]
Scales = Annotated[
    int | float | tuple[int | float, ...] | None,
    BeforeValidator(_scales),
    Says("a number greater than 0, or one for each dimension, or null"),
]


@operation("interpolate", Traits(keeps_scale=True, result_sizes=("size",)))
class Interpolate(Operation):
    meaning: ClassVar[str] = (
        "Resizes all dimensions after the channels: [N, C, H, W] → [N, C, *size], or [N, C, ⌊H·s⌋, ⌊W·s⌋], "
        "s = scale_factor"
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"scale_factor": 2}, {"input": TensorType((2, 3, 4, 5))}),
        Example({"size": (7, 9), "mode": "bilinear"}, {"input": TensorType((2, 3, 4, 5))}),
        Example({"size": 8, "mode": "bilinear", "align_corners": True}, {"input": TensorType((2, 3, 4, 5))}),
        Example({"scale_factor": (0.5, 1.5), "mode": "bilinear"}, {"input": TensorType((2, 3, 4, 6))}),
        Example({"size": (3, 9), "mode": "bilinear", "antialias": True}, {"input": TensorType((2, 3, 6, 5))}),
        Example(
            {"scale_factor": 1.3, "mode": "linear", "recompute_scale_factor": True}, {"input": TensorType((2, 3, 5))}
        ),
    )

    size: ResultSize = None
    scale_factor: Scales = None
    mode: Mode = "nearest"
    align_corners: bool = False
    recompute_scale_factor: bool = False
    antialias: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.size is None) == (self.scale_factor is None):
            raise ValueError("either size or scale_factor must be given")
        if self.align_corners and self.mode not in AXES:
            raise ValueError(f"align_corners has a meaning for {', '.join(AXES)} only, not for mode: {self.mode}")
        if self.recompute_scale_factor and self.scale_factor is None:
            raise ValueError("recompute_scale_factor has a meaning for a scale_factor only")
        if self.antialias and self.mode not in ANTIALIASED:
            raise ValueError("antialias has a meaning for mode: bilinear and bicubic only")
        return self

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        axes = self._axes(kind)
        self._require_one_for_each(axes)
        wanted = self.sizes(axes)
        if wanted is None:
            scales = self.all_scales(axes)
            wanted = tuple(self._scaled(kind.shape[2 + axis], scales[axis], facts) for axis in range(axes))
        return (TensorType((*kind.shape[:2], *wanted), kind.dtype),)

    def _axes(self, kind: TensorType) -> int:
        axes = kind.rank - 2
        fits = axes == AXES[self.mode] if self.mode in AXES else 1 <= axes <= _MOST_AXES
        if not fits:
            wanted = f"{AXES[self.mode] + 2} dimensions" if self.mode in AXES else "3, 4 or 5 dimensions"
            raise ShapeError(
                f"mode: {self.mode} resizes values of {wanted}",
                subject="mode",
                expected=wanted,
                received=f"{kind} ({kind.rank})",
            )
        return axes

    def _require_one_for_each(self, axes: int) -> None:
        for name in ("size", "scale_factor"):
            given = getattr(self, name)
            if isinstance(given, tuple) and len(given) != axes:
                raise ShapeError(
                    f"{name} has one number for each dimension after the channels",
                    subject=name,
                    expected=f"{axes} numbers",
                    received=f"{len(given)}",
                )

    def sizes(self, axes: int) -> tuple[Dim, ...] | None:
        """The sizes that are asked for, where they are."""
        if self.size is None or isinstance(self.size, tuple):
            return self.size
        return (self.size,) * axes

    def all_scales(self, axes: int) -> tuple[float, ...]:
        """The factors, one for each dimension."""
        given = 1 if self.scale_factor is None else self.scale_factor
        return given if isinstance(given, tuple) else (given,) * axes

    def steps(self, axes: int) -> tuple[float, ...] | None:
        """The factors where torch takes places by them, and not by the sizes."""
        by_size = self.scale_factor is None or self.recompute_scale_factor or self.mode == "area"
        return None if by_size else self.all_scales(axes)

    def _scaled(self, size: Dim, scale: float, facts: Facts) -> Dim:
        if isinstance(size, int):
            result: Dim = math.floor(float(size) * scale)
        else:
            exact = _ratio(scale)
            if exact is None:
                raise ShapeError(
                    f"⌊{size} · {scale}⌋ is not exact for every size",
                    subject="scale_factor",
                    expected="a scale_factor that is exact in binary, or rounded up there, such as 2, 0.5 or 1.3",
                    received=f"{scale}, {_counterexample(scale)}",
                    hint="give the size itself, for instance size: [=H // 3, =W // 3]",
                )
            result = size * exact.numerator // exact.denominator
        cause = Cause(f"{size} scaled by {scale:g} must not be empty", subject="scale_factor")
        facts.require_at_least(result, 1, cause)
        return result


def _ratio(scale: float) -> Fraction | None:
    """The factor p / q with ⌊n·p / q⌋ as torch has it in double precision, for every n below 2⁵⁰; None where there is
    none.

    Only multiples of q are near a whole number m. A factor that is stored too large, or exactly, gives m or more there.
    One that is too small by e gives m where m·e is at most half a step of the doubles below m: these are sparser the
    larger m is within its power of two, so twice the relative error decides.
    """
    stored = Fraction(scale)
    if stored.denominator <= _LARGEST_DENOMINATOR:
        return stored
    found = stored.limit_denominator(_LARGEST_DENOMINATOR)
    if float(found) != scale:
        return None
    exponent = math.frexp(scale)[1] - 1
    missing = (found - stored) / Fraction(2) ** (exponent - 53)
    return found if missing <= found / Fraction(2) ** exponent / 2 else None


def _counterexample(scale: float) -> str:
    """A size at which the nearest ratio is not torch's."""
    near = Fraction(scale).limit_denominator(_LARGEST_DENOMINATOR)
    for size in range(near.denominator, _TRIED, near.denominator):
        if math.floor(size * scale) != size * near.numerator // near.denominator:
            return f"which makes {size} to {math.floor(size * scale)}"
    return "which has no small denominator"

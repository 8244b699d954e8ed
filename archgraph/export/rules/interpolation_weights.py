"""The weights by which each place of an interpolated dimension mixes places of the original, as torch computes them.

One formula serves both: numbers where the sizes are known, and operators that compute them at run time where they are
not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.dims import Dim
from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.lowering.program import ELEMENT_TYPES, SINGLE
from archgraph.export.rules.embedding import counting

_CUBIC, _ANTIALIASED_CUBIC = -0.75, -0.5
"""torch's coefficients of the cubic convolution, Keys 1981; with antialias it follows Pillow."""


@dataclass(frozen=True, slots=True)
class Resampling:
    """One dimension: its size, the size that is wanted, and the factor where torch takes places by one."""

    have: Dim
    want: Dim
    scale: float | None
    mode: str
    align_corners: bool = False
    antialias: bool = False

    @property
    def cubic(self) -> bool:
        """Four neighbours, and not two."""
        return self.mode == "bicubic"

    @property
    def stays(self) -> bool:
        """Whether the values do: torch copies where the size stays, whatever the factor says, but for cubic places
        without antialias. On a GPU it copies these too where both sides of an image stay."""
        factored = self.scale not in (None, 1) and self.cubic and not self.antialias
        return self.have == self.want and not factored


def weights(at: OnnxRuleContext, how: Resampling) -> Array | str:
    """The matrix [want, have]."""
    if isinstance(how.have, int) and isinstance(how.want, int):
        numbers = _Numbers()
        return np.asarray(_matrix(numbers, how, float(how.have), float(how.want), np.arange(how.have)))
    dtype = at.type.dtype

    def computed() -> str:
        written = _Written(at, how)
        places = written.value(counting(at, how.have))
        matrix = _matrix(written, how, written.size(how.have), written.size(how.want), places)
        return str(matrix.name) if dtype == SINGLE else written.cast(matrix.name, dtype)

    return at.emission.shared(("interpolation", how, dtype), computed)


def _matrix(by: Any, how: Resampling, have: Any, want: Any, places: Any) -> Any:
    step = _step(by, how, have, want)
    if how.antialias:
        return _antialiased(by, how, step, places)
    target = by.column(how.want)
    source = step * target if how.align_corners else step * (target + 0.5) - 0.5
    if not how.cubic:
        inside = by.minimum(by.maximum(source, 0.0), have - 1.0)
        return _tent(by, inside - places)
    base = by.floor(source)
    part, total = source - base, None
    for offset in (-1, 0, 1, 2):
        neighbour = by.minimum(by.maximum(base + float(offset), 0.0), have - 1.0)
        found = by.where(by.equal(neighbour, places), _keys(by, by.magnitude(part - float(offset)), _CUBIC))
        total = found if total is None else total + found
    return total


def _step(by: Any, how: Resampling, have: Any, want: Any) -> Any:
    """How far apart places are."""
    if how.align_corners:
        return (have - 1.0) / by.maximum(want - 1.0, 1.0) * by.minimum(want - 1.0, 1.0)
    if how.scale is None:
        return have / want
    given = by.number(1 / how.scale)
    if how.cubic and not how.antialias:
        return given
    return by.where(by.equal(have, want), by.number(1.0), given)  # torch copies where a size stays


def _antialiased(by: Any, how: Resampling, step: Any, places: Any) -> Any:
    """Wider windows where the size shrinks; their weights add up to 1 at the edges too."""
    centre = step * (by.column(how.want) + 0.5)
    distance = (places - centre + 0.5) / by.maximum(step, 1.0)
    found = _keys(by, by.magnitude(distance), _ANTIALIASED_CUBIC) if how.cubic else _tent(by, distance)
    return found / by.total(found)


def _tent(by: Any, distance: Any) -> Any:
    return by.maximum(1.0 - by.magnitude(distance), 0.0)


def _keys(by: Any, x: Any, a: float) -> Any:
    """The cubic convolution of a distance: one polynomial up to 1, another up to 2, and 0 beyond."""
    near = ((a + 2) * x - (a + 3)) * x * x + 1.0
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return by.where(by.below(x, 1.0), near, by.where(by.below(x, 2.0), far))


class _Numbers:
    """The formula over numbers, in double precision."""

    def column(self, size: Dim) -> Array:
        """0, 1, … one below the other."""
        return np.arange(float(size), dtype=np.float64)[:, None]  # type: ignore[arg-type]

    def number(self, value: float) -> float:
        return value

    def floor(self, x: Any) -> Any:
        return np.floor(x)

    def magnitude(self, x: Any) -> Any:
        return np.abs(x)

    def maximum(self, x: Any, y: Any) -> Any:
        return np.maximum(x, y)

    def minimum(self, x: Any, y: Any) -> Any:
        return np.minimum(x, y)

    def equal(self, x: Any, y: Any) -> Any:
        return np.equal(x, y)

    def below(self, x: Any, y: float) -> Any:
        return np.less(x, y)

    def where(self, condition: Any, x: Any, y: Any = 0.0) -> Any:
        return np.where(condition, x, y)

    def total(self, x: Any) -> Any:
        return np.sum(x, axis=1, keepdims=True)


@dataclass(frozen=True, slots=True)
class _Value:
    """A value of the file in float32, under Python's operators."""

    by: _Written
    name: str

    def __add__(self, other: Any) -> _Value:
        return self.by.pair("Add", self, other)

    def __sub__(self, other: Any) -> _Value:
        return self.by.pair("Sub", self, other)

    def __rsub__(self, other: Any) -> _Value:
        return self.by.pair("Sub", other, self)

    def __mul__(self, other: Any) -> _Value:
        return self.by.pair("Mul", self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> _Value:
        return self.by.pair("Div", self, other)


class _Written:
    """The formula as operators of the file, shared by all that resample a dimension alike."""

    def __init__(self, at: OnnxRuleContext, how: Resampling):
        self._at, self._wish = at, f"resampling/{how.have}_{how.want}".replace(" ", "")

    def value(self, whole: str) -> _Value:
        """Whole numbers of the file in float32."""
        return _Value(self, self.cast(whole, SINGLE))

    def size(self, size: Dim) -> _Value:
        """A size, as a vector of one number."""
        return self.value(self._at.sizes.scalar(size))

    def cast(self, x: str, dtype: str) -> str:
        return self._add("Cast", x, to=ELEMENT_TYPES[dtype])

    def column(self, size: Dim) -> _Value:
        return self.value(self._add("Unsqueeze", counting(self._at, size), self._at.constant([1])))

    def number(self, value: float) -> _Value:
        return _Value(self, self._at.constant(np.array([value], dtype=np.float32)))

    def pair(self, kind: str, x: Any, y: Any) -> _Value:
        return _Value(self, self._add(kind, self._name(x), self._name(y)))

    def floor(self, x: _Value) -> _Value:
        return _Value(self, self._add("Floor", x.name))

    def magnitude(self, x: _Value) -> _Value:
        return _Value(self, self._add("Abs", x.name))

    def maximum(self, x: Any, y: Any) -> _Value:
        return self.pair("Max", x, y)

    def minimum(self, x: Any, y: Any) -> _Value:
        return self.pair("Min", x, y)

    def equal(self, x: _Value, y: _Value) -> _Value:
        return self.pair("Equal", x, y)

    def below(self, x: _Value, y: float) -> _Value:
        return self.pair("Less", x, y)

    def where(self, condition: _Value, x: _Value, y: Any = 0.0) -> _Value:
        return _Value(self, self._add("Where", condition.name, x.name, self._name(y)))

    def total(self, x: _Value) -> _Value:
        return _Value(self, self._add("ReduceSum", x.name, self._at.constant([1]), keepdims=1))

    def _name(self, x: Any) -> str:
        return str(x.name) if isinstance(x, _Value) else self.number(float(x)).name

    def _add(self, kind: str, *inputs: str, **how: int) -> str:
        return self._at.emission.add(kind, inputs, self._wish, **how)

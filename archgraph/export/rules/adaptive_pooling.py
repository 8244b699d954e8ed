"""Means and maxima of areas that cover an image, as adaptive pools take them: area k of n goes from ⌊k·size / n⌋ to
⌈(k + 1)·size / n⌉."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.dims import Dim
from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.lowering.program import ELEMENT_TYPES
from archgraph.export.rules.axis_maps import along_axis
from archgraph.export.rules.embedding import counting
from archgraph.export.rules.means import AveragedWindows, few_numbers, mean_of_image, means_of_windows

Wanted = Sequence["Dim | None"]


def averaged_areas(at: OnnxRuleContext, x: str, wanted: Wanted, at_once: bool = False) -> str:
    """The whole image, equal windows of a known size, or each dimension by itself; `at_once` as for windows."""
    windows = _windows(at.shape[2:], wanted)
    if all(want == 1 for want in wanted):
        return at.emit("GlobalAveragePool", x) if at_once or few_numbers(windows) else mean_of_image(at, x)
    if all(windows):
        return means_of_windows(at, x, AveragedWindows(windows, windows), at_once)
    shape = list(at.shape)
    for axis, want in enumerate(wanted, start=2):
        if want is not None and want != shape[axis]:
            x = _averaged(at, x, shape, axis, want)
            shape[axis] = want
    return x


def largest_of_areas(at: OnnxRuleContext, x: str, wanted: Wanted) -> str:
    """The same with maxima."""
    if all(want == 1 for want in wanted):
        return at.emit("GlobalMaxPool", x)
    windows = _windows(at.shape[2:], wanted)
    if all(windows):
        return at.emit("MaxPool", x, kernel_shape=windows, strides=windows)
    for axis, want in enumerate(wanted, start=2):
        size = at.shape[axis]
        if want == 1:
            x = at.emit("ReduceMax", x, at.constant([axis]), keepdims=1)
        elif want is not None and want != size:
            x = at.emit("Gather", x, _places(at, size, want), axis=axis)
            x = at.emit("ReduceMax", x, at.constant([axis + 1]), keepdims=0)
    return x


def _windows(sizes: Sequence[Dim], wanted: Wanted) -> tuple[int, ...]:
    return tuple(_window(size, want) for size, want in zip(sizes, wanted, strict=True))


def _window(size: Dim, wanted: Dim | None) -> int:
    """The size of equal windows; 0 where they are not equal, or not known."""
    if wanted is None:
        return 1
    known = isinstance(size, int) and isinstance(wanted, int)
    return size // wanted if known and size % wanted == 0 else 0  # type: ignore[return-value]


def _averaged(at: OnnxRuleContext, x: str, shape: list[Dim], axis: int, wanted: Dim) -> str:
    """The mean of `wanted` areas along one dimension."""
    size = shape[axis]
    if wanted == 1:
        return at.emit("ReduceMean", x, at.constant([axis]), keepdims=1)
    if isinstance(size, int) and isinstance(wanted, int):
        return along_axis(at, x, shape, axis, area_matrix(size, wanted), wanted)
    if isinstance(wanted, int) and size % wanted == 0:
        parted = at.reshape(x, shape, (*shape[:axis], wanted, size // wanted, *shape[axis + 1 :]))
        return at.emit("ReduceMean", parted, at.constant([axis + 1]), keepdims=0)
    matrix = at.emission.shared(("areas", size, wanted, at.type.dtype), lambda: _RuntimeAreas(at, size, wanted).means())
    return along_axis(at, x, shape, axis, matrix, wanted)


def area_ends(size: int, areas: int) -> list[tuple[int, int]]:
    """Where each area starts, and where it ends."""
    return [(i * size // areas, -(-(i + 1) * size // areas)) for i in range(areas)]


def area_matrix(size: int, areas: int) -> Array:
    """Rows that average floor(i·size/areas) to ceil((i+1)·size/areas), the areas of adaptive pooling."""
    matrix = np.zeros((areas, size))
    for i, (start, end) in enumerate(area_ends(size, areas)):
        matrix[i, start:end] = 1 / (end - start)
    return matrix


def _places(at: OnnxRuleContext, size: Dim, wanted: Dim) -> str:
    """Rows of the places of each area; the last one repeated, so that all rows are equally long."""
    if isinstance(size, int) and isinstance(wanted, int):
        ends = area_ends(size, wanted)
        length = max(end - start for start, end in ends)
        rows = [[min(start + i, end - 1) for i in range(length)] for start, end in ends]
        return at.constant(np.array(rows, dtype=np.int64))
    return at.emission.shared(("area places", size, wanted), lambda: _RuntimeAreas(at, size, wanted).places())


class _RuntimeAreas:
    """Areas along a dimension whose size, or whose number of areas, is known at run time only."""

    def __init__(self, at: OnnxRuleContext, size: Dim, wanted: Dim):
        self._at, self._size, self._wanted = at, size, wanted

    def places(self) -> str:
        """No area is longer than ⌈size / wanted⌉ + 1."""
        start, end = self._ends()
        total, areas = self._at.sizes.scalar(self._size), self._at.sizes.scalar(self._wanted)
        longest = self._add("Add", self._add("Div", total, areas), self._at.constant([2]))
        steps = self._add("Range", self._scalar(0), self._add("Squeeze", longest), self._scalar(1))
        last = self._add("Sub", end, self._at.constant([1]))
        return self._add("Min", self._add("Add", start, steps), last)

    def means(self) -> str:
        """The matrix that averages."""
        start, end = self._ends()
        places = counting(self._at, self._size)
        inside = self._add("And", self._add("GreaterOrEqual", places, start), self._add("Less", places, end))
        lengths = self._cast(self._add("Sub", end, start), "float32")
        means = self._add("Div", self._cast(inside, "float32"), lengths)
        dtype = self._at.type.dtype
        return means if dtype == "float32" else self._cast(means, dtype)

    def _ends(self) -> tuple[str, str]:
        """Columns of where each area starts and ends."""
        total, areas = self._at.sizes.scalar(self._size), self._at.sizes.scalar(self._wanted)
        column = self._add("Unsqueeze", counting(self._at, self._wanted), self._at.constant([1]))
        start = self._add("Div", self._add("Mul", column, total), areas)
        following = self._add("Mul", self._add("Add", column, self._at.constant([1])), total)
        end = self._add("Div", self._add("Sub", self._add("Add", following, areas), self._at.constant([1])), areas)
        return start, end

    def _scalar(self, number: int) -> str:
        return self._at.constant(np.array(number, dtype=np.int64))

    def _cast(self, x: str, dtype: str) -> str:
        return self._add("Cast", x, to=ELEMENT_TYPES[dtype])

    def _add(self, kind: str, *inputs: str, **how: int) -> str:
        return self._at.emission.add(kind, inputs, f"areas/{self._size}_{self._wanted}".replace(" ", ""), **how)

"""A tensor whose numbers are read when they are asked for, and what is made of one without reading it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TypeAlias

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.weights.element_types import numpy_type, type_name
from archgraph.weights.open_files import FileRange


@dataclass(frozen=True, slots=True)
class LazyTensor:
    """A tensor; `dtype` is torch's name of its element type, `origin` where it comes from, for messages.

    `extent` is where a file holds just these bytes, where one does. `shared`: what is read is memory of somebody else,
    which must not be written to.
    """

    dtype: str
    shape: tuple[int, ...]
    load: Callable[[], Array]
    origin: str = ""
    extent: FileRange | None = None
    shared: bool = False

    @property
    def size(self) -> int:
        """The bytes that it takes."""
        return prod(self.shape) * numpy_type(self.dtype).itemsize

    def read(self) -> Array:
        """Its numbers, of exactly this type and shape. Nothing is kept: a second call reads them once more.

        Raises WeightsError where its file has changed.
        """
        return self.load()

    def mapped(self, shape: tuple[int, ...], function: Callable[[Array], Array], dtype: str = "") -> LazyTensor:
        """The tensor that a function makes of this one, when it is read."""
        return replace(self, dtype=dtype or self.dtype, shape=shape, load=lambda: function(self.load()), extent=None)

    def reshaped(self, shape: tuple[int, ...]) -> LazyTensor:
        """The same numbers, in the same order, under another shape."""
        return replace(self, shape=shape, load=lambda: self.load().reshape(shape))

    def part(self, axis: int, begin: int, size: int) -> LazyTensor:
        """`size` entries of an axis, from `begin`."""
        shape = (*self.shape[:axis], size, *self.shape[axis + 1 :])
        if self.extent is not None and axis == 0:
            row = self.size // max(self.shape[0], 1)
            return of_bytes(self.dtype, shape, self.extent.piece(begin * row, size * row), self.origin)
        where = (slice(None),) * axis + (slice(begin, begin + size),)
        return self.mapped(shape, lambda values: values[where].copy())


Tensors: TypeAlias = Mapping[str, LazyTensor]
"""Tensors by key, in the order of their file."""


def of_bytes(dtype: str, shape: tuple[int, ...], extent: FileRange, origin: str) -> LazyTensor:
    """A tensor whose numbers are bytes of a file as they stand there."""
    return LazyTensor(dtype, shape, lambda: extent.read().view(numpy_type(dtype)).reshape(shape), origin, extent)


def of_array(array: Array, origin: str = "") -> LazyTensor:
    """An array that is in memory already."""
    return LazyTensor(type_name(array), tuple(array.shape), lambda: array, origin, shared=True)


def require_unchanged(tensors: Iterable[LazyTensor]) -> None:
    """Raises WeightsError where a file that tensors lie in has changed since it was opened."""
    for file in {id(one.extent.file): one.extent.file for one in tensors if one.extent is not None}.values():
        file.require_unchanged()


def joined(tensors: Sequence[LazyTensor], axis: int) -> LazyTensor:
    """Tensors of one type put one behind the other along an axis."""
    first = tensors[0]
    length = sum(tensor.shape[axis] for tensor in tensors)
    shape = (*first.shape[:axis], length, *first.shape[axis + 1 :])
    origin = ", ".join(tensor.origin for tensor in tensors if tensor.origin)
    return LazyTensor(first.dtype, shape, lambda: np.concatenate([one.read() for one in tensors], axis=axis), origin)

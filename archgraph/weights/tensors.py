"""A tensor whose numbers are read when they are asked for, and what is made of one without reading it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import TypeAlias

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.artifact.atomic_files import ByteRange
from archgraph.weights.element_types import numpy_type, type_name


@dataclass(frozen=True, slots=True)
class LazyTensor:
    """A tensor under torch's name of its element type; `read` makes a new array of exactly that type and shape.

    `origin` says where it comes from, for messages; `extent` is where a file holds just these bytes, where one does.
    """

    dtype: str
    shape: tuple[int, ...]
    load: Callable[[], Array]
    origin: str = ""
    extent: ByteRange | None = None

    @property
    def size(self) -> int:
        """The bytes that it takes."""
        return prod(self.shape) * numpy_type(self.dtype).itemsize

    def read(self) -> Array:
        """Its numbers. Nothing is kept: a second call reads them once more. Raises WeightsError, OSError."""
        return self.load()

    def mapped(self, shape: tuple[int, ...], function: Callable[[Array], Array], dtype: str = "") -> LazyTensor:
        """The tensor that a function makes of this one, when it is read."""
        return LazyTensor(dtype or self.dtype, shape, lambda: function(self.load()), self.origin)

    def part(self, axis: int, begin: int, size: int) -> LazyTensor:
        """`size` entries of an axis, from `begin`."""
        where = (slice(None),) * axis + (slice(begin, begin + size),)
        shape = (*self.shape[:axis], size, *self.shape[axis + 1 :])
        return self.mapped(shape, lambda values: np.ascontiguousarray(values[where]))


Tensors: TypeAlias = Mapping[str, LazyTensor]
"""Tensors by key, in the order of their file."""


def of_array(array: Array, origin: str = "") -> LazyTensor:
    """An array that is in memory already."""
    return LazyTensor(type_name(array), tuple(array.shape), lambda: array, origin)


def joined(tensors: tuple[LazyTensor, ...], axis: int) -> LazyTensor:
    """Tensors of one type put one behind the other along an axis."""
    first = tensors[0]
    length = sum(tensor.shape[axis] for tensor in tensors)
    shape = (*first.shape[:axis], length, *first.shape[axis + 1 :])
    origin = ", ".join(tensor.origin for tensor in tensors if tensor.origin)
    return LazyTensor(
        first.dtype, shape, lambda: np.concatenate([tensor.read() for tensor in tensors], axis=axis), origin
    )

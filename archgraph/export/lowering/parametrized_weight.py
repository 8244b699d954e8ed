"""A weight under weight norm or spectral norm as it stands in a file: computed once, when the file is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.ops.parametrization import Parametrization, WeightNorm


@dataclass(frozen=True, slots=True)
class ParametrizedWeight:
    """The keys of what a weight is computed from, in the order of `Parametrization.parts`; `transposed` exchanges the
    dimensions of a matrix."""

    parametrization: Parametrization
    keys: tuple[str, ...]
    transposed: bool = False

    def computed(self, read: Callable[[str], Array]) -> Array:
        """The weight in float64."""
        with np.errstate(divide="ignore", invalid="ignore"):  # a direction of length 0 is torch's nan
            found = _weight(self.parametrization, [np.asarray(read(key), dtype=np.float64) for key in self.keys])
        return found.T if self.transposed else found


def _weight(made: Parametrization, parts: Sequence[Array]) -> Array:
    if isinstance(made, WeightNorm):
        length, direction = parts
        axes = tuple(axis for axis in range(direction.ndim) if axis != made.dim)
        return np.asarray(length * direction / np.sqrt(np.square(direction).sum(axes, keepdims=True)))
    matrix, left, right = parts
    rows = np.moveaxis(matrix, made.dim or 0, 0).reshape(len(left), -1)
    return np.asarray(matrix / (left @ rows @ right))

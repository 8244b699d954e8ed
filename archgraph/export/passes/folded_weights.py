"""What becomes of a layer's weights when the batch norm after it is multiplied into it.

y = (W·x + b - mean) / √(var + eps) · gamma + beta = W'·x + b' with factor = gamma / √(var + eps), W' = W · factor (per
output channel) and b' = (b - mean) · factor + beta, computed in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from archgraph.artifact.arrays import Array


@dataclass(frozen=True, slots=True)
class WeightFold:
    """How a folded tensor is made: the keys of its parts ('' where a part is absent) and the norm's eps."""

    weight: str
    bias: str
    gamma: str
    beta: str
    mean: str
    variance: str
    eps: float

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of the parts that are there."""
        parts = (self.weight, self.bias, self.gamma, self.beta, self.mean, self.variance)
        return tuple(key for key in parts if key)

    def factor(self, read: Callable[[str], Array]) -> Array:
        """What the norm multiplies each channel with."""
        gamma = _float64(read(self.gamma)) if self.gamma else 1.0
        return np.asarray(gamma / np.sqrt(_float64(read(self.variance)) + self.eps))

    def folded_weight(self, read: Callable[[str], Array]) -> Array:
        """W' in float64."""
        kernel = _float64(read(self.weight))
        return np.asarray(kernel * self.factor(read).reshape(-1, *[1] * (kernel.ndim - 1)))

    def folded_bias(self, read: Callable[[str], Array]) -> Array:
        """b' in float64."""
        bias = _float64(read(self.bias)) if self.bias else 0.0
        beta = _float64(read(self.beta)) if self.beta else 0.0
        return np.asarray((bias - _float64(read(self.mean))) * self.factor(read) + beta)


def _float64(array: Array) -> Array:
    return np.asarray(array, dtype=np.float64)

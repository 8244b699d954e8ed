"""How the weights of recurrent layers stand in a file: ONNX has other orders of gates than torch, and one tensor for
both directions and for both biases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from archgraph.artifact.arrays import Array


@dataclass(frozen=True, slots=True)
class GateOrder:
    """The keys of the parts of one tensor: by direction, those that stand one after the other, each with the rows of
    its gates in an order. `order` names torch's gate at each place of ONNX."""

    directions: tuple[tuple[str, ...], ...]
    order: tuple[int, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of all parts."""
        return tuple(key for parts in self.directions for key in parts)

    def joined(self, read: Callable[[str], Array]) -> Array:
        """The tensor of the file: [directions, parts·gates·hidden, …]."""
        rows = [np.concatenate([self._ordered(read(key)) for key in parts]) for parts in self.directions]
        return np.stack(rows)

    def _ordered(self, part: Array) -> Array:
        gates = np.split(part, len(self.order))
        return np.concatenate([gates[place] for place in self.order])

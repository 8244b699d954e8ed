"""The weights of a graph as an exported file takes them: matched strictly, in the element type of each initializer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.artifact.atomic_files import ByteRange
from archgraph.errors import ExportError, Problem
from archgraph.graph.keys import weights
from archgraph.graph.types import Graph
from archgraph.weights.element_types import without_ml_dtypes
from archgraph.weights.fitting import fitted
from archgraph.weights.targets import network_of

MOST_NAMES = 20
LOW = ("float16", "bfloat16")


def not_finite(arrays: Mapping[str, Array]) -> tuple[str, ...]:
    """The keys of weights that hold what is no number, or an infinity."""
    return tuple(key for key, array in arrays.items() if array.dtype.kind == "f" and not np.isfinite(array).all())


def not_finite_warning(keys: Sequence[str]) -> str:
    """That weights hold such values, in a line; nothing where none does."""
    if not keys:
        return ""
    rest = f" and {len(keys) - MOST_NAMES} more" if len(keys) > MOST_NAMES else ""
    return f"warning: these weights hold nan or infinity: {', '.join(keys[:MOST_NAMES])}{rest}"


class MatchedWeights:
    """The weights of a graph, all there and of the right shapes. Raises WeightsError."""

    def __init__(self, graph: Graph, given: Any):
        self._fitted = fitted(network_of(graph), given)
        self._tensors = self._fitted.tensors
        self._nodes = {item.key: item.node for item in weights(graph)}

    def array(self, key: str, dtype: str = "") -> Array:
        """A weight, as the element type that is asked for."""
        found = without_ml_dtypes(self._tensors[key].read())
        return self.stored(key, found, dtype) if dtype and str(found.dtype) != dtype else found

    def stored(self, key: str, values: Array, dtype: str) -> Array:
        """Values in a type, rounded to the nearest. Raises ExportError where one is too large for it."""
        with np.errstate(over="ignore"):
            made = values.astype(dtype)
        if dtype in LOW and not np.isfinite(made).all() and np.isfinite(values).all():
            raise ExportError(self._overflow(key, values, dtype))
        return made

    def _overflow(self, key: str, values: Array, dtype: str) -> Problem:
        node = self._nodes[key]
        return Problem(
            f"the weight {key} does not fit into {dtype}",
            node.origin.mark,
            node.origin.address or key,
            expected="numbers up to 65504" if dtype == "float16" else "numbers that it can hold",
            received=f"{float(np.abs(values.astype(np.float64)).max()):.6g}",
            hint=f"keep it in float32: --keep {key.rpartition('.')[0] or key}",
        )

    def extent(self, key: str, dtype: str) -> ByteRange | None:
        """Where a file holds exactly the bytes of this weight; None where they must be made."""
        tensor = self._tensors[key]
        return tensor.extent if tensor.dtype == dtype else None

    def require_unchanged(self) -> None:
        """Raises WeightsError where a file of weights has changed since it was opened."""
        self._fitted.require_unchanged()

    def keys(self) -> Iterator[str]:
        """The keys of all weights."""
        return iter(self._tensors)

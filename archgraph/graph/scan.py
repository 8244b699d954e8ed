"""A body that is applied to each slice of a sequence in turn, with states that one step hands to the next."""

from __future__ import annotations

from collections.abc import Sequence

from archgraph.dims import Dim
from archgraph.ops.contract import TensorType
from archgraph.records import record


@record()
class Scan:
    """How a body is applied step by step.

    `dims` says of each input along which dimension it is read slice by slice, None for one that each step reads whole.
    `states` says of each output which input takes it in the next step (its last value is the result), None for one
    whose values are stacked along `dim`.
    """

    length: Dim
    dims: tuple[int | None, ...]
    states: tuple[int | None, ...]
    dim: int

    @property
    def sequences(self) -> tuple[int, ...]:
        """The numbers of the inputs that are read slice by slice."""
        return tuple(place for place, dim in enumerate(self.dims) if dim is not None)

    @property
    def carried(self) -> tuple[int, ...]:
        """The numbers of the inputs that are states, in the order of the outputs that give them."""
        return tuple(place for place in self.states if place is not None)

    def read(self, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
        """What the body sees of values of these types."""
        return tuple(without(kind, dim) for kind, dim in zip(types, self.dims, strict=True))

    def made(self, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
        """What becomes of results of these types."""
        return tuple(
            kind if state is not None else self._stacked(kind) for kind, state in zip(types, self.states, strict=True)
        )

    def _stacked(self, kind: TensorType) -> TensorType:
        return TensorType((*kind.shape[: self.dim], self.length, *kind.shape[self.dim :]), kind.dtype)


def without(kind: TensorType, dim: int | None) -> TensorType:
    """A type without one of its dimensions."""
    return kind if dim is None else TensorType((*kind.shape[:dim], *kind.shape[dim + 1 :]), kind.dtype)

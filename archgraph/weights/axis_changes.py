"""What a rule makes of a tensor's axes: in another order, without those of size 1, with levels exchanged within one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, Self

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.errors import WeightsError
from archgraph.weights.tensors import LazyTensor


class TensorChange(Protocol):
    """What becomes of the numbers of a tensor that a rule renames."""

    @property
    def word(self) -> str:
        """The rule's word."""
        ...

    @property
    def text(self) -> str:
        """What stands behind the keys in a rule; '' where nothing is changed."""
        ...

    def of(self, key: str, tensor: LazyTensor) -> LazyTensor:
        """The changed tensor, unread. Raises WeightsError for a shape that it cannot take."""
        ...

    def reversed(self) -> Self:
        """The change that undoes this one."""
        ...


@dataclass(frozen=True)
class AxisChange:
    """What becomes of a tensor's axes: nothing, transposed, axes of size 1 taken away or put in."""

    word: str = "rename"
    axes: tuple[int, ...] = ()

    @property
    def text(self) -> str:
        """As it is written in a rule."""
        return f", axes: {list(self.axes)}" if self.axes else ""

    def of(self, key: str, tensor: LazyTensor) -> LazyTensor:
        """The tensor with its axes changed. Raises WeightsError for axes that it does not have."""
        if not self.axes:
            return tensor
        if self.word == "transpose":
            self._require(key, tensor, sorted(self.axes) == list(range(len(tensor.shape))))
            shape = tuple(tensor.shape[axis] for axis in self.axes)
            return tensor.mapped(shape, lambda values: np.ascontiguousarray(values.transpose(self.axes)))
        if self.word == "squeeze":
            rank = len(tensor.shape)
            self._require(key, tensor, all(axis < rank and tensor.shape[axis] == 1 for axis in self.axes))
            shape = tuple(size for axis, size in enumerate(tensor.shape) if axis not in self.axes)
            return tensor.reshaped(shape)
        sizes = list(tensor.shape)
        for axis in sorted(self.axes):
            self._require(key, tensor, axis <= len(sizes))
            sizes.insert(axis, 1)
        return tensor.reshaped(tuple(sizes))

    def reversed(self) -> AxisChange:
        """The change that undoes this one."""
        if self.word == "transpose":
            order = sorted(range(len(self.axes)), key=lambda axis: self.axes[axis])
            return replace(self, axes=tuple(order))
        return replace(self, word={"squeeze": "unsqueeze", "unsqueeze": "squeeze"}.get(self.word, self.word))

    def _require(self, key: str, tensor: LazyTensor, fits: bool) -> None:
        if not fits:
            expected = f"axes that fit {self.word}: {list(self.axes)}"
            raise WeightsError(
                f"'{key}' cannot be changed so: {self.word}", expected=expected, received=str(list(tensor.shape))
            )


@dataclass(frozen=True)
class LevelExchange:
    """Two levels within an axis change places, as in a channel shuffle.

    [.., n * outer * inner, ..] as [.., n, outer, inner, ..] → [.., n, inner, outer, ..] → [.., n * inner * outer, ..].
    With an inner level of 2, channels in pairs become two halves: both orders of rotary positions (Su et al. 2021).
    """

    axis: int
    outer: int
    inner: int
    word: str = "shuffle"

    @property
    def text(self) -> str:
        """As it is written in a rule."""
        return f", axis: {self.axis}, groups: [{self.outer}, {self.inner}]"

    def of(self, key: str, tensor: LazyTensor) -> LazyTensor:
        """The tensor in the other order. Raises WeightsError for an axis that has no whole number of such groups."""
        shape, axis = tensor.shape, self.axis
        if axis >= len(shape) or shape[axis] % (self.outer * self.inner):
            raise WeightsError(
                f"'{key}' has no groups of {self.outer} x {self.inner} along axis {axis}",
                expected=f"a multiple of {self.outer * self.inner} there",
                received=str(list(shape)),
            )
        levels = (*shape[:axis], -1, self.outer, self.inner, *shape[axis + 1 :])

        def exchanged(values: Array) -> Array:
            return np.ascontiguousarray(values.reshape(levels).swapaxes(axis + 1, axis + 2)).reshape(shape)

        return tensor.mapped(shape, exchanged)

    def reversed(self) -> LevelExchange:
        """The levels in their first order."""
        return replace(self, outer=self.inner, inner=self.outer)

"""A rule for a tensor that a file holds once and the network at several places, such as an embedding in each block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.errors import WeightsError
from archgraph.weights.patterns import KeyPattern
from archgraph.weights.rules import Step
from archgraph.weights.tensors import LazyTensor, Tensors


@dataclass(frozen=True)
class CopyRule:
    """A tensor is copied to one key for each that `each` matches.

    The wildcards of `new` are those of `each`, then those of `old`.
    """

    old: KeyPattern
    new: KeyPattern
    each: KeyPattern

    @property
    def text(self) -> str:
        """As it is written."""
        return f"{{copy: {self.old.text}, to: {self.new.text}, each: {self.each.text}}}"

    def steps(self, tensors: Tensors) -> Iterator[Step]:
        """One for each key that the old pattern matches, where there is a place for its copies."""
        places = [values for key in tensors if (values := self.each.matched(key)) is not None]
        for key, tensor in tensors.items():
            values = self.old.matched(key)
            if values is not None and places:
                yield Step((key,), {self.new.filled((*place, *values)): tensor for place in places})

    def reversed(self) -> UniteRule:
        """The copies become one."""
        return UniteRule(self)


@dataclass(frozen=True)
class UniteRule:
    """The way back of a copy: tensors with equal numbers become one.

    Reading it raises WeightsError where they differ.
    """

    copies: CopyRule

    @property
    def text(self) -> str:
        """As the rule that it undoes is written."""
        return self.copies.text

    def steps(self, tensors: Tensors) -> Iterator[Step]:
        """One for each set of copies. Raises WeightsError for shapes that differ."""
        sets: dict[tuple[str, ...], list[str]] = {}
        for key in tensors:
            values = self.copies.new.matched(key)
            if values is not None:
                sets.setdefault(values[len(self.copies.each.wildcards) :], []).append(key)
        for values, keys in sets.items():
            yield Step(tuple(keys), {self.copies.old.filled(values): _united({key: tensors[key] for key in keys})})

    def reversed(self) -> CopyRule:
        """The copies."""
        return self.copies


def _united(tensors: Tensors) -> LazyTensor:
    """One tensor for several. Raises WeightsError for shapes or types that differ."""
    (first, one), *others = tensors.items()
    for key, other in others:
        if (other.shape, other.dtype) != (one.shape, one.dtype):
            raise _different(first, key)

    def read() -> Array:
        values = one.read()
        for key, other in others:
            if not np.array_equal(_bits(other.read()), _bits(values)):
                raise _different(first, key)
        return values

    return replace(one, load=read, extent=None)


def _bits(values: Array) -> Array:
    return np.ascontiguousarray(values).reshape(-1).view(np.uint8)


def _different(one: str, other: str) -> WeightsError:
    return WeightsError(
        f"'{one}' and '{other}' are one tensor under the published names, and two here",
        expected="equal numbers",
        hint="a network that was trained further, block by block, has no file of that naming",
    )

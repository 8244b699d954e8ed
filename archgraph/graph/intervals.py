"""Intervals of whole numbers that a value may hold: one for each place, or one for all places along a dimension."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from archgraph.dims import Dim, Facts, Size

if TYPE_CHECKING:
    import numpy.typing as npt

Bound: TypeAlias = "int | Size | float"
"""A number, a symbolic size, or an infinity where nothing bounds the value."""
Bounds: TypeAlias = "npt.NDArray[np.object_]"
"""One bound for each place; a dimension of size 1 stands for all places along it, as in broadcasting."""
View = Literal["necessary", "sufficient"]
"""`necessary`: outside of it something fails for certain. `sufficient`: within it nothing fails."""


@dataclass(frozen=True, slots=True, eq=False)
class Interval:
    """From `low` to `high`, both included. `attained` says that both ends occur, whatever the inputs hold."""

    low: Bounds
    high: Bounds
    attained: bool = False

    @property
    def known(self) -> bool:
        """Whether both ends are bounded at every place."""
        return not any(isinstance(end, float) for ends in (self.low, self.high) for end in ends.flat)

    @property
    def constant(self) -> bool:
        """Whether it holds one number at each place, whatever the inputs hold."""
        return self.attained and self.exact

    @property
    def exact(self) -> bool:
        """Whether one number is known for each place."""
        return self.known and bool(np.all(equal(self.low, self.high)))

    @property
    def plain(self) -> bool:
        """Whether all ends are numbers, and no sizes."""
        return all(isinstance(end, int) for ends in (self.low, self.high) for end in ends.flat)

    def moved(self, move: Callable[[Bounds], Bounds], attained: bool | None = None) -> Interval:
        """The same bounds at other places."""
        return Interval(move(self.low), move(self.high), self.attained if attained is None else attained)

    def same(self, other: Interval) -> bool:
        """Whether both hold the same bounds."""
        pairs = ((self.low, other.low), (self.high, other.high))
        return all(a.shape == b.shape and bool(np.all(equal(a, b))) for a, b in pairs)


def filled(bound: Bound, rank: int) -> Bounds:
    """One bound for all places of a value."""
    array = np.empty((1,) * rank, dtype=object)
    array[...] = bound
    return array


def uniform(low: Bound, high: Bound, rank: int, attained: bool = False) -> Interval:
    """The same interval at all places."""
    return Interval(filled(low, rank), filled(high, rank), attained)


def unbounded(rank: int) -> Interval:
    """Any number."""
    return uniform(-math.inf, math.inf, rank)


def _plus(a: Bound, b: Bound) -> Bound:
    return a if isinstance(a, float) else b if isinstance(b, float) else a + b


def _negative(a: Bound) -> Bound:
    return -a


def _equal(a: Bound, b: Bound) -> bool:
    return bool(a == b)


class BoundFunction:
    """A function of bounds, applied at each place; without dimensions too, where numpy would give a bare number.

    `of_integers` is numpy's function that gives the same where no bound is a size or infinite: stored tables of
    positions have tens of thousands of places.
    """

    def __init__(self, function: Callable[..., Any], arguments: int, of_integers: np.ufunc | None = None):
        self._apply: Any = np.frompyfunc(function, arguments, 1)
        self._of_integers = of_integers

    def __call__(self, *given: Bounds) -> Bounds:
        return np.asarray(self._suited(*given)(*given), dtype=object)

    def reduce(self, bounds: Bounds, axis: int) -> Bounds:
        """Along a dimension, which keeps the size 1."""
        return np.asarray(self._suited(bounds).reduce(bounds, axis=axis, keepdims=True), dtype=object)

    def _suited(self, *given: Bounds) -> Any:
        plain = self._of_integers is not None and max(map(np.size, given)) > FEW and all(map(_all_integers, given))
        return self._of_integers if plain else self._apply


FEW = 64
"""Places that are not worth looking at what they hold."""


def _all_integers(bounds: Bounds) -> bool:
    return set(map(type, bounds.flat)) == {int}


plus = BoundFunction(_plus, 2, np.add)
negative = BoundFunction(_negative, 1)
equal = BoundFunction(_equal, 2)


class BoundOrder:
    """Which of two bounds is the larger one, as far as that is known of the symbols."""

    def __init__(self, facts: Facts):
        self._facts = facts
        larger, smaller = self._larger, self._smaller
        self.tighter_low = BoundFunction(lambda a, b: larger(a, b, a if isinstance(b, float) else b), 2, np.maximum)
        self.tighter_high = BoundFunction(lambda a, b: smaller(a, b, a if isinstance(b, float) else b), 2, np.minimum)
        self.wider_low = BoundFunction(lambda a, b: smaller(a, b, -math.inf), 2, np.minimum)
        self.wider_high = BoundFunction(lambda a, b: larger(a, b, math.inf), 2, np.maximum)

    def _larger(self, a: Bound, b: Bound, undecided: Bound) -> Bound:
        found = self._at_least(a, b)
        return undecided if found is None else a if found else b

    def _smaller(self, a: Bound, b: Bound, undecided: Bound) -> Bound:
        found = self._at_least(a, b)
        return undecided if found is None else b if found else a

    def _at_least(self, a: Bound, b: Bound) -> bool | None:
        """Whether a ≥ b; None where that depends on the sizes."""
        if isinstance(a, Size) or isinstance(b, Size):
            if isinstance(a, float) or isinstance(b, float):
                return a == math.inf or b == -math.inf
            return True if a == b else self._compared(a, b)
        return a >= b

    def _compared(self, a: Dim, b: Dim) -> bool | None:
        """Where a ≥ b holds for some sizes only, b may still be the larger one for all."""
        found = self._facts.compare(a, ">=", b)
        return False if found is None and self._facts.compare(a, "<=", b) else found

    def both(self, a: Interval, b: Interval) -> Interval:
        """What lies in both."""
        return Interval(self.tighter_low(a.low, b.low), self.tighter_high(a.high, b.high))

    def either(self, a: Interval, b: Interval) -> Interval:
        """The smallest interval that holds both."""
        return Interval(self.wider_low(a.low, b.low), self.wider_high(a.high, b.high))

    def over(self, found: Interval, axes: tuple[int, ...], all_hold: bool) -> Interval:
        """One interval for all places along some dimensions, which keep the size 1: what lies in all of theirs, or in
        any of them."""
        low, high = (self.tighter_low, self.tighter_high) if all_hold else (self.wider_low, self.wider_high)
        return Interval(_reduced(low, found.low, axes), _reduced(high, found.high, axes), found.attained)


def _reduced(pick: BoundFunction, bounds: Bounds, axes: tuple[int, ...]) -> Bounds:
    for axis in axes:
        if bounds.shape[axis] != 1:
            bounds = pick.reduce(bounds, axis)
    return bounds

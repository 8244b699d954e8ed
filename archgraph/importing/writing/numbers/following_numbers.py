"""Numbers that follow from others: half of a width, what is left of it, a width rounded to a multiple of 8.

Two numbers are related by accident often, and two columns of them hardly ever: a relation is taken only where it holds
in every instance, and where so many different instances show it that it is none of one number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

from archgraph.structure.derived_numbers import LARGEST_MULTIPLE
from archgraph.structure.expressions import Arithmetic, ConstantNumber, Expression, ParameterName
from archgraph.structure.unification import ABSENT

LEAST = 2
"""So many different instances show a relation without a number of its own, or with a small factor."""
_MORE = 3
"""So many show one with a number that could be any, or one that rounds."""
_PARTS = (2, 4, 8, 3, 6)
_GRIDS = (8, 4)
_ROUNDED_PARTS = (1, 2, 4, 8, 16)
HEADS = "heads"
"""What the names of numbers of heads contain, of which widths are any multiples."""
_LEAST_DIFFERENCE = 4
"""Smaller ones are between many numbers."""


@dataclass(frozen=True, slots=True)
class KnownNumber:
    """What a number may follow from, with its value in each instance. `whole` says that it is a size of what is read,
    of which another number may be the rest."""

    expression: Expression
    values: Sequence[Any]
    whole: bool = False


def following(values: Sequence[Any], known: Sequence[KnownNumber]) -> Expression | None:
    """The simplest expression that a width is in every instance that has one: a small multiple or a part of a known
    number, the rest of a size, a number with some more or less, a part that is rounded; of a factor the root of a size.
    None where no relation is shown by enough instances."""
    present = [place for place, value in enumerate(values) if not _is_missing(value)]
    if present and all(type(values[place]) is float for place in present):
        return _root([values[place] for place in present], known, present)
    if any(type(values[place]) is not int or values[place] < 1 for place in present):
        return None
    column = [values[place] for place in present]
    if len(set(column)) < LEAST:
        return None
    sources = [
        (one, [one.values[place] for place in present])
        for one in known
        if all(type(one.values[place]) is int for place in present)
    ]
    rows = [(KnownNumber(one.expression, own, one.whole), own) for one, own in sources]
    for tries in (_ratios, _rests, _of_heads, _thirds, _shifted, _rounded):
        found = next(tries(column, [one for one, _ in rows]), None)
        if found is not None:
            return found
    return None


def _root(column: Sequence[float], known: Sequence[KnownNumber], present: Sequence[int]) -> Expression | None:
    """The root of a size by which values are scaled, or one by it."""
    for one in known:
        sizes = [one.values[place] for place in present]
        if len(set(column)) < LEAST or any(type(size) is not int or size < 1 for size in sizes):
            continue
        for power in (0.5, -0.5):
            if all(size**power == value for size, value in zip(sizes, column, strict=True)):
                return Arithmetic("**", one.expression, ConstantNumber(power))
    return None


def ratio_of(values: Sequence[Any], known: KnownNumber, equal: bool = False) -> Expression | None:
    """The small multiple or the part of a known number that another one is everywhere, and where `equal`, itself."""
    rows = list(zip(values, known.values, strict=True))
    if any(type(value) is not int or type(other) is not int or value < 1 or other < 1 for value, other in rows):
        return None
    if equal and all(value == other for value, other in rows):
        return known.expression
    for factor in range(2, LARGEST_MULTIPLE + 1):
        if all(value == other * factor for value, other in rows):
            return Arithmetic("*", ConstantNumber(factor), known.expression)
    for factor in _PARTS:
        if all(value * factor == other for value, other in rows):
            return Arithmetic("//", known.expression, ConstantNumber(factor))
    return None


def list_of_ratios(values: Sequence[Any], known: Sequence[KnownNumber]) -> list[Expression] | None:
    """The entries of lists of equal length as multiples and parts of one number."""
    rows = [value for value in values if not _is_missing(value)]
    if len(set(rows)) < LEAST or len({len(row) for row in rows}) != 1:
        return None
    places = [place for place, value in enumerate(values) if not _is_missing(value)]
    for one in known:
        source = KnownNumber(one.expression, [one.values[place] for place in places])
        found = [ratio_of(column, source, equal=True) for column in zip(*rows, strict=True)]
        if all(entry is not None for entry in found) and len(set(source.values)) >= LEAST:
            return [entry for entry in found if entry is not None]
    return None


def _is_missing(value: Any) -> bool:
    return value is ABSENT or value is None


def _evidence(values: Sequence[int], *others: Sequence[int]) -> int:
    """How many different instances show a relation."""
    return len(set(zip(values, *others, strict=True)))


def _ratios(values: Sequence[int], known: Sequence[KnownNumber]) -> Iterator[Expression]:
    for one in known:
        found = ratio_of(values, one)
        if found is not None:
            yield found


def _rests(values: Sequence[int], known: Sequence[KnownNumber]) -> Iterator[Expression]:
    """What is left of a size beside another number."""
    for whole in known:
        for part in known if whole.whole else ():
            rows = zip(values, whole.values, part.values, strict=True)
            if part is not whole and all(value == size - other for value, size, other in rows):
                yield Arithmetic("-", whole.expression, part.expression)


def _of_heads(values: Sequence[int], known: Sequence[KnownNumber]) -> Iterator[Expression]:
    """As many for each of several heads."""
    for one in known:
        heads = isinstance(one.expression, ParameterName) and HEADS in one.expression.name
        if heads and len({value // count for value, count in zip(values, one.values, strict=True)}) == 1:
            each = values[0] // one.values[0]
            if each > 1 and all(value == each * count for value, count in zip(values, one.values, strict=True)):
                yield Arithmetic("*", ConstantNumber(each), one.expression)


def _thirds(values: Sequence[int], known: Sequence[KnownNumber]) -> Iterator[Expression]:
    """So many thirds of a size of what is read: 8 / 3 is the ratio of hidden channels where a gate has as many (Shazeer
    2020, GLU Variants Improve Transformer)."""
    for one in known:
        if one.whole and _evidence(values, one.values) >= _MORE:
            for factor in range(2, 2 * LARGEST_MULTIPLE + 1):
                if factor % 3 and all(
                    value * 3 == other * factor for value, other in zip(values, one.values, strict=True)
                ):
                    yield Arithmetic("//", Arithmetic("*", ConstantNumber(factor), one.expression), ConstantNumber(3))


def with_one_division(expression: Arithmetic) -> Arithmetic:
    """`16 * C // 3 // 2` as `8 * C // 3`: two floors are one."""
    left, right = expression.left, expression.right
    if expression.operator != "//" or not isinstance(left, Arithmetic) or left.operator != "//":
        return expression
    above = left.left
    if not isinstance(above, Arithmetic) or above.operator != "*" or not isinstance(above.left, ConstantNumber):
        return expression
    divisors = [one.value for one in (left.right, right) if isinstance(one, ConstantNumber)]
    if len(divisors) < 2 or above.left.value % divisors[1]:
        return expression
    factor = above.left.value // divisors[1]
    return Arithmetic("//", Arithmetic("*", ConstantNumber(factor), above.right), ConstantNumber(divisors[0]))


def _shifted(values: Sequence[int], known: Sequence[KnownNumber]) -> Iterator[Expression]:
    """A number with some more or less."""
    for one in known:
        more = {value - other for value, other in zip(values, one.values, strict=True)}
        if len(more) == 1 and _evidence(values, one.values) >= _MORE and abs(rest := more.pop()) >= _LEAST_DIFFERENCE:
            yield Arithmetic("+" if rest > 0 else "-", one.expression, ConstantNumber(abs(rest)))


def _rounded(values: Sequence[int], known: Sequence[KnownNumber]) -> Iterator[Expression]:
    """A part of a number as the nearest, the next or the last multiple of 8 or 4, as channels are made divisible."""
    for part in _ROUNDED_PARTS:
        for one in known:
            if _evidence(values, one.values) < _MORE:
                continue
            for grid in _GRIDS:
                for more in (grid // 2, grid - 1, 0):
                    rows = zip(values, one.values, strict=True)
                    if all(value == (other // part + more) // grid * grid for value, other in rows):
                        yield _on_grid(one.expression, part, more, grid)


def _on_grid(expression: Expression, part: int, more: int, grid: int) -> Expression:
    taken = expression if part == 1 else Arithmetic("//", expression, ConstantNumber(part))
    raised = Arithmetic("+", taken, ConstantNumber(more)) if more else taken
    return Arithmetic("*", Arithmetic("//", raised, ConstantNumber(grid)), ConstantNumber(grid))


def following_size(
    values: Sequence[Any], inputs: Sequence[Sequence[KnownNumber]], known: Sequence[KnownNumber]
) -> Expression | None:
    """The expression for a size of a shape in those of the `inputs`, each with its sizes in order: one of them with one
    more or less, the places of a grid, those of one of half its sides; or another number that is the same everywhere,
    the square of one, or the product of two. Such sizes vary with the images that a network is made for, of which two
    show a relation."""
    present = [place for place, value in enumerate(values) if not _is_missing(value)]
    if len({repr(values[place]) for place in present}) < LEAST:
        return None
    column = [values[place] for place in present]
    for expression, made in _sizes(inputs, known, present):
        if all(type(value) is int and value == other for value, other in zip(column, made, strict=True)):
            return expression
    return None


def _sizes(
    inputs: Sequence[Sequence[KnownNumber]], known: Sequence[KnownNumber], present: Sequence[int]
) -> Iterator[tuple[Expression, Sequence[Any]]]:
    rows = [[(one.expression, [one.values[place] for place in present]) for one in row] for row in inputs]
    plain = [[one for one in row if all(type(value) is int for value in one[1])] for row in rows]
    for one in known:
        yield one.expression, [one.values[place] for place in present]
    for row in plain:
        yield from row
    for row in plain:
        for size, values in row:
            yield Arithmetic("-", size, ConstantNumber(1)), [value - 1 for value in values]
            yield Arithmetic("+", size, ConstantNumber(1)), [value + 1 for value in values]
    for part in (1, 2):
        for row in plain:
            for (height, ours), (width, theirs) in pairwise(row):
                sides = (height, width) if part == 1 else (_half(height), _half(width))
                made = [(a // part) * (b // part) for a, b in zip(ours, theirs, strict=True)]
                yield Arithmetic("*", *sides), made
    numbers = [(one.expression, [one.values[place] for place in present]) for one in known]
    whole = [one for one in numbers if all(type(value) is int for value in one[1])]
    for number, own in whole:
        yield Arithmetic("**", number, ConstantNumber(2)), [value**2 for value in own]
    for (number, own), (other, more) in combinations(whole, 2):
        yield Arithmetic("*", number, other), [a * b for a, b in zip(own, more, strict=True)]


def _half(size: Expression) -> Expression:
    return Arithmetic("//", size, ConstantNumber(2))

"""Numbers that follow from the size of images that networks are made for: the sides of grids of patches, and how many
patches there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from archgraph.importing.writing.numbers.values import expression_text
from archgraph.structure.class_parameters import ClassParameter
from archgraph.structure.columns import fits
from archgraph.structure.expressions import Arithmetic, ConstantNumber, Expression, ParameterName
from archgraph.structure.unification import ABSENT

_PATCHES = ("patch", "stride")
"""Parts of the names of what an image is divided by."""
_POOLED = (2, 4, 8, 16)
_LARGEST_PART = 64
_MOST_TOKENS = 2
"""So many are put before the patches: one of the class, and one to distil."""


def number_of_pictures(
    values: Sequence[Any], side: ClassParameter, arguments: Sequence[ClassParameter]
) -> tuple[Expression, tuple[ClassParameter, ...]] | None:
    """The expression in the side of images, and in the size of their patches, that a number or a list of numbers is in
    all networks, with the parameters that it reads. None for one that does not vary with the size of images."""
    present = [value for value in values if value is not ABSENT]
    lists = {len(value) if isinstance(value, tuple) else None for value in present}
    if len({*map(repr, present)}) < 2 or len(lists) != 1:
        return None
    count = lists.pop()
    if count is None:
        return _single(values, side, arguments)
    entries = []
    for place in range(count):
        column = [value if value is ABSENT else value[place] for value in values]
        constant = {*map(repr, column)} - {repr(ABSENT)}
        known = next(value for value in column if value is not ABSENT)
        found = (ConstantNumber(known), ()) if len(constant) == 1 else _single(column, side, arguments)
        if found is None:
            return None
        entries.append(found)
    text = ", ".join(expression_text(one) for one, _ in entries)
    return ParameterName(f"[{text}]"), tuple(one for _, used in entries for one in used)


def _single(
    values: Sequence[Any], side: ClassParameter, arguments: Sequence[ClassParameter]
) -> tuple[Expression, tuple[ClassParameter, ...]] | None:
    for expression, made, used in _forms(side, arguments):
        if fits(values, made):
            return expression, used
    return None


Form = tuple[Expression, Sequence[int], tuple[ClassParameter, ...]]


def _forms(side: ClassParameter, arguments: Sequence[ClassParameter]) -> Iterator[Form]:
    """What numbers may be, the simplest first: the side itself, that of a grid, the number of places of one, and of
    these and some tokens."""
    name = ParameterName(side.name)
    yield name, side.values, (side,)
    grids = [*_grids(side, arguments)]
    yield from grids
    squares = [
        (Arithmetic("**", one, ConstantNumber(2)), [value**2 for value in values], used) for one, values, used in grids
    ]
    yield from squares
    for more in range(1, _MOST_TOKENS + 1):
        for one, values, used in squares:
            yield Arithmetic("+", one, ConstantNumber(more)), [value + more for value in values], used


def _grids(side: ClassParameter, arguments: Sequence[ClassParameter]) -> Iterator[Form]:
    """The sides of grids of patches, of those that are pooled afterwards, and parts of the side of images."""
    name = ParameterName(side.name)
    patches: list[Form] = []
    for one in arguments:
        whole = all(type(value) is int and value > 1 for value in one.values)
        if one is not side and whole and any(word in one.name for word in _PATCHES):
            values = [own // by for own, by in zip(side.values, one.values, strict=True)]
            patches.append((Arithmetic("//", name, ParameterName(one.name)), values, (side, one)))
    yield from patches
    for expression, sides, used in patches:
        for part in _POOLED:
            yield Arithmetic("//", expression, ConstantNumber(part)), [value // part for value in sides], used
    for part in range(2, _LARGEST_PART + 1):
        if not any(value % part for value in side.values):
            yield Arithmetic("//", name, ConstantNumber(part)), [value // part for value in side.values], (side,)

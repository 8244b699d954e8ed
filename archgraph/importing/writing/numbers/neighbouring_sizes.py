"""Numbers that stand side by side in shapes: the heads of attention and the channels of each, among which it divides
its width (Vaswani et al. 2017), and with them the scale of products; height and width."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from archgraph.graph.types import Node
from archgraph.importing.writing.numbers.following_numbers import KnownNumber
from archgraph.importing.writing.numbers.values import expression_text
from archgraph.structure.class_parameters import ClassParameter
from archgraph.structure.expressions import Arithmetic, ConstantNumber, Expression, ParameterName
from archgraph.structure.terms import Term
from archgraph.structure.unification import Column, UnifiedClass

_POWERS = {"mul": -0.5, "div": 0.5}
"""Of a head's size, by which products are scaled."""
_HEAD = "head"
_OUTPUT = "output_size"


def with_head_sizes(
    group: UnifiedClass[Any],
    expressions: Mapping[int, Expression],
    widths: Mapping[str, Sequence[int]],
    parameters: Sequence[ClassParameter],
) -> dict[int, Expression]:
    """The expressions of a class, with `C // num_heads` for a number that stands beside the number of heads in a shape
    where both make up the channels of what every instance reads, and `(C // num_heads) ** -0.5` for a scale."""
    made = dict(expressions)
    for one, other in neighbours(group):
        for heads, size in ((one, other), (other, one)):
            found = _part(group.columns, made, widths, heads, size)
            if found is not None:
                made[size] = found
    for place, column in enumerate(group.columns):
        scale = _scale(column, made.get(place), widths, parameters)
        if scale is not None:
            made[place] = scale
    return made


def with_both_sides(
    group: UnifiedClass[Any], expressions: Mapping[int, Expression], inputs: Sequence[Sequence[KnownNumber]]
) -> dict[int, Expression]:
    """The expressions of a class, with height and width for two sizes in a row of images that are always square."""
    made = dict(expressions)
    sides = {
        one.expression: other.expression for row in inputs for one, other in pairwise(row) if one.values == other.values
    }
    for one, other in neighbours(group):
        size = made.get(one)
        if isinstance(size, ParameterName) and size == made.get(other) and size in sides:
            made[other] = sides[size]
    for place, column in enumerate(group.columns):
        size = made.get(place)
        if column.role == _OUTPUT and isinstance(size, ParameterName) and size in sides:
            made[place] = ParameterName(f"[{size.name}, {expression_text(sides[size])}]")
    return made


def neighbours(group: UnifiedClass[Any]) -> Iterator[tuple[int, int]]:
    """The places of numbers that stand side by side in shapes."""
    columns: dict[int, list[int]] = {}
    for place, column in enumerate(group.columns):
        columns.setdefault(id(column.statement), []).append(place)
    for entry in group.fullest.entries():
        places = iter(columns.get(id(entry), ()))
        for part in entry.term.parts:
            own = [next(places) for _ in part.numbers()]
            if len(part.parts) == 1 and part.parts[0].kind == "list":
                yield from pairwise(_plain_places(part.parts[0].parts, own, group.columns))


def _plain_places(sizes: Sequence[Term], places: Sequence[int], columns: Sequence[Column]) -> Iterator[int]:
    """The places of the sizes of a shape that are numbers, but for those of 1."""
    left = iter(places)
    for one in sizes:
        own = [next(left) for _ in one.numbers()]
        if one.kind == "number" and any(value != 1 for value in columns[own[0]].values):
            yield own[0]


def _part(
    columns: Sequence[Column],
    expressions: Mapping[int, Expression],
    widths: Mapping[str, Sequence[int]],
    heads: int,
    size: int,
) -> Expression | None:
    """The channels of each head, where one number is the parameter that says how many there are."""
    count = expressions.get(heads)
    if not isinstance(count, ParameterName) or not isinstance(expressions.get(size), ConstantNumber):
        return None
    rows = [*zip(columns[heads].values, columns[size].values, strict=True)]
    if any(type(value) is not int for row in rows for value in row) or count.name in widths:
        return None
    products = [one * other for one, other in rows]
    width = next((name for name, values in widths.items() if list(values) == products), None)
    return Arithmetic("//", ParameterName(width), count) if width is not None else None


def _scale(
    column: Column,
    known: Expression | None,
    widths: Mapping[str, Sequence[int]],
    parameters: Sequence[ClassParameter],
) -> Expression | None:
    """The scale of the products of a head's channels, which is one root of their number."""
    made = getattr(column.statement, "made", None)
    if column.role != "value" or not isinstance(made, Node) or made.op.name not in _POWERS or len(made.inputs) != 1:
        return None
    power = _POWERS[made.op.name]
    if isinstance(known, Arithmetic) or not all(type(value) is float for value in column.values):
        return None
    for parameter in parameters:
        if _HEAD not in parameter.name or not all(type(value) is int and value > 1 for value in parameter.values):
            continue
        for name, values in widths.items():
            sizes = [width // heads for width, heads in zip(values, parameter.values, strict=True)]
            if all(size > 1 and size**power == value for size, value in zip(sizes, column.values, strict=True)):
                each = Arithmetic("//", ParameterName(name), ParameterName(parameter.name))
                return Arithmetic("**", each, ConstantNumber(power))
    return None

"""Widths before the first stage, which all networks of a family have alike: a further preset changes them there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from archgraph.importing.writing.classes.network_sources import NetworkSources, entry, has_affinity, length
from archgraph.importing.writing.numbers.followed_parameters import names_in
from archgraph.structure.class_parameters import WIDE, is_wide
from archgraph.structure.expressions import Arithmetic, ConstantNumber, Expression, ParameterName
from archgraph.structure.unification import Column

_LEAST_WIDTH = 16
"""Smaller ones are equal to a width by accident."""


def widths_of_stem(
    columns: Sequence[Column], expressions: Mapping[int, Expression], sources: NetworkSources
) -> dict[int, Expression]:
    """The first width of the stages, as an author lists them, for the last number of channels that is made before the
    stages walk that list, and half of it for one before that. What the first stage reads is what it has: its residuals
    add the one to the other."""
    found: dict[int, Expression] = {}
    for parameter in sources.used:
        listed = length(parameter) > 1 and sources.is_argument(parameter) and has_affinity(parameter.name, WIDE)
        users = [place for place, one in expressions.items() if parameter.name in names_in(one)]
        if not listed or not users:
            continue
        first = entry(parameter, 0)
        plain = [place for place in range(min(users)) if _is_width(columns[place], expressions.get(place))]
        if not plain or list(columns[plain[-1]].values) != first:
            continue
        name = ParameterName(f"{parameter.name}[0]")
        for place in plain:
            if list(columns[place].values) == first:
                found[place] = name
            elif [2 * value for value in columns[place].values] == first:
                found[place] = Arithmetic("//", name, ConstantNumber(2))
    return found


def _is_width(column: Column, expression: Expression | None) -> bool:
    whole = all(type(value) is int and value >= _LEAST_WIDTH for value in column.values)
    return is_wide(column.role) and isinstance(expression, ConstantNumber) and whole

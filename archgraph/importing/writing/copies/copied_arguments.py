"""Arguments of copies: the same for all, another one for the first or the last, two by turns, or a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archgraph.importing.writing.numbers.depth_rates import BEFORE, LAYERS, RATE, DepthRate, grow
from archgraph.structure.terms import Term, number
from archgraph.structure.unification import ABSENT

GROWING = "growing"
WAYS = ("argument", GROWING, "first", "last", "turns", "each")
"""How the values of copies are told, the simplest way first: the same, rates that grow with the depth, another one for
the first or the last, two by turns, a list."""
_CONDITIONS = frozenset({"first", "last", "turns"})
"""Ways that are expressions, which hold no mappings."""
_LEAST_TURNS = 4
"""Of three values nobody would say that they come by turns."""


def argument_of(column: Sequence[Term]) -> Term:
    """`argument name (value)` of all copies, in the simplest way that tells them; sizes are the same in all."""
    if column[0].parts[0].kind != "number":
        return column[0]
    values = tuple(part.parts[0].value for part in column)
    ways = (way for way in WAYS if (way != "turns" or len(values) >= _LEAST_TURNS) and tells(way, values))
    return min((told_as(way, column[0], values) for way in ways), key=_hardness)


def sizes_differ(column: Sequence[Term]) -> bool:
    """Whether copies have a size as an argument, and others other ones, which no expression tells."""
    return column[0].parts[0].kind != "number" and len({one.outline for one in column}) > 1


def tells(way: str, values: Sequence[Any]) -> bool:
    """Whether values can be told in a way."""
    if way == GROWING:
        return grow(values)
    if way in _CONDITIONS and any(isinstance(value, Mapping) for value in values):
        return False
    known = [(type(value), value, getattr(value, "before", 0)) for value in values]  # of layers that all stay, too
    expected = {
        "argument": known[:1] * len(known),
        "first": [*known[:1], *known[1:2] * (len(known) - 1)],
        "last": [*known[:1] * (len(known) - 1), *known[-1:]],
        "turns": [known[place % 2] for place in range(len(known))],
    }
    return way not in expected or known == expected[way]


def told_as(way: str, argument: Term, values: tuple[Any, ...]) -> Term:
    """An argument of copies with these values. A single copy has no second value."""
    if way == GROWING:
        first = values[0]
        made = ((RATE, first.rate), (BEFORE, first.before), (LAYERS, first.layers))
        numbers = tuple(number(role, value) for role, value in made)
        return Term(GROWING, argument.text, numbers, value=argument.value)
    second = values[1] if len(values) > 1 else ABSENT
    chosen = {
        "argument": values[:1],
        "first": (values[0], second),
        "last": (values[-1], values[0] if len(values) > 1 else ABSENT),
        "turns": (values[0], second),
        "each": (values,),
    }
    role = argument.parts[0].text
    return Term(way, argument.text, tuple(number(role, value) for value in chosen[way]), value=argument.value)


def values_told(argument: Term, count: int) -> tuple[Any, ...]:
    """The value that each of some copies has."""
    first, *others = (one.value for one in argument.parts)
    if argument.kind == GROWING:
        before, layers = others
        numbers = range(before, before + count)
        return tuple(DepthRate(first * place / layers, first, place, layers) for place in numbers)
    if argument.kind == "each":
        return tuple(first)
    if argument.kind == "argument":
        return (first,) * count
    if argument.kind == "turns":
        return tuple((first, *others)[place % 2] for place in range(count))
    rest = others * (count - 1)
    return (first, *rest) if argument.kind == "first" else (*rest, first)


def cost_of_arguments(terms: Sequence[Term]) -> tuple[int, int]:
    """How hard the arguments of applications are to read: as copies, and as lines of their own."""
    columns = zip(*([part for part in term.parts if part.kind != "variable"] for term in terms), strict=True)
    together, apart = 0, 0
    for column in columns:
        written = sum(not _is_default(part) for part in column)
        together += _weight(argument_of(column), written)
        apart += written
    return together, apart


def _weight(argument: Term, written: int) -> int:
    """How hard an argument of copies is to read. A list holds as many values as there are copies, which in a row are
    half as hard as one by one; a mapping counts by its entries. A condition that chooses between two values is two
    lines in one, unless it is itself the value."""
    if not written:
        return 0
    if argument.kind in ("argument", GROWING):
        return 1
    if argument.kind == "each":
        values = argument.parts[0].value
        return 2 + sum(len(value) if isinstance(value, Mapping) else 1 for value in values) // 2
    chosen, others = (part.value for part in argument.parts)
    plain = isinstance(chosen, bool) and isinstance(others, bool)
    return 1 if plain or (argument.value and others == argument.value[0]) else 3


def weight_of_argument(argument: Term) -> int:
    """How hard an argument is to read that may be told for copies already."""
    values = [part.value for part in argument.parts]
    return _weight(argument, int(argument.kind != "argument" or not argument.value or values[0] != argument.value[0]))


def _hardness(told: Term) -> int:
    """How hard a way of telling values is to read, next to other ways: where all is the same, that is the first."""
    return WAYS.index(told.kind) if told.kind in ("argument", "each") else _weight(told, 1)


def _is_default(part: Term) -> bool:
    return bool(part.value) and part.parts[0].value == part.value[0]

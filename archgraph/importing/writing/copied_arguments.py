"""Arguments of copies: the same for all, another one for the first or the last, two by turns, or a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archgraph.structure.terms import Term, number
from archgraph.structure.unification import ABSENT

WAYS = ("argument", "first", "last", "turns", "each")
"""How the values of copies are told, the simplest way first: the same, another one for the first or the last, two by
turns, a list."""
_LEAST_TURNS = 4
"""Of three values nobody would say that they come by turns."""


def argument_of(column: Sequence[Term]) -> Term:
    """`argument name (value)` of all copies, in the simplest way that tells them."""
    values = tuple(part.parts[0].value for part in column)
    ways = (way for way in WAYS if way != "turns" or len(values) >= _LEAST_TURNS)
    return told_as(next(way for way in ways if tells(way, values)), column[0], values)


def tells(way: str, values: Sequence[Any]) -> bool:
    """Whether values can be told in a way."""
    known = [(type(value), value) for value in values]
    expected = {
        "argument": known[:1] * len(known),
        "first": [*known[:1], *known[1:2] * (len(known) - 1)],
        "last": [*known[:1] * (len(known) - 1), *known[-1:]],
        "turns": [known[place % 2] for place in range(len(known))],
    }
    return way not in expected or known == expected[way]


def told_as(way: str, argument: Term, values: tuple[Any, ...]) -> Term:
    """An argument of copies with these values. A single copy has no second value."""
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
    if argument.kind == "each":
        return tuple(first)
    if argument.kind == "argument":
        return (first,) * count
    if argument.kind == "turns":
        return tuple((first, *others)[place % 2] for place in range(count))
    rest = others * (count - 1)
    return (first, *rest) if argument.kind == "first" else (*rest, first)


def weight(argument: Term, written: int) -> int:
    """How hard an argument of copies is to read: a list holds as many values as there are copies, which in a row are
    half as hard as one by one, and a condition that chooses between two values is two lines in one; where it is itself
    the value, it is none."""
    if not written:
        return 0
    if argument.kind == "argument":
        return 1
    if argument.kind == "each":
        return len(argument.parts[0].value) // 2 + 2
    chosen, others = (part.value for part in argument.parts)
    plain = isinstance(chosen, bool) and isinstance(others, bool)
    return 1 if plain or (argument.value and others == argument.value[0]) else 3


def is_default(part: Term) -> bool:
    """Whether an argument has the value that it has without a word."""
    return bool(part.value) and part.parts[0].value == part.value[0]

"""Blocks of one class that differ in options: with squeeze-and-excitation or without, with one layer or with two."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from archgraph.graph.types import Node
from archgraph.importing.writing.classes.joined_templates import joined_class
from archgraph.importing.writing.classes.templates import BodyTemplate, WrittenStatement
from archgraph.importing.writing.numbers.values import one_for_all
from archgraph.structure.class_parameters import is_wide
from archgraph.structure.terms import Term
from archgraph.structure.unification import ABSENT, UnifiedClass

_HEAD = 4
"""Lines of a block before its nodes."""
_MOST_OPTIONS = 3
"""So many options may be added to those that one of two blocks has."""
_MOST_KEYS = 6
"""With more keys than these a node is mostly written in several lines."""
_Class = UnifiedClass[BodyTemplate]


def with_options(classes: Sequence[_Class]) -> list[_Class]:
    """The classes, of which two that differ in a few optional parts are one, where that makes less to read."""
    made = list(classes)
    while len(made) > 1:
        pairs = ((pair, _with_options(*pair)) for pair in combinations(made, 2))
        found = [(saved, pair, joined) for pair, joined in pairs if joined and (saved := _saved(pair, joined)) > 0]
        if not found:
            break
        _, pair, joined = max(found, key=lambda one: one[0])
        made = [joined, *(one for one in made if one not in pair)]
    return made


def cost_of_classes(classes: Sequence[_Class]) -> tuple[int, int]:
    """About how much there is to read in some classes: their lines and the conditions of these, and their heads."""
    lines = sum(_HEAD + sum(1 + len(entry.members) for entry in one.fullest.entries()) for one in classes)
    return lines + sum(map(_condition_count, classes)), len(classes)


def _condition_count(made: _Class) -> int:
    """How many conditions are written: a level of the module tree whose parts share theirs has it once."""
    return len({(name.rpartition(".")[0] or name, tuple(there)) for name, there in made.presence.items()})


def length_of_classes(classes: Sequence[_Class]) -> int:
    """About how many lines some classes are, where steps with many arguments are several."""
    return sum(_HEAD + sum(_length(one, entry) for entry in one.fullest.entries()) for one in classes)


def _length(made: _Class, entry: WrittenStatement) -> int:
    """The lines of a step: one, or one for each key."""
    told = sum(_is_told(entry, part) for part in entry.term.parts if part.kind != "variable")
    number = entry.name.rpartition(".")[2].isdecimal()
    keys = 1 + told + (len(entry.ports) > 1 or number) + (entry.part in made.presence)
    return (1 if keys <= _MOST_KEYS else 1 + keys) + len(entry.members)


def _is_told(entry: WrittenStatement, argument: Term) -> bool:
    """Whether an argument is no default."""
    if argument.kind == "number" or not argument.parts:
        return True
    value = argument.parts[0].value
    if isinstance(entry.made, Node):
        field = type(entry.made.op).model_fields.get(argument.text)
        return field is None or field.is_required() or one_for_all(field.default) != one_for_all(value)
    return not argument.value or argument.value[0] != value


def _with_options(one: _Class, other: _Class) -> _Class | None:
    ways = (joined_class(*pair, options=True) for pair in ((one, other), (other, one)))
    return min(filter(None, ways), key=lambda joined: cost_of_classes([joined]), default=None)


def _saved(pair: tuple[_Class, _Class], joined: _Class) -> int:
    """How many lines less there are to read, with an argument for each new option."""
    added = _option_count(joined) - max(map(_option_count, pair))
    if added > _MOST_OPTIONS:
        return 0
    return length_of_classes(pair) - length_of_classes([joined]) - max(added, 0)


def _option_count(made: _Class) -> int:
    """How many conditions a class has at least, where parts of the same instances share one, as do those that the
    others have; and how many numbers of such parts vary that are no widths, which mostly follow from others."""
    presence = made.presence
    columns = {tuple(there) for there in presence.values()}
    numbers = {
        tuple(map(repr, column.values))
        for column in made.columns
        if isinstance(column.statement, WrittenStatement) and column.statement.part in presence
        if not is_wide(column.role) and len({repr(value) for value in column.values if value is not ABSENT}) > 1
    }
    return len({min(column, tuple(not there for there in column)) for column in columns}) + len(numbers)

"""Blocks of one class that differ in options: with squeeze-and-excitation or without, with one layer or with two."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from archgraph.importing.writing.joined_templates import joined_class
from archgraph.importing.writing.templates import BodyTemplate
from archgraph.structure.unification import UnifiedClass

_HEAD = 4
"""Lines of a block before its nodes."""
_MOST_OPTIONS = 3
"""So many options may be added to those that one of two blocks has."""
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


def _with_options(one: _Class, other: _Class) -> _Class | None:
    ways = (joined_class(*pair, options=True) for pair in ((one, other), (other, one)))
    return min(filter(None, ways), key=lambda joined: cost_of_classes([joined]), default=None)


def _saved(pair: tuple[_Class, _Class], joined: _Class) -> int:
    """How many lines less there are to read, with an argument for each new option."""
    added = _option_count(joined) - max(map(_option_count, pair))
    if added > _MOST_OPTIONS:
        return 0
    return cost_of_classes(pair)[0] - cost_of_classes([joined])[0] - max(added, 0)


def _option_count(made: _Class) -> int:
    """How many conditions a class has at least: parts that the same instances have share one, and so do those that the
    others have."""
    columns = {tuple(there) for there in made.presence.values()}
    return len({min(column, tuple(not there for there in column)) for column in columns})

"""Parameters of a class, an expression for each of its numbers, and which parameter each optional part depends on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archgraph.structure.class_parameters import Candidates, ClassParameter
from archgraph.structure.columns import fits
from archgraph.structure.expressions import Expression
from archgraph.structure.naming import Naming
from archgraph.structure.parameters import ParameterInference
from archgraph.structure.unification import ABSENT, Column, UnifiedClass


@dataclass(frozen=True, slots=True)
class InferredClass:
    """`expressions` has one for each column of the class, by its place; `flags` names, for each optional part, the
    parameter that says whether an instance has it."""

    parameters: tuple[ClassParameter, ...]
    expressions: Mapping[int, Expression]
    flags: Mapping[str, str]


def inferred(
    group: UnifiedClass[Any],
    instances: Sequence[Candidates],
    naming: Naming,
    exempt: Collection[int] = (),
    part_name: Callable[[str], str] | None = None,
) -> InferredClass:
    """Compares the numbers of all instances, given in the order of the group's templates.

    The columns at the places in `exempt` get no expression: their numbers follow from something else, such as a shape.
    `part_name` says what an optional part is called whose name is no word.
    """
    inference = ParameterInference(instances, naming)
    expressions = {
        place: inference.resolve(
            column.role, column.place, _everywhere(column, group.columns) if group.lacking else column.values
        )
        for place, column in enumerate(group.columns)
        if place not in exempt
    }
    members = {member.name for member in group.fullest.members}
    flags: dict[str, str] = {}
    for part, values in group.presence.items():
        name = _word(part, group)
        if part_name is not None and not name.isidentifier():
            name = part_name(part)
        plain = part in members and name.isidentifier()
        flags[part] = inference.flag(name if plain else f"use_{name.replace('-', '_')}", values)
    return InferredClass(tuple(inference.finished()), expressions, flags)


def _word(part: str, group: UnifiedClass[Any]) -> str:
    """The last word of a part's name; that of the level around it where all of the level is there together."""
    around, _, last = part.rpartition(".")
    level = [group.presence.get(one.part) for one in group.fullest.entries() if one.part.startswith(f"{around}.")]
    word = around.rpartition(".")[2]
    together = len(level) > 1 and all(there == group.presence[part] for there in level)
    return word if together and word.isidentifier() else last


def _everywhere(column: Column, columns: Sequence[Column]) -> tuple[Any, ...]:
    """The numbers of a column; where some instances lack its part and the others differ, those of a column of the same
    role that all instances have, so that both are one parameter."""
    present = [value for value in column.values if value is not ABSENT]
    if len(present) == len(column.values) or len(set(map(repr, present))) < 2:
        return column.values
    for other in columns:
        if other.role == column.role and ABSENT not in other.values and fits(column.values, other.values):
            return other.values
    return column.values

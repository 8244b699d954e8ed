"""Instances that differ only by what some of them lack share a class: there it is optional.

The main input of what is lacking stands for its result. So one class serves two instances when taking some statements
out of the fuller one, and letting their readers read what they read, gives the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, TypeVar

from archgraph.records import record
from archgraph.structure.template import InstanceTemplate, Loop, Member, Statement, outlined

ABSENT: Any = type("Absent", (), {"__repr__": lambda self: "ABSENT"})()
"""The number of an instance that lacks the part which has it."""

OutputPositions = tuple[int | None, ...]
"""For each output of a class, which output of an instance it is."""

AnyTemplate = TypeVar("AnyTemplate", bound=InstanceTemplate[Any])


@record()
class Column:
    """One number of a class over all of its instances. `role` names it, `place` is the part that has it.

    For a number of a statement, `axis` is its position among the operands of the statement's term, -1 further inside.
    """

    role: str
    place: str
    values: tuple[Any, ...]
    statement: Statement | None = None
    axis: int = -1


@dataclass(eq=False)
class UnifiedClass(Generic[AnyTemplate]):
    """The templates of one class. `fullest` has all parts; `lacking` holds the parts that each of the others is
    without, and `positions` where its outputs stand, both by the template's id."""

    fullest: AnyTemplate
    templates: list[AnyTemplate]
    lacking: dict[int, frozenset[str]] = field(default_factory=dict)
    positions: dict[int, OutputPositions] = field(default_factory=dict)

    @property
    def presence(self) -> Mapping[str, list[bool]]:
        """For each optional part, whether each instance has it."""
        if not self.lacking:
            return {}
        names = frozenset().union(*self.lacking.values())
        parts = dict.fromkeys(entry.part for entry in self.fullest.entries())
        return {
            name: [name not in self.lacking.get(id(template), ()) for template in self.templates]
            for name in parts
            if name in names
        }

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """Each number of the class, the members' first, with its value in each instance."""
        return tuple(self._columns())

    def _columns(self) -> Iterator[Column]:
        rows = zip(*(self._row(template) for template in self.templates), strict=True)
        for member in self.fullest.members:
            for term in member.term.numbers():
                yield Column(term.text, member.name or "item", next(rows))
        for entry in self.fullest.entries():
            for axis, part in enumerate(entry.term.parts):
                for term in part.numbers():
                    place = entry.name.rpartition(".")[2]
                    yield Column(term.text, place, next(rows), entry, axis if part is term else -1)

    def _row(self, template: AnyTemplate) -> list[Any]:
        """The numbers of an instance at the places of the fullest one."""
        missing = self.lacking.get(id(template), frozenset())
        if not missing:
            return template.numbers()
        own = iter(template.numbers())
        row: list[Any] = []
        for member in self.fullest.members:
            row += [ABSENT if member.name in missing else next(own) for _ in member.term.numbers()]
        for entry in self.fullest.entries():
            row += [ABSENT if entry.part in missing else next(own) for _ in entry.term.numbers()]
        return row


def unified(templates: Sequence[AnyTemplate]) -> list[UnifiedClass[AnyTemplate]]:
    """Classes for templates, as few as can be: those of equal outline first, then those that lack parts of others."""
    if all(template.model is templates[0] for template in templates[1:]):
        return [UnifiedClass(templates[0], list(templates))]
    groups: dict[Any, list[AnyTemplate]] = {}
    known_groups: dict[int, list[AnyTemplate]] = {}
    for template in templates:
        model = template.model or template
        if id(model) not in known_groups:
            known_groups[id(model)] = groups.setdefault(model.outline, [])
        known_groups[id(model)].append(template)
    classes: list[UnifiedClass[AnyTemplate]] = []
    for outline, group in sorted(groups.items(), key=lambda one: (-len(one[1][0].members), -len(one[1][0].statements))):
        for known in classes:
            found = explained_difference(known.fullest, group[0], outline)
            if found is not None:
                missing, positions = found
                known.templates += group
                known.lacking.update((id(template), missing) for template in group)
                known.positions.update((id(template), positions) for template in group)
                break
        else:
            classes.append(UnifiedClass(group[0], list(group)))
    return classes


def explained_difference(
    full: InstanceTemplate[Any], lean: InstanceTemplate[Any], outline: tuple[Any, ...]
) -> tuple[frozenset[str], OutputPositions] | None:
    """What explains the difference between two templates, and where the outputs of the lean one, which has this
    outline, stand in the full."""
    if full.container or lean.container:
        return None
    here = {entry.part for entry in lean.entries()}
    names = frozenset(entry.part for entry in full.entries()) - here
    gone = [s for s in full.statements if not isinstance(s, Loop) and s.part in names]
    if not gone or not all(entry.removable for entry in gone):
        return None
    members = frozenset(member.name for member in full.members) - {member.name for member in lean.members}
    if not members <= names:
        return None
    kept: list[Member] = [member for member in full.members if member.name not in members]
    *common, outputs = outlined(full, kept, {id(entry) for entry in gone})
    *lean_common, lean_outputs = outline
    positions = _positions(outputs, lean_outputs) if common == lean_common else None
    return None if positions is None else (names, positions)


def _positions(full: Sequence[int], lean: Sequence[int]) -> OutputPositions | None:
    """Where each output of the full one is among those of the lean one; None where one of the lean is not found."""
    left = list(range(len(lean)))
    found: list[int | None] = []
    for value in full:
        match = next((place for place in left if lean[place] == value), None)
        if match is None and value not in lean:
            return None
        if match is not None:
            left.remove(match)
        found.append(match)
    return None if left else tuple(found)

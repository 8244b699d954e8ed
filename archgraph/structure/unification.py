"""Instances of one family that differ only by what is left out share a class: there it is optional.

What is left out hands on its main input. So one class serves two instances when taking some statements out of the
fuller one, and letting their readers read what they read, gives the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from archgraph.structure.parameters import ABSENT
from archgraph.structure.template import Body, Entry, outlined

Positions = tuple[int | None, ...]
"""For each output of a class, which output of an instance it is."""


@dataclass(eq=False, slots=True)
class Merged:
    """The bodies of one class. `body` is the fullest; `lacking` holds what each of the others is without: names of
    members, and paths of functions."""

    body: Body
    bodies: list[Body]
    lacking: dict[int, frozenset[str]] = field(default_factory=dict)
    positions: dict[int, Positions] = field(default_factory=dict)

    @property
    def presence(self) -> Mapping[str, list[bool]]:
        """For each optional part, whether each instance has it."""
        names = frozenset().union(*self.lacking.values()) if self.lacking else frozenset()
        parts = dict.fromkeys(_part(entry) for entry in self.body.entries())
        return {
            name: [name not in self.lacking.get(id(body), ()) for body in self.bodies]
            for name in parts
            if name in names
        }

    def row(self, body: Body) -> list[Any]:
        """The numbers of an instance at the places of the fullest one."""
        missing = self.lacking.get(id(body), frozenset())
        own = iter(body.numbers())
        row: list[Any] = []
        for member in self.body.members:
            row += [ABSENT if member.name in missing else next(own).value for _ in member.term.numbers()]
        for entry in self.body.entries():
            absent = _part(entry) in missing
            row += [ABSENT if absent else next(own).value for _ in entry.term.numbers()]
        return row


def merged(groups: list[list[Body]]) -> list[Merged]:
    """Classes for groups of bodies of equal outline, as few as can be."""
    classes: list[Merged] = []
    for group in sorted(groups, key=lambda group: (-len(group[0].members), -len(group[0].statements))):
        for known in classes:
            found = _absent(known.body, group[0])
            if found is not None:
                missing, positions = found
                known.bodies += group
                known.lacking.update((id(body), missing) for body in group)
                known.positions.update((id(body.scope), positions) for body in group)
                break
        else:
            classes.append(Merged(group[0], list(group)))
    return classes


def _part(entry: Entry) -> str:
    """What may be left out: the member of the module that a statement applies, or the function at a path."""
    return entry.path.partition(".")[0] if entry.path else entry.step.path


def _absent(full: Body, lean: Body) -> tuple[frozenset[str], Positions] | None:
    """What explains the difference between two bodies, and where the outputs of the lean one stand in the full one."""
    if full.base != "nn.Module" or lean.base != "nn.Module":
        return None
    here = {_part(entry) for entry in lean.entries()}
    names = frozenset(_part(entry) for entry in full.entries()) - here
    gone = [s for s in full.statements if isinstance(s, Entry) and _part(s) in names]
    if not gone or not all(_can_be_skipped(entry) for entry in gone):
        return None
    members = frozenset(member.name for member in full.members) - {member.name for member in lean.members}
    if not members <= names:
        return None
    kept = [member for member in full.members if member.name not in members]
    *shape, outputs = outlined(full, kept, {id(entry) for entry in gone})
    *lean_shape, lean_outputs = lean.outline
    positions = _positions(outputs, lean_outputs) if shape == lean_shape else None
    return None if positions is None else (names, positions)


def _can_be_skipped(entry: Entry) -> bool:
    """One value in the main place, one out, and nothing that only it sets."""
    if len(entry.outs) != 1 or entry.term.kind == "attribute":
        return False
    return not entry.path or (entry.term.kind == "apply" and len(entry.step.inputs) == 1)


def _positions(full: Sequence[int], lean: Sequence[int]) -> Positions | None:
    """Where each output of the full body is among those of the lean one; None where one of the lean is not found."""
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

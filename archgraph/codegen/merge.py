"""Instances of one family that differ only by a module that is left out share a class: the module is optional there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from archgraph.codegen.body import Body, Entry, Loop
from archgraph.codegen.columns import ABSENT
from archgraph.codegen.terms import Term


@dataclass(eq=False, slots=True)
class Merged:
    """The bodies of one class. `body` is the fullest; `lacking` are the members that each of the bodies is without."""

    body: Body
    bodies: list[Body]
    lacking: dict[int, frozenset[str]] = field(default_factory=dict)

    @property
    def presence(self) -> Mapping[str, list[bool]]:
        """For each optional member, whether each instance has it."""
        names = frozenset().union(*self.lacking.values()) if self.lacking else frozenset()
        return {
            member.name: [member.name not in self.lacking.get(id(body), ()) for body in self.bodies]
            for member in self.body.members
            if member.name in names
        }

    def row(self, body: Body) -> list[Any]:
        """The numbers of an instance at the places of the fullest one."""
        missing = self.lacking.get(id(body), frozenset())
        own = iter(body.numbers())
        row: list[Any] = []
        for member in self.body.members:
            for _ in member.term.numbers():
                row.append(ABSENT if member.name in missing else next(own).value)
        for entry in self.body.entries():
            absent = entry.path.partition(".")[0] in missing if entry.path else False
            for _ in entry.term.numbers():
                row.append(ABSENT if absent else next(own).value)
        return row


def merged(groups: list[list[Body]]) -> list[Merged]:
    """Classes for groups of bodies of equal outline, as few as can be."""
    classes: list[Merged] = []
    for group in sorted(groups, key=lambda group: -len(group[0].members)):
        for known in classes:
            missing = _missing(known.body, group[0])
            if missing:
                known.bodies += group
                known.lacking.update((id(body), missing) for body in group)
                break
        else:
            classes.append(Merged(group[0], list(group)))
    return classes


def _missing(full: Body, lean: Body) -> frozenset[str]:
    """The members that explain the difference between two bodies, or none."""
    names = frozenset(member.name for member in full.members) - {member.name for member in lean.members}
    if any(isinstance(statement, Loop) for statement in full.statements):
        return frozenset()
    if not names or full.base != "nn.Module" or len(full.scope.inputs) != len(lean.scope.inputs):
        return frozenset()
    for name in names:
        applied = [s for s in full.statements if isinstance(s, Entry) and s.path.partition(".")[0] == name]
        if len(applied) != 1 or not _can_be_skipped(applied[0]):
            return frozenset()
    return names if _without(full, names) == lean.outline else frozenset()


def _can_be_skipped(statement: Any) -> bool:
    """Whether it is one module's application with one value in and one out."""
    return (
        isinstance(statement, Entry)
        and statement.term.kind == "apply"
        and len(statement.outs) == 1
        and len(statement.term.parts) == 1
    )


def _without(body: Body, names: frozenset[str]) -> Any:
    """The outline that the body would have without these members: their readers read what they read."""
    instead: dict[int, int] = {value: value for value in range(len(body.scope.inputs))}
    count = len(instead)
    statements = []
    for statement in body.statements:
        assert isinstance(statement, Entry)
        term = statement.term.replaced(lambda part: _renumbered(part, instead))
        if statement.path and statement.path.partition(".")[0] in names:
            instead[statement.outs[0]] = term.parts[0].value
            continue
        for out in statement.outs:
            instead[out] = count
            count += 1
        outs = tuple(instead[out] for out in statement.outs)
        statements.append(("entry", term.outline, outs, statement.path))
    members = tuple(member.outline for member in body.members if member.name not in names)
    outputs = tuple(instead[out] for out in body.outputs)
    return (body.base, len(body.scope.inputs), members, tuple(statements), outputs, len(outputs))


def _renumbered(part: Term, instead: Mapping[int, int]) -> Term | None:
    if part.kind == "variable":
        return Term("variable", value=instead[part.value])
    if part.kind == "shape":
        value, axis = part.value
        return Term("shape", value=(instead[value], axis))
    return None

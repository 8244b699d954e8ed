"""Templates: what a scope constructs and what its forward says, numbers still in place.

Instances whose templates have one outline share a class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from archgraph.codegen.analysis.scopes import Scope, Step, Var
from archgraph.codegen.analysis.terms import Term

MemberKind = Literal["parameter", "buffer", "constant", "module"]


@dataclass(frozen=True, slots=True)
class Member:
    """An attribute that the constructor makes: `self.name = term`. `flag` is the condition, where it may be absent."""

    kind: MemberKind
    name: str
    term: Term
    flag: str = ""

    @property
    def outline(self) -> tuple[Any, ...]:
        return self.kind, self.name, self.term.outline


@dataclass(frozen=True, slots=True)
class Entry:
    """A statement of the forward. `outs` are the values it writes; `path` the module it applies, if any."""

    term: Term
    outs: tuple[int, ...]
    step: Step
    path: str = ""


@dataclass(frozen=True, slots=True)
class Loop:
    """Statements for each of several modules. `lists` are the containers walked together; `carried` are pairs of the
    value that enters a turn and the one that leaves it; `last` are the values that leave the last turn."""

    lists: tuple[str, ...]
    entries: tuple[Entry, ...]
    carried: tuple[tuple[int, int], ...]
    last: tuple[int, ...]


Statement = Entry | Loop


@dataclass(eq=False, slots=True)
class Body:
    """The template of one scope."""

    scope: Scope
    members: list[Member] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    outputs: tuple[int, ...] = ()
    vars: list[Var] = field(default_factory=list)
    containers: dict[str, str] = field(default_factory=dict)
    base: str = "nn.Module"

    @property
    def outline(self) -> tuple[Any, ...]:
        """What the instances of one class have in common."""
        return outlined(self, self.members, set())

    def numbers(self) -> list[Term]:
        """All numbers, constructors first, in a fixed order."""
        found = [n for member in self.members for n in member.term.numbers()]
        return found + [n for entry in self.entries() for n in entry.term.numbers()]

    def entries(self) -> list[Entry]:
        """The statements without their loops."""
        flat: list[Entry] = []
        for statement in self.statements:
            flat.extend(statement.entries if isinstance(statement, Loop) else (statement,))
        return flat


def outlined(body: Body, members: Sequence[Member], gone: set[int]) -> tuple[Any, ...]:
    """Base, inputs, members, statements and outputs without numbers, values counted in the order of their making.

    The statements in `gone` (by id) are left out: who reads their result reads their main input.
    """
    known: dict[int, int] = {value: value for value in range(len(body.scope.arguments))}
    written: list[Any] = []

    def renumbered(part: Term) -> Term | None:
        if part.kind == "variable":
            return Term("variable", value=known[part.value])
        if part.kind == "shape":
            return Term("shape", value=(known[part.value[0]], part.value[1]))
        return None

    made = iter(range(len(known), len(known) + len(body.vars)))

    def count(values: Sequence[int]) -> tuple[int, ...]:
        known.update((value, next(made)) for value in values)
        return tuple(known[value] for value in values)

    def entry_outline(entry: Entry) -> Any:
        term = entry.term.replaced(renumbered)
        return "entry", term.outline, count(entry.outs), entry.path

    for statement in body.statements:
        if isinstance(statement, Entry) and id(statement) in gone:
            known[statement.outs[0]] = known[main_value(statement)]
        elif isinstance(statement, Entry):
            written.append(entry_outline(statement))
        else:
            entering = tuple(known[value] for value, _ in statement.carried)
            inner = tuple(entry_outline(entry) for entry in statement.entries)
            leaving = tuple(known[value] for _, value in statement.carried)
            written.append(("loop", statement.lists, inner, entering, leaving, count(statement.last)))
    shape = tuple(member.outline for member in members)
    taken = (len(body.scope.inputs), *(var.annotation for var in body.scope.sizes))
    return body.base, taken, shape, tuple(written), tuple(known[value] for value in body.outputs)


def main_value(entry: Entry) -> int:
    """The value that a statement hands on where it is left out."""
    return next(int(part.value) for part in entry.term.all() if part.kind == "variable")

"""Templates: what one instance consists of and computes, its numbers still in place.

Instances whose templates have one outline share a class.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Generic, TypeVar

from archgraph.records import record
from archgraph.structure.terms import Term


@record()
class Member:
    """A named part that an instance owns, such as a layer or a weight, and how it is made."""

    kind: str
    name: str
    term: Term

    @property
    def outline(self) -> tuple[Any, ...]:
        return self.kind, self.name, self.term.outline


@record()
class Statement:
    """One step of what an instance computes. `outs` are the values it writes, `name` is its own dotted name, and `path`
    leads to the member that it applies, if any. `removable` says whether its main input could stand for its result."""

    term: Term
    outs: tuple[int, ...]
    name: str
    path: str = ""
    removable: bool = False

    @property
    def part(self) -> str:
        """What an instance lacks where it lacks this statement: the member that it applies, or the step itself."""
        return self.path.partition(".")[0] if self.path else self.name


AnyStatement = TypeVar("AnyStatement", bound=Statement)


@record()
class Loop(Generic[AnyStatement]):
    """Statements for each of several members. `lists` are the containers walked together; `carried` are pairs of the
    value that enters an iteration and the one that leaves it; `last` are the values that leave the last iteration."""

    lists: tuple[str, ...]
    entries: tuple[AnyStatement, ...]
    carried: tuple[tuple[int, int], ...]
    last: tuple[int, ...]


@dataclass(eq=False, slots=True)
class InstanceTemplate(Generic[AnyStatement]):
    """One instance. `arguments` says of which kind each value is that it is given; they are numbered first."""

    arguments: tuple[str, ...]
    members: list[Member] = field(default_factory=list)
    statements: list[AnyStatement | Loop[AnyStatement]] = field(default_factory=list)
    outputs: tuple[int, ...] = ()
    container: str = ""
    """The kind of container that it is itself, in which case it needs all of its members."""
    model: InstanceTemplate[AnyStatement] | None = None
    """The template of the same outline whose members and statements stand for its own, its numbers being `others`."""
    others: list[Any] = field(default_factory=list)

    @property
    def outline(self) -> tuple[Any, ...]:
        """What the instances of one class have in common."""
        return outlined(self, self.members, set())

    def numbers(self) -> list[Any]:
        """The values of all numbers, those of the members first, in a fixed order."""
        if self.model is not None:
            return self.others
        terms = [*(member.term for member in self.members), *(entry.term for entry in self.entries())]
        return [number.value for term in terms for number in term.numbers()]

    def entries(self) -> list[AnyStatement]:
        """The statements without their loops."""
        flat: list[AnyStatement] = []
        for statement in self.statements:
            flat.extend(statement.entries if isinstance(statement, Loop) else (statement,))
        return flat


def outlined(template: InstanceTemplate[Any], members: Sequence[Member], absent: set[int]) -> tuple[Any, ...]:
    """Arguments, members, statements and outputs without numbers, values counted in the order of their making.

    The statements in `absent` (by id) are left out: what reads their result reads their main input.
    """
    known: dict[int, int] = {value: value for value in range(len(template.arguments))}
    written: list[Any] = []
    made = count(len(known))
    for statement in template.statements:
        if isinstance(statement, Loop):
            entering = tuple([known[value] for value, _ in statement.carried])
            inner = tuple([_outlined(entry, known, made) for entry in statement.entries])
            leaving = tuple([known[value] for _, value in statement.carried])
            last = _counted(statement.last, known, made)
            written.append(("loop", statement.lists, inner, entering, leaving, last))
        elif id(statement) in absent:
            known[statement.outs[0]] = known[main_value(statement)]
        else:
            written.append(_outlined(statement, known, made))
    owned = tuple([member.outline for member in members])
    outputs = tuple([known[value] for value in template.outputs])
    return template.container, template.arguments, owned, tuple(written), outputs


def _outlined(statement: Statement, known: dict[int, int], made: Iterator[int]) -> Any:
    term = _renumbered(statement.term, known)
    return "statement", term, _counted(statement.outs, known, made), statement.path


def _renumbered(part: Term, known: Mapping[int, int]) -> tuple[Any, ...]:
    kind, text, parts, value = part
    if kind == "number":
        return kind, text
    if kind == "variable":
        return kind, known[value]
    if kind == "shape":
        return kind, known[value[0]], value[1]
    return kind, text, value, *[_renumbered(inner, known) for inner in parts]


def _counted(values: Sequence[int], known: dict[int, int], made: Iterator[int]) -> tuple[int, ...]:
    """The numbers of values that are made here."""
    known.update(zip(values, made, strict=False))
    return tuple([known[value] for value in values])


def main_value(statement: Statement) -> int:
    """The value that stands for a statement's result where the statement is left out."""
    return next(int(part.value) for part in statement.term.all() if part.kind == "variable")

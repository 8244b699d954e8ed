"""The statements of a class as lines of a spec: operation or block, arguments, copies; wiring comes later."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from archgraph.graph.types import Node
from archgraph.importing.writing.classes.templates import WrittenStatement
from archgraph.importing.writing.copies.alike_sections import SECTIONS
from archgraph.importing.writing.copies.folded_sums import FOLD
from archgraph.importing.writing.copies.group_form import GroupForm
from archgraph.importing.writing.copies.repeated_groups import GROUP, PRESENT
from archgraph.importing.writing.copies.repeated_stages import STAGES, StagesForm
from archgraph.importing.writing.families.block_classes import BlockClass
from archgraph.importing.writing.modules.copy_pattern import Pattern
from archgraph.importing.writing.nodes.node_keys import applied_keys, further_keys, keys_of_each_copy, operation_keys
from archgraph.importing.writing.nodes.section_nodes import SectionKeys
from archgraph.importing.writing.nodes.stage_keys import StageKeys
from archgraph.importing.writing.numbers.values import (
    ValueWriter,
)
from archgraph.structure.terms import Term

_GROUPS = {GROUP: "layer", STAGES: "stage", SECTIONS: "stage"}
"""What groups of several lines are called."""


@dataclass(eq=False, slots=True)
class Line:
    """A node of a spec but for its name and what it reads. `path` leads to its module below the body, as far as it has
    one; `ports` and `operands` are what it reads, by name and number."""

    path: str
    keys: dict[str, Any]
    ports: tuple[str, ...]
    operands: tuple[int, ...]
    outs: tuple[int, ...]
    statement: WrittenStatement
    pattern: Pattern | None = None
    operation: str = ""
    when: str = ""
    members: tuple[Line, ...] = ()
    """The nodes of a group with copies, or of stages."""
    counted: bool = False
    """Whether it is called after the level that it stands in, with its number."""

    @property
    def in_training(self) -> bool:
        """Whether it is computed in training only."""
        return self.statement.training

    @property
    def own(self) -> tuple[str, ...]:
        """The ports at which each copy reads a value of its own."""
        if self.statement.term.kind == FOLD:
            return self.ports[1:]
        return self.pattern.own if self.pattern is not None else ()

    @property
    def main(self) -> int | None:
        """What is read without a word where it is the value before."""
        return self.operands[0] if self.operands and (self.members or self.ports[0] not in self.own) else None

    @property
    def copies_read(self) -> tuple[int, ...]:
        """The copies whose results others read by their number: of those in a row, all but the last."""
        if self.members:
            return self.statement.term.value.read  # type: ignore[no-any-return]
        if self.pattern is None:
            return ()
        return tuple(range(len(self.outs))) if self.pattern.mapped else self.pattern.read

    @property
    def parts(self) -> tuple[tuple[str, ...], ...]:
        """The names of what each copy hands out, where others than the next copy read some of it."""
        about = self.statement.term.value if self.members else self.pattern
        return about.parts if isinstance(about, (Pattern, GroupForm)) else ()

    @property
    def is_read_by_number(self) -> bool:
        """Whether others read some of its copies by their numbers."""
        return bool(self.copies_read or self.parts)

    @property
    def is_tensor(self) -> bool:
        """Whether it is a parameter or a buffer of the module around it."""
        made = self.statement.made
        return isinstance(made, Node) and any(not weight.name for weight in made.weights) and not self.members

    @property
    def hidden(self) -> bool:
        """Whether its weights stand in the module around it."""
        made = self.statement.made
        return isinstance(made, Node) and made.hidden and not self.members


def lines(made: BlockClass) -> list[Line]:
    """All statements of a class, in order."""
    ordered = [made.expressions[place] for place in sorted(made.expressions)]
    writer = ValueWriter(iter(ordered), made.symbols, made.handed)
    known = {parameter.name for parameter in made.parameters} | {*made.symbols.values(), *made.handed}
    return [_line(statement, writer, made, known) for statement in made.template.entries()]


def _line(statement: WrittenStatement, writer: ValueWriter, made: BlockClass, known: set[str]) -> Line:
    term = statement.term
    arguments = [part for part in term.parts if part.kind != "variable"]
    members: tuple[Line, ...] = ()
    if term.kind == STAGES:
        keys, members = _stages(statement, arguments, writer, made, known)
    elif term.kind == SECTIONS:
        section_keys = SectionKeys(statement, writer, known)
        members = tuple(_layers_of_sections(statement, section_keys))
        keys = section_keys.keys()
    else:
        keys = applied_keys(statement, arguments, writer, made, known)
        members = tuple(_members(statement, arguments[1:], writer)) if term.kind == GROUP else ()
    keys |= further_keys(statement)
    condition = made.conditions.get(statement.part, "")
    return Line(
        path=statement.name,
        keys=keys,
        ports=statement.ports,
        operands=tuple(int(part.value) for part in term.parts if part.kind == "variable"),
        outs=statement.outs,
        statement=statement,
        pattern=term.value if term.kind == "copies" else None,
        operation={GROUP: "layer", STAGES: "stage", SECTIONS: "stage"}.get(term.kind)
        or _plain_name(keys.get("op", ""), term),
        when=f"={condition}" if condition else "",
        members=members,
    )


def _stages(
    statement: WrittenStatement, arguments: list[Term], writer: ValueWriter, made: BlockClass, known: set[str]
) -> tuple[dict[str, Any], tuple[Line, ...]]:
    """How often a group of stages comes, or the lists that it walks, and its nodes."""
    count = {} if statement.name in made.listed else {"repeat": writer.written(arguments[0])}
    stage_keys = StageKeys(writer, known)
    members = tuple(_steps_of_stages(statement, arguments[1:], stage_keys))
    return {"for": stage_keys.lists} if stage_keys.lists else count, members


def _members(statement: WrittenStatement, entries: list[Term], writer: ValueWriter) -> Iterator[Line]:
    """The nodes of a group, without what they read."""
    flags = [part for part in entries if part.kind == PRESENT]
    lines = list(_all_members(statement, entries[: len(entries) - len(flags)], writer))
    for flag in flags:
        there = writer.written(flag.parts[0])
        if there is not True:
            lines[int(flag.text)].keys["when"] = there
    yield from lines


def _all_members(statement: WrittenStatement, entries: list[Term], writer: ValueWriter) -> Iterator[Line]:
    for one, term, pattern in zip(statement.members, entries, statement.term.value.patterns, strict=True):
        arguments = list(term.parts)
        if isinstance(one.made, Node):
            keys = dict(operation_keys(one.made, arguments, writer))
        else:
            keys = {"op": term.text, **dict(keys_of_each_copy(arguments, writer))}
        operation = _plain_name(keys["op"], term)
        yield Line(one.name, keys, one.ports, (), (), one, pattern, operation)


def _steps_of_stages(statement: WrittenStatement, entries: list[Term], written: StageKeys) -> Iterator[Line]:
    """The steps of stages, without what they read and their paths."""
    form: StagesForm = statement.term.value
    for place, (one, term) in enumerate(zip(statement.members, entries, strict=True)):
        arguments = dict(written.arguments(term.parts, term.kind == "copies"))
        operation = one.made.op.name if isinstance(one.made, Node) else term.text
        keys = {"op": arguments.pop("op", operation), **arguments}
        if place in form.lacking:
            keys["when"] = "=not last"
        yield Line(one.name, keys, one.ports, (), (), one, None, _plain_name(keys["op"], term))


def _layers_of_sections(statement: WrittenStatement, written: SectionKeys) -> Iterator[Line]:
    """The layers of sections, in copies where they have several, with their numbers."""
    for one, (term, arguments) in zip(statement.members, written.members(), strict=True):
        operation = one.made.op.name if isinstance(one.made, Node) else term.text
        keys = {"op": arguments.pop("op", operation), **arguments}
        yield Line(one.name, keys, one.ports, (), (), one, None, _plain_name(keys["op"], term))


def _plain_name(operation: str, term: Term) -> str:
    """What a node is called after: its operation, or what a parameter names in its place."""
    return "activation" if operation.startswith("=") or term.text == "activation(input)" else operation

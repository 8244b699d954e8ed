"""The statements of a class as lines of a spec: operation or block, arguments, copies; wiring comes later."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from archgraph.graph.scan import Scan
from archgraph.graph.types import Call, Node
from archgraph.importing.writing.classes.templates import WrittenStatement
from archgraph.importing.writing.copies.alike_sections import SECTIONS
from archgraph.importing.writing.copies.copied_arguments import GROWING
from archgraph.importing.writing.copies.folded_sums import FOLD
from archgraph.importing.writing.copies.group_form import BEFORE, GroupForm
from archgraph.importing.writing.copies.repeated_groups import GROUP, PRESENT
from archgraph.importing.writing.copies.repeated_stages import STAGES, StagesForm
from archgraph.importing.writing.families.block_classes import BlockClass
from archgraph.importing.writing.modules.copy_pattern import Pattern
from archgraph.importing.writing.modules.naming import name_of_entry
from archgraph.importing.writing.nodes.section_nodes import SectionKeys
from archgraph.importing.writing.nodes.stage_keys import StageKeys
from archgraph.importing.writing.numbers.usual_values import OtherParameter
from archgraph.importing.writing.numbers.values import (
    ValueWriter,
    as_data,
    conditional,
    growing_rate,
    literal,
    one_for_all,
    running_sum,
)
from archgraph.language.elaboration.tied_weights import ITSELF
from archgraph.ops.contract import lookup
from archgraph.structure.class_parameters import MISSING
from archgraph.structure.terms import Term

_STOP = re.compile(r"\[:-?\d+\]\Z")
"""The end of a list without its last entries, which copies do not come to."""
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
    operands = tuple(int(part.value) for part in term.parts if part.kind == "variable")
    keys: dict[str, Any] = {}
    arguments = [part for part in term.parts if part.kind != "variable"]
    members: tuple[Line, ...] = ()
    if term.kind == GROUP:
        keys["repeat"] = writer.written(arguments[0])
        if term.value.extras:
            keys["chain"] = [BEFORE]
        members = tuple(_members(statement, arguments[1:], writer))
    elif term.kind == STAGES:
        if statement.name not in made.listed:
            keys["repeat"] = writer.written(arguments[0])
        stage_keys = StageKeys(writer, known)
        members = tuple(_steps_of_stages(statement, arguments[1:], stage_keys))
        if stage_keys.lists:
            keys = {"for": stage_keys.lists}
    elif term.kind == SECTIONS:
        section_keys = SectionKeys(statement, writer, known)
        members = tuple(_layers_of_sections(statement, section_keys))
        keys = section_keys.keys()
    elif term.kind == "operation":
        assert isinstance(statement.made, Node)
        keys.update(_operation(statement.made, arguments, writer))
    elif term.kind == FOLD:
        assert isinstance(statement.made, Node)
        count = writer.written(arguments[0])
        keys.update({**dict(_operation(statement.made, arguments[1:], writer)), "repeat": count})
    elif term.kind == "shared":
        keys.update(("repeat", writer.written(part)) for part in arguments)
    else:
        keys["op"] = term.text
        counted = [part for part in arguments if part.kind != "number" or statement.name not in made.listed]
        mapped = isinstance(term.value, Pattern) and term.value.mapped
        keys.update(_block(counted, writer, known, mapped))
        if keys.get("repeat") == 1 and isinstance(term.value, Pattern):
            del keys["repeat"]
    if isinstance(statement.made, Call) and statement.made.scan is not None:
        keys.update(_steps(statement.made, statement.made.scan))
    if isinstance(term.value, Pattern) and term.value.chain:
        keys["chain"] = list(dict.fromkeys(port.partition(".")[0] for port in term.value.chain))
    if statement.ties:
        keys["tie"] = {name or ITSELF: key for name, key in statement.ties.items()}
    if statement.training:
        keys["training"] = "only"
    condition = made.conditions.get(statement.part, "")
    return Line(
        path=statement.name,
        keys=keys,
        ports=statement.ports,
        operands=operands,
        outs=statement.outs,
        statement=statement,
        pattern=term.value if term.kind == "copies" else None,
        operation={GROUP: "layer", STAGES: "stage", SECTIONS: "stage"}.get(term.kind)
        or _plain_name(keys.get("op", ""), term),
        when=f"={condition}" if condition else "",
        members=members,
    )


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
            keys = dict(_operation(one.made, arguments, writer))
        else:
            keys = {"op": term.text, **dict(_of_each_copy(arguments, writer))}
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


def _of_each_copy(arguments: list[Term], writer: ValueWriter) -> Iterator[tuple[str, Any]]:
    """The arguments of a member that differ from their defaults, in the number of the copy where they differ."""
    for part in arguments:
        values = [writer.written(value) for value in part.parts]
        default = part.value[0] if part.value else MISSING
        if part.kind == "argument":
            if default is MISSING or values[0] != as_data(default):
                yield part.text, values[0]
        elif part.kind == GROWING:
            yield part.text, growing_rate(*values)
        elif part.kind == "each":
            yield part.text, f"={_STOP.sub('', literal(values[0]))}[i]"
        else:
            yield part.text, conditional("i % 2 == 0" if part.kind == "turns" else part.kind, values[0], values[1])


def _steps(call: Call, scan: Scan) -> Iterator[tuple[str, Any]]:
    """The sequences with their dimensions, and the states."""
    names = [value.name for value in call.body.inputs]
    yield "scan", {name: dim for name, dim in zip(names, scan.dims, strict=True) if dim is not None}
    yield "chain", [names[place] for place in scan.carried]


def _plain_name(operation: str, term: Term) -> str:
    """What a node is called after: its operation, or what a parameter names in its place."""
    return "activation" if operation.startswith("=") or term.text == "activation(input)" else operation


def _operation(node: Node, arguments: list[Term], writer: ValueWriter) -> Iterator[tuple[str, Any]]:
    fields = lookup(node.op.name).model_fields
    if node.shares is None and not (arguments and arguments[0].text == "op"):
        yield "op", node.op.name
    for part in arguments:
        value = writer.written(part.parts[0])
        if part.text == "op":
            yield "op", value
            continue
        default = fields[part.text].default
        if node.shares is not None or (not fields[part.text].is_required() and value == one_for_all(default)):
            continue
        yield part.text, value


def _block(arguments: list[Term], writer: ValueWriter, known: set[str], mapped: bool) -> Iterator[tuple[str, Any]]:
    """The copies, then the arguments that differ from their defaults."""
    found: list[tuple[str, Any]] = []
    lists: dict[str, Any] = {}
    count: Any = None
    for part in arguments:
        if part.kind == "number":
            count = writer.written(part)
            continue
        values = [writer.written(value) for value in part.parts]
        default = part.value[0] if part.value else MISSING
        if part.kind == "argument":
            if default is MISSING or values[0] != as_data(default):
                found.append((part.text, values[0]))
        elif part.kind == GROWING:
            found.append((part.text, growing_rate(*values)))
        elif part.kind == "each":
            found.append((part.text, _each(part.text, values[0], lists, known)))
        else:
            condition = "i % 2 == 0" if part.kind == "turns" else part.kind
            found.append((part.text, conditional(condition, values[0], values[1])))
    if lists:
        yield "for", lists
    elif count is not None:
        yield "repeat", count
    if mapped:
        yield "map", True
    told = dict(found)
    others = {part.text: part.value[0].name for part in arguments if _follows(part)}
    yield from ((name, value) for name, value in found if name not in others or value != told.get(others[name]))


def _follows(part: Term) -> bool:
    """Whether an argument is another one unless it is told."""
    return part.kind != "number" and bool(part.value) and isinstance(part.value[0], OtherParameter)


def _each(name: str, values: Any, lists: dict[str, Any], known: set[str]) -> str:
    """An argument that each copy has another value of: counting, or from a list that the copies walk."""
    if isinstance(values, list) and values == list(range(len(values))):
        return "=i"
    if running_sum(values):
        return running_sum(values)
    same = next((word for word, known in lists.items() if known == values and _are_widths(values)), "")
    if same:
        return f"={same}"
    word = name_of_entry(name, known | set(lists) | {"i", "first", "last"})
    lists[word] = values
    return f"={word}"


def _are_widths(values: Any) -> bool:
    """Whether the numbers of a list are equal to others by no accident."""
    return isinstance(values, str) or (isinstance(values, list) and len(values) > 1 and min(map(_width, values)) > 1)


def _width(value: Any) -> int:
    return value if type(value) is int else 0

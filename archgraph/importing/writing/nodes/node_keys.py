"""What a line of a spec says of an operation or a block: arguments, copies, what these hand on, tied weights."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from archgraph.graph.scan import Scan
from archgraph.graph.types import Call, Node
from archgraph.importing.writing.classes.templates import WrittenStatement
from archgraph.importing.writing.copies.copied_arguments import GROWING
from archgraph.importing.writing.copies.folded_sums import FOLD
from archgraph.importing.writing.copies.group_form import BEFORE
from archgraph.importing.writing.copies.repeated_groups import GROUP
from archgraph.importing.writing.families.block_classes import BlockClass
from archgraph.importing.writing.modules.copy_pattern import Pattern
from archgraph.importing.writing.modules.naming import name_of_entry
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


def applied_keys(
    statement: WrittenStatement, arguments: list[Term], writer: ValueWriter, made: BlockClass, known: set[str]
) -> dict[str, Any]:
    """What is applied, with its arguments, and how often."""
    term = statement.term
    if term.kind == GROUP:
        return {"repeat": writer.written(arguments[0])} | ({"chain": [BEFORE]} if term.value.extras else {})
    if term.kind == "operation":
        assert isinstance(statement.made, Node)
        return dict(operation_keys(statement.made, arguments, writer))
    if term.kind == FOLD:
        assert isinstance(statement.made, Node)
        count = writer.written(arguments[0])  # the writer hands out its numbers in the order of the term
        return {**dict(operation_keys(statement.made, arguments[1:], writer)), "repeat": count}
    if term.kind == "shared":
        return {"repeat": writer.written(arguments[0])} if arguments else {}
    pattern = term.value if isinstance(term.value, Pattern) else None
    counted = [part for part in arguments if part.kind != "number" or statement.name not in made.listed]
    keys = {"op": term.text, **dict(_block(counted, writer, known, pattern is not None and pattern.mapped))}
    if keys.get("repeat") == 1 and pattern is not None:
        del keys["repeat"]
    return keys


def further_keys(statement: WrittenStatement) -> dict[str, Any]:
    """What stands behind the arguments: what copies hand on, tied weights, what is for training only."""
    keys: dict[str, Any] = {}
    if isinstance(statement.made, Call) and statement.made.scan is not None:
        keys.update(_steps(statement.made, statement.made.scan))
    if isinstance(statement.term.value, Pattern) and statement.term.value.chain:
        keys["chain"] = list(dict.fromkeys(port.partition(".")[0] for port in statement.term.value.chain))
    if statement.ties:
        keys["tie"] = {name or ITSELF: key for name, key in statement.ties.items()}
    if statement.training:
        keys["training"] = "only"
    return keys


def operation_keys(node: Node, arguments: list[Term], writer: ValueWriter) -> Iterator[tuple[str, Any]]:
    """The operation, where a line names one, and the arguments that differ from their defaults."""
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


def keys_of_each_copy(arguments: list[Term], writer: ValueWriter) -> Iterator[tuple[str, Any]]:
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


def _steps(call: Call, scan: Scan) -> Iterator[tuple[str, Any]]:
    """The sequences with their dimensions, and the states."""
    names = [value.name for value in call.body.inputs]
    yield "scan", {name: dim for name, dim in zip(names, scan.dims, strict=True) if dim is not None}
    yield "chain", [names[place] for place in scan.carried]


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

"""Alike modules side by side, such as the branches of a list: they become one statement with copies (`map`).

Each copy reads the same, or what the statement of other copies, the parts of a value or the outputs of a block hand out
under its number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from archgraph.graph.types import joined
from archgraph.importing.writing.classes.templates import BodyTemplate, WrittenStatement
from archgraph.importing.writing.copies.copied_arguments import argument_of, cost_of_arguments
from archgraph.importing.writing.copies.copies import is_lent, is_scan, is_whole_level, operands_of
from archgraph.importing.writing.copies.numbered_values import Place, places, places_of_inputs, ports_of_their_own
from archgraph.importing.writing.copies.plain_operations import as_call
from archgraph.importing.writing.modules.copy_pattern import NUMBER, Pattern
from archgraph.structure.terms import Term, number


def with_parallel_copies(template: BodyTemplate, always: bool = False) -> BodyTemplate:
    """The template with alike modules that stand side by side as copies, where that is simpler, or always."""
    statements: list[WrittenStatement] = list(template.entries())
    calls = list(map(as_call, statements))
    made: list[WrittenStatement] = []
    numbered = dict(places_of_inputs(template))
    gone: set[int] = set()
    for at, statement in enumerate(statements):
        if id(statement) in gone:
            continue
        found = _row(calls, at, numbered, {value for one in made for value in one.outs}, len(template.arguments))
        if found is not None and (always or _saves(*found)):
            row, pattern = found
            whole = {one.name for one in row}
            gone.update(id(one) for one in statements if one.name in whole)
            statement = _side_by_side(calls, row, pattern)
        numbered.update(places(statement, len(made)))
        made.append(statement)
    template.statements = [*made]
    return template


def _row(
    statements: Sequence[WrittenStatement], at: int, numbered: Mapping[int, Place], known: set[int], inputs: int
) -> tuple[list[WrittenStatement], Pattern] | None:
    """The modules beside that of a statement, this one first, that could stand where it does, and how names count."""
    first = statements[at]
    if first.term.kind != "call" or not operands_of(first) or not _is_plain(first, statements):
        return None
    by_name = {one.name: one for one in statements[at + 1 :]}
    for match in NUMBER.finditer(first.name):
        pattern = Pattern(first.name[: match.start()], int(match[0]), first.name[match.end() :], mapped=True)
        row = [first] if is_whole_level(statements, first, pattern, 0) else []
        while row and (here := by_name.get(f"{pattern.prefix}{pattern.start + len(row)}{pattern.suffix}")) is not None:
            there = all(value < inputs or value in known for value in operands_of(here))
            whole = is_whole_level(statements, here, pattern, len(row))
            if not there or not whole or not _is_alike(first, here) or not _is_plain(here, statements):
                break
            row.append(here)
        own = ports_of_their_own(row, numbered) if len(row) > 1 else None
        if own is not None:
            return row, replace(pattern, own=own)
    return None


def _is_plain(statement: WrittenStatement, statements: Sequence[WrittenStatement]) -> bool:
    return len(statement.outs) == 1 and not is_scan(statement) and not is_lent(statement, statements)


def _is_alike(first: WrittenStatement, here: WrittenStatement) -> bool:
    kind = (here.term.kind, here.term.text, here.training, here.ties, here.ports)
    return kind == (first.term.kind, first.term.text, first.training, first.ties, first.ports)


def _saves(row: Sequence[WrittenStatement], pattern: Pattern) -> bool:
    """Whether copies are simpler than lines of their own: those have names, and paths that copies share."""
    together, apart = cost_of_arguments([one.term for one in row])
    return 3 + bool(pattern.own) + together < (2 + bool(pattern.own)) * len(row) + apart


def _side_by_side(
    statements: Sequence[WrittenStatement], row: Sequence[WrittenStatement], pattern: Pattern
) -> WrittenStatement:
    first = row[0]
    columns = zip(*([part for part in one.term.parts if part.kind != "variable"] for one in row), strict=True)
    arguments = [argument_of(list(column)) for column in columns]
    operands: list[Term] = []
    for port, column in zip(first.ports, zip(*map(_variables, row), strict=True), strict=True):
        operands += column if port in pattern.own else column[:1]
    term = Term("copies", first.term.text, (*operands, number("repeat", len(row)), *arguments), value=pattern)
    parent, _, local = pattern.prefix.rpartition(".")
    alone = not any(one.name.startswith(pattern.prefix) for one in statements if one not in row)
    name = parent if alone and parent and not local else joined(parent, local.strip("_") or str(pattern.start))
    outs = tuple(one.outs[0] for one in row)
    return replace(first, term=term, name=name, path=name, outs=outs, removable=False)


def _variables(statement: WrittenStatement) -> list[Term]:
    return [part for part in statement.term.parts if part.kind == "variable"]

"""Alike modules side by side, such as the branches of a list: they become one statement with copies (`map`).

Each copy reads the same, or what the statement of other copies, the parts of a value or the outputs of a block hand out
under its number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from archgraph.graph.types import joined
from archgraph.importing.writing.copied_arguments import argument_of, cost_of_arguments
from archgraph.importing.writing.copies import NUMBER, Pattern, is_lent, is_scan, is_whole_level, operands_of
from archgraph.importing.writing.templates import BodyTemplate, WrittenStatement
from archgraph.structure.terms import Term, number

Place = tuple[int, str, int]
"""Which statement hands a value out, the word before the number that it has there, and this number."""
_NUMBERED = re.compile(r"(.*?)(\d+)")


def with_parallel_copies(template: BodyTemplate, always: bool = False) -> BodyTemplate:
    """The template with alike modules that stand side by side as copies, where that is simpler, or always."""
    statements: list[WrittenStatement] = list(template.entries())
    made: list[WrittenStatement] = []
    places = dict(_places_of_inputs(template))
    gone: set[int] = set()
    for at, statement in enumerate(statements):
        if id(statement) in gone:
            continue
        found = _row(statements, at, places, {value for one in made for value in one.outs}, len(template.arguments))
        if found is not None and (always or _saves(*found)):
            row, pattern = found
            gone.update(map(id, row))
            statement = _side_by_side(statements, row, pattern)
        places.update(_places(statement, len(made)))
        made.append(statement)
    template.statements = [*made]
    return template


def numbered_values(template: BodyTemplate) -> dict[int, Place]:
    """Under which number each value is handed out that has one, by the value."""
    found = dict(_places_of_inputs(template))
    for at, statement in enumerate(template.entries()):
        found.update(_places(statement, at))
    return found


def _places_of_inputs(template: BodyTemplate) -> Iterator[tuple[int, Place]]:
    for value, name in template.listed.items():
        yield value, (-1, "", int(name.rpartition(".")[2]))


def _places(statement: WrittenStatement, at: int) -> Iterator[tuple[int, Place]]:
    """Under which numbers a statement hands its values out, if it does."""
    pattern = statement.term.value
    mapped = isinstance(pattern, Pattern) and pattern.mapped
    several = len(statement.outs) > 1 and (mapped or len(statement.made.outputs) == len(statement.outs))
    for place, value in enumerate(statement.outs) if several else ():
        word = str(place)
        if not mapped:
            word = statement.made.outputs[place].name.rpartition(".")[2]
        match = _NUMBERED.fullmatch(word)
        if match is not None:
            yield value, (at, match[1], int(match[2]))


def _row(
    statements: Sequence[WrittenStatement], at: int, places: dict[int, Place], known: set[int], inputs: int
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
        own = _ports_of_their_own(row, places) if len(row) > 1 else None
        if own is not None:
            return row, replace(pattern, own=own)
    return None


def _is_plain(statement: WrittenStatement, statements: Sequence[WrittenStatement]) -> bool:
    return len(statement.outs) == 1 and not is_scan(statement) and not is_lent(statement, statements)


def _is_alike(first: WrittenStatement, here: WrittenStatement) -> bool:
    kind = (here.term.kind, here.term.text, here.training, here.ties, here.ports)
    return kind == (first.term.kind, first.term.text, first.training, first.ties, first.ports)


def _ports_of_their_own(row: Sequence[WrittenStatement], places: dict[int, Place]) -> tuple[str, ...] | None:
    """The ports at which each copy reads a value of its own, by its number; None where numbers do not tell them."""
    found: list[str] = []
    for port, column in zip(row[0].ports, zip(*map(operands_of, row), strict=True), strict=True):
        if len(set(column)) == 1:
            continue
        if not all(value in places for value in column):
            return None
        maker, word, first = places[column[0]]
        if [places[value] for value in column] != [(maker, word, first + copy) for copy in range(len(column))]:
            return None
        found.append(port)
    return tuple(found)


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

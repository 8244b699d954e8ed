"""Sums over copies: `whole = whole + branch(x)` in a loop is one statement, and so is `whole = whole + skip` of what
copies in a row hand out besides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from archgraph.importing.writing.classes.templates import BodyTemplate, WrittenStatement
from archgraph.importing.writing.copies.copies import operands_of
from archgraph.importing.writing.copies.group_form import GroupForm
from archgraph.importing.writing.copies.numbered_values import places
from archgraph.importing.writing.modules.copy_pattern import Pattern
from archgraph.structure.terms import Term, number, variable

FOLD = "fold"
"""The kind of a term that applies an operation of two values to the first value and each of the others in turn."""
_Copy = tuple[int, str, int]
"""The statement that a copy is of (by id), which of its values is read, and the number of the copy."""
_SUM = "add(input,other)"
_LEAST = 2


def with_folded_sums(template: BodyTemplate, from_second: bool = False) -> BodyTemplate:
    """The template with each sum over copies as one statement. `from_second` leaves the first sum to itself, as where
    other instances of a class begin with the first copy."""
    statements: list[WrittenStatement] = list(template.entries())
    copies = {value: copy for one in statements for value, copy in _copies(one)}
    readers = Counter([*template.outputs, *(value for one in statements for value in operands_of(one))])
    made: list[WrittenStatement] = []
    gone: set[int] = set()
    ends: dict[int, WrittenStatement] = {}
    for at, statement in enumerate(statements):
        starts = _copies_added(statement, copies) if id(statement) not in gone and _is_sum(statement) else []
        chains = {start: _chain(statements, at, start, copies, readers) for start in starts if start[-1] >= from_second}
        start = max(chains, key=lambda one: len(chains[one]), default=None)
        if start is not None and len(chain := chains[start]) >= _LEAST:
            gone.update(map(id, chain))
            ends[id(chain[-1])] = _folded(chain, start, copies)
    for statement in statements:
        if id(statement) in ends:
            made.append(ends[id(statement)])
        elif id(statement) not in gone:
            made.append(statement)
    template.statements = [*made]
    return template


def _copies(statement: WrittenStatement) -> Iterator[tuple[int, _Copy]]:
    """The values of copies side by side, and those that copies in a row hand out besides what the next one takes."""
    pattern = statement.term.value
    mapped = isinstance(pattern, Pattern) and pattern.mapped
    if mapped or (isinstance(pattern, (Pattern, GroupForm)) and pattern.parts):
        yield from ((value, (id(statement), word, copy)) for value, (_, word, copy) in places(statement, 0))


def _copies_added(statement: WrittenStatement, copies: Mapping[int, _Copy]) -> list[_Copy]:
    """The copies that a sum may be said to add: of two in a row the second."""
    found = sorted(copies[value] for value in operands_of(statement) if value in copies)
    in_a_row = len(found) == 2 and found[1] == (*found[0][:-1], found[0][-1] + 1)
    return found[1:] if in_a_row else found


def _chain(
    statements: Sequence[WrittenStatement],
    at: int,
    start: _Copy,
    copies: Mapping[int, _Copy],
    readers: Counter[int],
) -> list[WrittenStatement]:
    """The sums from here on of which each adds the next copy to what the one before makes."""
    chain = [statements[at]]
    for here in statements[at + 1 :]:
        before = chain[-1].outs[0]
        if before not in operands_of(here):
            continue
        added = [copies.get(value) for value in operands_of(here) if value != before]
        if not _is_sum(here) or readers[before] > 1 or added != [(*start[:-1], start[-1] + len(chain))]:
            break
        chain.append(here)
    return chain


def _is_sum(statement: WrittenStatement) -> bool:
    return statement.term.kind == "operation" and statement.term.text == _SUM and not statement.training


def _folded(chain: Sequence[WrittenStatement], start: _Copy, copies: Mapping[int, _Copy]) -> WrittenStatement:
    """One statement for all sums: the first value, then each of the others."""
    first, last = chain[0], chain[-1]
    operands = sorted(operands_of(first), key=lambda value: copies.get(value) == start)
    added = [next(value for value in operands_of(one) if value in copies) for one in chain[1:]]
    attributes = [part for part in first.term.parts if part.kind != "variable"]
    parts = (*map(variable, [*operands, *added]), number("repeat", len(chain)), *attributes)
    return replace(last, term=Term(FOLD, first.term.text, parts, value=first.term.value), name=first.name)

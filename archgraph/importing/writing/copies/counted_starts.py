"""Runs of modules in one list whose places depend on how long the runs before them are, as the stages of a network that
keeps all of its blocks in one list: their numbers begin with the sum of the counts before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, takewhile
from typing import Any

from archgraph.codegen.analysis.names import singular
from archgraph.importing.writing.classes.chosen_blocks import CHOICE
from archgraph.importing.writing.classes.network_sources import has_affinity
from archgraph.importing.writing.classes.templates import BodyTemplate, WrittenStatement
from archgraph.importing.writing.copies.copies import is_lent, is_scan, operands_of
from archgraph.importing.writing.copies.plain_operations import as_call
from archgraph.importing.writing.modules.copy_pattern import Pattern
from archgraph.importing.writing.numbers.values import expression_text
from archgraph.structure.expressions import Arithmetic, ConstantNumber, Expression, ParameterName
from archgraph.structure.template import Statement
from archgraph.structure.terms import Term, number
from archgraph.structure.unification import UnifiedClass

COUNT = "repeat"
_ONE = "one"
"""The role of the count of a run that is one module in all networks."""


class CountedStart(int):
    """The first number of a run that is `place`-th in its list: equal in all networks, whatever it is in each. `text`
    is the expression for it."""

    place: int
    text: str

    def __new__(cls, value: int, place: int) -> CountedStart:
        """The number in one network."""
        made = super().__new__(cls, value)
        made.place, made.text = place, str(value)
        return made

    def __eq__(self, other: object) -> bool:
        return self.place == other.place if isinstance(other, CountedStart) else int(self) == other

    def __hash__(self) -> int:
        return hash(("counted start", self.place))

    def __format__(self, spec: str) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class _CountedRun:
    """One or several modules in a row of a list: where their statement is, the number of the first, and how many."""

    at: int
    start: int
    count: int
    text: str
    single: bool


def with_counted_starts(templates: Sequence[BodyTemplate]) -> None:
    """Makes the runs of lists alike that are the same in all networks but for how long they are."""
    lists = [_lists(template) for template in templates]
    for prefix in lists[0]:
        rows = [one.get(prefix, []) for one in lists]
        if len({tuple(run.text for run in row) for row in rows}) != 1 or len(rows[0]) < 2:
            continue
        fixed = all(run.start == rows[0][place].start for row in rows for place, run in enumerate(row))
        if fixed and not _are_named(rows[0], [one.call.arguments for one in templates if one.call is not None]):
            continue
        plain = sum(1 for _ in takewhile(lambda runs: all(run.single for run in runs), zip(*rows, strict=True)))
        counts = [_ONE if all(run.single for run in runs) else COUNT for runs in zip(*rows, strict=True)]
        words = _words(prefix, rows[0])
        for template, row in zip(templates, rows, strict=True):
            for place, run in list(enumerate(row))[plain:]:
                name = f"{prefix}{words[place]}_{place}" if place else f"{prefix}{run.start}"
                made = _run_with_start(template.entries()[run.at], prefix, run, place, name, counts[place])
                template.statements[run.at] = made


def _are_named(runs: Sequence[_CountedRun], arguments: Sequence[Mapping[str, Any]]) -> bool:
    """Whether an argument says how long some run is behind which others begin, `local_up_to_layer`."""
    counts = {run.count for run in runs[:-1] if not run.single}
    return any(
        has_affinity(name, COUNT) and all(given.get(name) == value for given in arguments)
        for given in arguments[:1]
        for name, value in given.items()
        if type(value) is int and value in counts
    )


def _lists(template: BodyTemplate) -> Mapping[str, list[_CountedRun]]:
    """The lists that hold nothing but runs, one behind the other, by what their names begin with."""
    found: dict[str, list[_CountedRun]] = {}
    entries = template.entries()
    for at, one in enumerate(entries):
        prefix, run = _run(one, at, entries) or ("", None)
        if run is not None:
            found.setdefault(prefix, []).append(run)
    return {
        prefix: runs
        for prefix, runs in found.items()
        if sum(one.name.startswith(prefix) or f"{one.name}." == prefix for one in entries) == len(runs)
        and all(a.start + a.count == b.start for a, b in pairwise(runs))
    }


def _list_and_number(name: str) -> tuple[str, str]:
    """What the name of a module begins with before its number in its list, which is all of its body if that is ''."""
    around, dot, last = name.rpartition(".")
    return around + dot, last


def _run(one: WrittenStatement, at: int, entries: Sequence[WrittenStatement]) -> tuple[str, _CountedRun] | None:
    pattern = one.term.value
    if one.term.kind == "copies" and isinstance(pattern, Pattern):
        plain = not (pattern.suffix or pattern.mapped or pattern.read or pattern.chain)
        count = next(int(part.value) for part in one.term.parts if part.kind == "number")
        return (pattern.prefix, _CountedRun(at, pattern.start, count, one.term.text, False)) if plain else None
    prefix, last = _list_and_number(one.name)
    called = as_call(one)
    plain = called.term.kind == "call" or (one.term.kind == "operation" and not one.path and bool(operands_of(one)))
    plain = plain and len(one.outs) == 1 and not (is_lent(one, entries) or is_scan(one) or one.training)
    if not plain or not last.isdecimal() or one.ties:
        return None
    return prefix, _CountedRun(at, int(last), 1, called.term.text, True)


def _words(prefix: str, runs: Sequence[_CountedRun]) -> list[str]:
    """What the runs of a list are called: where all are of one class, `block` in `blocks`, else after their classes."""
    level = prefix.rstrip(".").rpartition(".")[2]
    alike = len({run.text for run in runs}) == 1
    if alike and level.endswith("s") and not level.endswith("ss"):
        return [singular(level)] * len(runs)
    return ["part" if run.text == CHOICE else run.text.partition("(")[0] for run in runs]


def _run_with_start(
    one: WrittenStatement, prefix: str, run: _CountedRun, place: int, name: str, count: str
) -> WrittenStatement:
    """The statement of a run as copies that begin where the runs before end; `count` is the role of how many."""
    start = CountedStart(run.start, place) if place else run.start
    pattern = Pattern(prefix, start, "")
    if run.single and not one.path:
        return replace(one, name=name)
    parts = (as_call(one) if run.single else one).term.parts
    if run.single:
        read = [part for part in parts if part.kind == "variable"]
        parts = (*read, number(count, 1), *(part for part in parts if part.kind != "variable"))
    return replace(one, term=Term("copies", run.text, parts, value=pattern), name=name, path=name)


def has_fixed_start_behind(one: Statement | None, entries: Sequence[Statement]) -> bool:
    """Whether behind the copies of a statement others stand in the same list, under numbers that do not follow."""
    if one is None or not isinstance(one.term.value, Pattern):
        return False
    prefix = one.term.value.prefix
    others = [other for other in entries if other is not one and f"{other.name}.".startswith(prefix)]
    return any(not isinstance(getattr(other.term.value, "start", None), CountedStart) for other in others)


def set_starts(group: UnifiedClass[BodyTemplate], expressions: Mapping[int, Expression]) -> None:
    """Writes the sums of the counts before into the starts of a class, whose numbers have these expressions."""
    counts: dict[int, Expression] = {}
    for place, column in enumerate(group.columns):
        if column.statement is not None and column.role == COUNT and place in expressions:
            counts.setdefault(id(column.statement), expressions[place])
    for place, column in enumerate(group.columns):  # copies that walk lists which are parameters
        walked = expressions.get(place)
        if column.statement is not None and isinstance(walked, ParameterName) and isinstance(column.values[0], tuple):
            counts.setdefault(id(column.statement), ParameterName(f"len({walked.name})"))
    before: dict[str, list[Expression]] = {}
    for entry in group.fullest.entries():
        pattern = entry.term.value
        if isinstance(pattern, Pattern) and not pattern.mapped:
            row = before.setdefault(pattern.prefix, [])
            if isinstance(pattern.start, CountedStart):
                pattern.start.text = _sum(row)
            row.append(counts.get(id(entry), ConstantNumber(_count(entry))))
        elif entry.name.rpartition(".")[2].isdecimal() or not entry.path:
            before.setdefault(_list_and_number(entry.name)[0], []).append(ConstantNumber(1))


def _count(entry: WrittenStatement) -> int:
    return next(int(part.value) for part in entry.term.parts if part.kind == "number")


def _sum(parts: Sequence[Expression]) -> str:
    """A sum with its numbers together."""
    terms: list[str] = []
    rest = 0
    for part in parts:
        if isinstance(part, Arithmetic) and part.operator == "+" and isinstance(part.right, ConstantNumber):
            rest, part = rest + part.right.value, part.left
        if isinstance(part, ConstantNumber):
            rest += part.value
        else:
            terms.append(expression_text(part, 1))
    text = " + ".join(terms)
    if not terms or not rest:
        return text or str(rest)
    return f"{text} + {rest}" if rest > 0 else f"{text} - {-rest}"


def single_number(line: Any) -> str:
    """The number of a line that is one module of a list, since it has no copies; '' for others."""
    pattern = line.pattern
    if pattern is None or pattern.mapped or {"repeat", "for"} & line.keys.keys():
        return ""
    return f"{{{pattern.start}}}" if isinstance(pattern.start, CountedStart) else str(pattern.start)

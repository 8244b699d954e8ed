"""Runs of several steps that come again and again, as a unit and its attention in each layer of a U-Net: they become
one group with copies.

A copy begins with what the one before has made, which its other steps may read too, as a residual sum does. Else it
reads what it makes itself, what is the same for all, or what stands outside under a number that counts with the copies,
up or down.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from archgraph.graph.types import joined
from archgraph.importing.writing.classes.templates import BodyTemplate, WrittenStatement
from archgraph.importing.writing.copies.best_runs import Run, with_best_runs
from archgraph.importing.writing.copies.copied_arguments import argument_of, sizes_differ
from archgraph.importing.writing.copies.copies import is_lent, is_scan, operands_of
from archgraph.importing.writing.copies.group_form import BEFORE, GroupForm, Source
from archgraph.importing.writing.copies.numbered_values import Place, counts, numbered_values
from archgraph.importing.writing.copies.step_paths import parts_a_level
from archgraph.importing.writing.modules.copy_pattern import NUMBER, Pattern
from archgraph.structure.terms import Term, number, variable

GROUP = "group"
"""The kind of a term that holds the entries of a group: `repeat`, then the terms of its members."""
PRESENT = "present"
"""The kind of a term that says whether a member, whose number is its text, is there in an instance."""
_MOST_MEMBERS = 6
_KEYS_OF_CHAIN = 8
"""The lines of a group that hands out several values, besides its members."""


def with_repeated_groups(template: BodyTemplate) -> BodyTemplate:
    """The template with each run of alike steps as a group with copies."""
    statements: list[WrittenStatement] = list(template.entries())
    search = _GroupSearch(template, statements)
    sizes = range(2, _MOST_MEMBERS + 1)
    template.statements = [*with_best_runs(statements, lambda place: (search.group(place, size) for size in sizes))]
    return template


class _GroupSearch:
    def __init__(self, template: BodyTemplate, statements: Sequence[WrittenStatement]):
        self._statements = statements
        self._readers = Counter([*template.outputs, *(value for one in statements for value in operands_of(one))])
        self._places: dict[int, Place] = numbered_values(template)

    def group(self, at: int, size: int) -> Run | None:
        """The group of so many members that begins here, which is worth the statements it stands for; None where there
        is none."""
        rows = self._rows(at, size)
        if len(rows) < 2:
            return None
        form, operands = self._form(rows) or (None, [])
        if form is None:
            return None
        length = len(rows) * size
        others = [one for one in (*self._statements[:at], *self._statements[at + length :]) if one.path]
        if parts_a_level([*zip(*rows, strict=True)], others):
            return None
        made = _group(rows, form, operands, _level(form.patterns, others))
        return (length, length, made) if made is not None else None

    def _rows(self, at: int, size: int) -> list[Sequence[WrittenStatement]]:
        """The copies, as far as their steps are alike and each begins with what the one before has made."""
        first = self._statements[at : at + size]
        if len(first) < size or not all(self._is_plain(one) for one in first) or not operands_of(first[0]):
            return []
        if not any(one.path for one in first) or len(first[-1].outs) > 1:
            return []
        rows = [first]
        while True:
            start = at + len(rows) * size
            row = self._statements[start : start + size]
            alike = (
                len(row) == size
                and len(row[-1].outs) == 1
                and all(map(_is_alike, first, row))
                and all(map(self._is_plain, row))
            )
            if not alike or operands_of(row[0])[:1] != [rows[-1][-1].outs[0]]:
                return rows
            if any(column[0].path and _pattern(column) is None for column in zip(*rows, row, strict=True)):
                return rows  # of another list
            if self._sources([*rows, row]) is None:  # two of three alike layers are no group
                return rows if len(rows) > 2 else []
            rows.append(row)

    def _is_plain(self, one: WrittenStatement) -> bool:
        kind = one.term.kind == "call" or (one.term.kind == "operation" and not one.path)
        single = len(one.outs) == 1 or one.term.kind == "call"
        return kind and single and not one.training and not is_scan(one) and not is_lent(one, self._statements)

    def _form(self, rows: Sequence[Sequence[WrittenStatement]]) -> tuple[GroupForm, list[int]] | None:
        patterns = [_pattern(column) if column[0].path else None for column in zip(*rows, strict=True)]
        found = self._sources(rows)
        if found is None or any(one is None and member.path for one, member in zip(patterns, rows[0], strict=True)):
            return None
        inside = Counter(value for row in rows for one in row for value in operands_of(one))
        read = [place for place, row in enumerate(rows) if self._readers[row[-1].outs[0]] > inside[row[-1].outs[0]]]
        extras = self._extras(rows, inside)
        if extras is None:
            return None
        sources, operands = found
        last = len(rows) - 1
        if not extras:
            return GroupForm(sources, tuple(patterns), tuple(place for place in read if place < last)), operands
        names = tuple(name for _, _, name in extras)
        parts = tuple((BEFORE, *names) if copy in read or copy == last else names for copy in range(len(rows)))
        return GroupForm(sources, tuple(patterns), (), extras, parts), operands

    def _extras(
        self, rows: Sequence[Sequence[WrittenStatement]], inside: Counter[int]
    ) -> tuple[tuple[int, int, str], ...] | None:
        """What copies hand out besides their result: by member and place, with its name. None where others read what a
        member makes that has a single value."""
        found: list[tuple[int, int, str]] = []
        for place, column in enumerate(zip(*rows, strict=True)):
            single = {one.outs[0] for one in column if len(one.outs) == 1} if place < len(rows[0]) - 1 else set()
            if any(self._readers[value] > inside[value] for value in single):
                return None
            for at, values in enumerate(zip(*(one.outs for one in column), strict=True)):
                if len(column[0].outs) > 1 and any(self._readers[value] > inside[value] for value in values):
                    found.append((place, at, list(column[0].made.body.outputs)[at]))
        names = [name for _, _, name in found]
        return None if len(set(names)) < len(names) or BEFORE in names else tuple(found)

    def _sources(
        self, rows: Sequence[Sequence[WrittenStatement]]
    ) -> tuple[tuple[tuple[Source, ...], ...], list[int]] | None:
        """What each member reads, and the values from outside; None where the copies do not read alike."""
        made = [
            {value: (place, number) for place, one in enumerate(row) for number, value in enumerate(one.outs)}
            for row in rows
        ]
        before = tuple(operands_of(row[0])[0] for row in rows)
        operands = [before[0]]
        found: list[tuple[Source, ...]] = []
        for column in zip(*rows, strict=True):
            sources: list[Source] = []
            for values in zip(*map(operands_of, column), strict=True):
                if values == before:
                    sources.append((BEFORE, 0, 0))
                    continue
                source = self._source(values, made, operands)
                if source is None:
                    return None
                sources.append(source)
            found.append(tuple(sources))
        return tuple(found), operands

    def _source(
        self, values: Sequence[int], made: Sequence[Mapping[int, tuple[int, int]]], operands: list[int]
    ) -> Source | None:
        members = {own.get(value) for own, value in zip(made, values, strict=True)}
        if members != {None}:
            member = members.pop()
            return ("member", *member) if member is not None and not members else None
        if any(value in own for own in made for value in values) or values[0] == operands[0]:
            return None
        if len(set(values)) == 1:
            operands.append(values[0])
            return "outside", len(operands) - 1, 1
        step = counts(values, self._places)
        if not step:
            return None
        operands.extend(values)
        return "up" if step > 0 else "down", len(operands) - len(values), len(values)


def _is_alike(first: WrittenStatement, here: WrittenStatement) -> bool:
    """Whether two steps differ in what they read and in numbers only; those without weights in what they read only."""
    if (first.term.kind, first.term.text, first.ports) != (here.term.kind, here.term.text, here.ports):
        return False
    if bool(first.path) != bool(here.path) or first.ties or here.ties:
        return False
    others = [[part for part in one.term.parts if part.kind != "variable"] for one in (first, here)]
    return first.term.kind == "call" or others[0] == others[1]


def _pattern(column: Sequence[WrittenStatement]) -> Pattern | None:
    """How the names of a member count."""
    for match in NUMBER.finditer(column[0].name):
        pattern = Pattern(column[0].name[: match.start()], int(match[0]), column[0].name[match.end() :])
        names = [f"{pattern.prefix}{pattern.start + copy}{pattern.suffix}" for copy in range(len(column))]
        if names == [one.name for one in column]:
            return pattern
    return None


def _group(
    rows: Sequence[Sequence[WrittenStatement]], form: GroupForm, operands: Sequence[int], level: str
) -> WrittenStatement | None:
    """One statement for all copies, at this level of the module tree; None where this is no shorter."""
    first = rows[0]
    entries: list[Term] = []
    apart = together = 0
    for column in zip(*rows, strict=True):
        arguments = [[part for part in one.term.parts if part.kind != "variable"] for one in column]
        if column[0].term.kind == "call":
            if any(sizes_differ(one) for one in zip(*arguments, strict=True)):
                return None
            told = [argument_of(one) for one in zip(*arguments, strict=True)]
            together += sum(1 if part.kind == "argument" else 3 for part in told)
            entries.append(column[0].term._replace(parts=tuple(told)))
        else:
            together += 1
            entries.append(column[0].term._replace(parts=tuple(arguments[0])))
        apart += len(rows) * (1 + len(arguments[0]))
    sums = len(rows) - 1
    if form.extras and _KEYS_OF_CHAIN + len(first) >= len(rows) * len(first) + sums:
        return None
    own_input = 2 if form.reads_before else 0
    if 3 + own_input + len(first) + together >= apart + (len(rows) - 1) * len(first):
        return None
    parts = (*map(variable, operands), number("repeat", len(rows)), *entries)
    name = joined(level, "layer")
    outs = (*(rows[copy][-1].outs[0] for copy in form.read), *rows[-1][-1].outs)
    if form.extras:
        outs = tuple(
            value for row, names in zip(rows, form.parts, strict=True) for value in _handed_out(row, form, names)
        )
    return replace(
        first[0],
        term=Term(GROUP, " ".join(one.term.text for one in first), parts, value=form),
        outs=outs,
        name=name,
        path="",
        ports=(),
        listed=(),
        removable=not (form.read or form.extras),
        members=tuple(first),
    )


def _handed_out(row: Sequence[WrittenStatement], form: GroupForm, names: Sequence[str]) -> Iterator[int]:
    """The values of a copy that have these names."""
    if BEFORE in names:
        yield row[-1].outs[0]
    yield from (row[place].outs[at] for place, at, _ in form.extras)


def _level(patterns: Sequence[Pattern | None], others: Sequence[WrittenStatement]) -> str:
    """The level of the module tree that holds the lists of all members; the list itself where all stand in one that
    has `others` too, which are a level of their own."""
    lists = [one.prefix.removesuffix(".") for one in patterns if one is not None]
    if len(set(lists)) == 1 and lists[0] and any(one.name.startswith(f"{lists[0]}.") for one in others):
        return lists[0]
    common: list[str] = []
    for words in zip(*(one.split(".")[:-1] for one in lists), strict=False):
        if len(set(words)) > 1:
            break
        common.append(words[0])
    return ".".join(common)


def paths_in_group(statement: WrittenStatement) -> Iterator[str]:
    """The paths of all modules of a group, copy by copy."""
    form = statement.term.value
    count = next(part.value for part in statement.term.parts if part.kind == "number")
    for copy in range(count):
        for pattern in form.patterns:
            if pattern is not None:
                yield f"{pattern.prefix}{pattern.start + copy}{pattern.suffix}"

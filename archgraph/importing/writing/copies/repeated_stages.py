"""Stages of a network, of which each is a run of copies, or a few steps: they become one group with copies of which
each walks lists, as many copies as its stage has.

Each step of a stage reads what stands before it, and what is the same in all of them. The last stage may lack its last
steps, as the one that halves the image.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from archgraph.graph.types import Call, Node, joined
from archgraph.importing.writing.classes.templates import BodyTemplate, WrittenStatement
from archgraph.importing.writing.copies.best_runs import Run, with_best_runs
from archgraph.importing.writing.copies.copied_arguments import GROWING
from archgraph.importing.writing.copies.copies import copies_of_first, is_lent, is_scan, operands_of
from archgraph.importing.writing.copies.group_form import Source
from archgraph.importing.writing.copies.numbered_values import count_of
from archgraph.importing.writing.copies.plain_operations import with_default
from archgraph.importing.writing.copies.stage_arguments import COUNT, argument_of_stages, cost_of_stages, over_stages
from archgraph.importing.writing.copies.step_paths import StepPath, own_path, parts_a_level, path_of_step
from archgraph.structure.terms import Term, number, variable

STAGES = "stages"
"""The kind of a term that holds the entries of stages: how many there are, then those of the steps."""
LEAST, MOST_STEPS = 3, 4
"""Stages that are a list in one network, and the steps of one."""


@dataclass(frozen=True, slots=True)
class StagesForm:
    """What the steps of stages read, where they stand (None without weights), which of them the last stage lacks, and
    the stages, but for the last, whose results others read."""

    sources: tuple[tuple[Source, ...], ...]
    paths: tuple[StepPath | None, ...]
    lacking: frozenset[int]
    read: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FoundStages:
    """Stages of one network: each step in all of them, their form, what they read from outside, how many there are, and
    how many statements."""

    columns: Sequence[Sequence[WrittenStatement]]
    form: StagesForm
    operands: Sequence[int]
    count: int
    length: int

    @property
    def counts(self) -> list[list[int]]:
        """How many copies each step has in each stage."""
        return [[count_of(one) if one.term.kind == "copies" else 1 for one in column] for column in self.columns]


def with_repeated_stages(template: BodyTemplate) -> BodyTemplate:
    """The template with each run of alike stages as a group with copies, where that is less to read."""
    statements: list[WrittenStatement] = list(template.entries())
    search = StageSearch(template, statements)
    sizes = range(1, MOST_STEPS + 1)
    template.statements = [*with_best_runs(statements, lambda place: (_run(search, place, size) for size in sizes))]
    return template


def _run(search: StageSearch, at: int, size: int) -> Run | None:
    """What the stages of so many steps that begin here save, how many statements they stand for, and the group; None
    where they save nothing, or differ in sizes."""
    found = search.stages(at, size)
    if found is None:
        return None
    entries = [_told(column, counts, found.count) for column, counts in zip(found.columns, found.counts, strict=True)]
    made = with_entries(found, entries)
    return made if made is not None and made[0] > 0 else None


class StageSearch:
    """Looks for stages among the statements of a template."""

    def __init__(self, template: BodyTemplate, statements: Sequence[WrittenStatement]):
        self._statements = statements
        self._readers = Counter([*template.outputs, *(value for one in statements for value in operands_of(one))])

    def stages(
        self, at: int, size: int, least: int = LEAST, like: Sequence[StepPath | None] | None = None
    ) -> FoundStages | None:
        """The stages of so many steps that begin here; None where there are fewer than `least`. A single one has paths
        `like` these."""
        rows = self._rows(at, size)
        columns = self._named(rows, like)
        while len(rows) > least and columns is None:  # a step of another name stands behind the last stage
            rows = rows[:-1]
            columns = self._named(rows, like)
        if len(rows) < least or columns is None:
            return None
        end = at + sum(map(len, rows))
        others = [one for one in (*self._statements[:at], *self._statements[end:]) if one.path]
        if parts_a_level(columns, others):
            return None
        paths = [
            path_of_step(column, own_path(like, place)) if column[0].path else None
            for place, column in enumerate(columns)
        ]
        blocks = any(isinstance(one.made, Call) for one in rows[0])
        if not any(paths) or (not blocks and any(path is not None and path.step > 1 for path in paths)):
            return None  # layers one after the other in one list are read as they stand
        found = self._sources(rows)
        lacking = frozenset(range(len(rows[-1]), size))
        if found is None or any(rows[0][place].term.kind == "copies" for place in lacking):
            return None
        sources, operands = found
        ends = [row[-1].outs[0] for row in rows]
        read = tuple(place for place, end in enumerate(ends[:-1]) if self._readers[end] > 1)
        form = StagesForm(sources, tuple(paths), lacking, read)
        return FoundStages(columns, form, operands, len(rows), sum(map(len, rows)))

    def _rows(self, at: int, size: int) -> list[Sequence[WrittenStatement]]:
        """The stages, as far as their steps are alike and each reads what stands before it."""
        first = self._statements[at : at + size]
        if len(first) < size or not all(map(self._is_plain, first)) or not self._chains(first, None):
            return []
        if not first[0].path:
            return []
        rows = [first]
        while True:
            start = at + len(rows) * size
            row = self._statements[start : start + size]
            length = next((place for place, one in enumerate(row) if not self._is_step(one, first[place])), len(row))
            row = row[:length]
            if not row or not self._chains(row, rows[-1][-1]):
                return rows
            rows.append(row)
            if length < size:
                return rows

    def _is_step(self, here: WrittenStatement, first: WrittenStatement) -> bool:
        return self._is_plain(here) and _outline(here) == _outline(first)

    def _is_plain(self, one: WrittenStatement) -> bool:
        if any(part.kind == GROWING for part in one.term.parts):
            return False
        pattern = one.term.value
        if one.term.kind == "copies":
            plain = not (pattern.chain or pattern.read or pattern.mapped or pattern.own)
        else:
            plain = one.term.kind in ("call", "operation")
        if isinstance(one.made, Node) and one.made.hidden:
            return False
        lent = is_scan(one) or is_lent(one, self._statements) or one.made.shares is not None
        return plain and len(one.outs) == 1 and not (one.training or one.ties or lent) and bool(operands_of(one))

    def _chains(self, row: Sequence[WrittenStatement], before: WrittenStatement | None) -> bool:
        """Whether each step reads what stands before it, which nobody else reads inside of a stage."""
        for place, one in enumerate(row):
            if before is not None and operands_of(one)[0] != before.outs[0]:
                return False
            if place and before is not None and self._readers[before.outs[0]] > 1:
                return False
            before = one
        return True

    def _named(
        self, rows: Sequence[Sequence[WrittenStatement]], like: Sequence[StepPath | None] | None
    ) -> list[Sequence[WrittenStatement]] | None:
        """Each step in all stages; None where names do not count."""
        if not rows or (len(rows) == 1 and like is None):
            return None
        columns = [self._alike(column) for column in _columns(rows)]
        found = [
            column
            for place, column in enumerate(columns)
            if column is not None and (not column[0].path or path_of_step(column, own_path(like, place)))
        ]
        return found if len(found) == len(columns) else None

    def _alike(self, column: Sequence[WrittenStatement]) -> Sequence[WrittenStatement] | None:
        """A step in all stages; in copies where some have several, None where others stand in the way."""
        several = next((one for one in column if one.term.kind == "copies"), None)
        if several is None:
            return column
        made = [one if one.term.kind == "copies" else copies_of_first(one, several) for one in column]
        return None if None in made else [one for one in made if one is not None]

    def _sources(
        self, rows: Sequence[Sequence[WrittenStatement]]
    ) -> tuple[tuple[tuple[Source, ...], ...], list[int]] | None:
        """What each step reads, and the values from outside; None where the stages do not read alike."""
        operands = [operands_of(rows[0][0])[0]]
        inside = {one.outs[0] for row in rows for one in row} | {*operands}
        found: list[tuple[Source, ...]] = []
        for place, column in enumerate(_columns(rows)):
            sources: list[Source] = [("member", place - 1, 0) if place else ("before", 0, 0)]
            for values in list(zip(*map(operands_of, column), strict=True))[1:]:
                if len(set(values)) > 1 or values[0] in inside:
                    return None
                operands.append(values[0])
                sources.append(("outside", len(operands) - 1, 1))
            found.append(tuple(sources))
        return tuple(found), operands


def _outline(one: WrittenStatement) -> tuple[object, ...]:
    """What the steps of all stages have in common."""
    kind = "call" if one.term.kind == "copies" else one.term.kind
    held = one.term.value if kind == "operation" else None
    return kind, one.term.text, held, one.ports, bool(one.path), len(operands_of(one))


def _columns(rows: Sequence[Sequence[WrittenStatement]]) -> Iterator[list[WrittenStatement]]:
    """Each step in all stages that have it."""
    for place in range(len(rows[0])):
        yield [row[place] for row in rows if place < len(row)]


def _told(column: Sequence[WrittenStatement], counts: list[int], stages: int) -> list[tuple[Term, int]] | None:
    """How often a step is there in each stage, and its arguments as the stages are told them, with how hard these are
    to read; None where they differ in sizes. A stage that lacks the step takes no note of it."""
    lacking = stages - len(column)
    found = [over_stages(COUNT, counts)] if column[0].term.kind == "copies" else []
    rows = map(arguments_of_step, column)
    for told in zip(*rows, strict=True):
        one = argument_of_stages([*told, *told[-1:] * lacking], [*counts, *counts[-1:] * lacking])
        if one is None:
            return None
        found.append(one)
    return found


def with_entries(found: FoundStages, told: Sequence[Sequence[tuple[Term, int]] | None]) -> Run | None:
    """How much easier stages are to read as one group with these numbers of copies and arguments of their steps, how
    many statements they are, and the statement of the group."""
    apart, together = 0, 2
    entries: list[Term] = []
    for column, counts, arguments in zip(found.columns, found.counts, told, strict=True):
        if arguments is None:
            return None
        several = column[0].term.kind == "copies"
        parts = [part for part, _ in arguments]
        together += 1 + several + sum(cost for _, cost in arguments)
        apart += len(column) + several * sum(one > 1 for one in counts)
        apart += sum(map(cost_of_stages, zip(*map(arguments_of_step, column), strict=True)))
        entries.append(column[0].term._replace(parts=tuple(parts), value=None))
    columns, form = found.columns, found.form
    last = columns[-1 - len(form.lacking)][-1]
    first = columns[0][0]
    ends = [column[place] for place, column in ((read, columns[-1]) for read in form.read)]
    term = Term(
        STAGES,
        " ".join(one.text for one in entries),
        (*map(variable, found.operands), number("repeat", found.count), *entries),
        value=form,
    )
    made = replace(
        first,
        term=term,
        outs=(*(one.outs[0] for one in ends), last.outs[0]),
        name=joined(_level(form), "stage"),
        path="",
        ports=(),
        listed=(),
        removable=False,
        members=tuple(column[0] for column in columns),
    )
    return apart - together, found.length, made


def arguments_of_step(one: WrittenStatement) -> list[Term]:
    """The arguments of a step, without the number of its copies."""
    found = [part for part in one.term.parts if part.kind != "variable"]
    if one.term.kind == "copies":
        return found[1:]
    return [with_default(part, one.made) for part in found] if isinstance(one.made, Node) else found


def _level(form: StagesForm) -> str:
    """The level of the module tree that holds all stages."""
    paths = [one.prefix.rpartition(".")[0].split(".") for one in form.paths if one is not None]
    common: list[str] = []
    for words in zip(*paths, strict=False):
        if len(set(words)) > 1:
            break
        common.append(words[0])
    return ".".join(filter(None, common))


def paths_in_stages(statement: WrittenStatement) -> Iterator[str]:
    """The paths of all modules of stages, stage by stage."""
    form: StagesForm = statement.term.value
    count, *entries = (part for part in statement.term.parts if part.kind != "variable")
    for stage in range(count.value):
        for place, (path, entry) in enumerate(zip(form.paths, entries, strict=True)):
            if path is None or (stage == count.value - 1 and place in form.lacking):
                continue
            here = f"{path.prefix}{path.start + path.step * stage}{path.suffix}"
            if path.inner is None:
                yield here
                continue
            repeat = entry.parts[0]
            several = repeat.value if repeat.kind == "number" else repeat.parts[0].value[stage]
            yield from (f"{here}{copy}{path.inner}" for copy in range(several))

"""Lists of layers in sections, in networks of one class: one statement for all sections, the same in each of them.

What a network lacks in its units that others have, as the norms of a VGG, has a flag in each.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace

from archgraph.graph.types import Node
from archgraph.importing.writing.classes.templates import BodyTemplate, WrittenStatement
from archgraph.importing.writing.copies.classes_of_family import with_all_copies
from archgraph.importing.writing.copies.copied_arguments import weight_of_argument
from archgraph.importing.writing.copies.copies import operands_of
from archgraph.importing.writing.copies.numbered_sections import (
    SectionNumbering,
    Sections,
    numbering,
    numbers_of,
    sections_of,
)
from archgraph.importing.writing.copies.plain_operations import with_default
from archgraph.importing.writing.copies.repeated_groups import PRESENT
from archgraph.importing.writing.copies.section_arguments import OF_ALL, arguments_of_sections, cost_of_list
from archgraph.importing.writing.modules.naming import block_name
from archgraph.structure.terms import Term, number, variable

SECTIONS = "sections"
"""The kind of a term that holds the layers of sections: how many copies each section has, then the layers."""
_COUNTS = "repeat"
Columns = Sequence[Sequence[Sequence[WrittenStatement]]]


@dataclass(frozen=True, slots=True)
class SectionsForm:
    """Where the layers of sections stand: their list, how many come before those in copies, how many of these there
    are, and the numbers. Others read what the last one makes only."""

    prefix: str
    ahead: int
    unit: int
    numbers: SectionNumbering
    read: tuple[int, ...] = ()

    @property
    def in_copies(self) -> range:
        """The places of the layers that come in copies."""
        return range(self.ahead, self.ahead + self.unit)


@dataclass(frozen=True, slots=True)
class _FoundSections:
    """The sections of one network, its layers, and which of those of the fullest network each is."""

    template: BodyTemplate
    sections: Sections
    columns: Columns
    numbers: SectionNumbering


def with_alike_sections(templates: Sequence[BodyTemplate]) -> bool:
    """Writes the lists of networks in sections where each of them has the same. Returns whether some were found.

    A network by itself has them where that is less to read.
    """
    changed = False
    while True:
        for column in _columns(templates):
            made = _statements(column)
            if made is not None:
                for one, statement in zip(column, made, strict=True):
                    _replace(one, statement)
                changed = True
                break
        else:
            return changed


def _columns(templates: Sequence[BodyTemplate]) -> Iterator[list[_FoundSections]]:
    """Alike sections of all networks, those first of which the most layers are."""
    rows: list[dict[Hashable, Sections]] = []
    for template in templates:
        own: dict[Hashable, Sections] = {}
        for one in sections_of(template):
            behind = one.words[one.ahead + one.unit :]
            key: Hashable = (one.prefix, one.words[: one.ahead], behind, one.around)
            if key not in own or _worth(one) > _worth(own[key]):
                own[key] = one
        rows.append(own)
    common = [key for key in rows[0] if all(key in row for row in rows)]
    for shared in sorted(common, key=lambda key: -sum(_worth(row[key]) for row in rows)):
        found = [_found(template, row[shared]) for template, row in zip(templates, rows, strict=True)]
        known = [one for one in found if one is not None]
        if len(known) == len(found):
            yield known


def _worth(one: Sections) -> int:
    return one.length - 2 * len(one.words)


def _found(template: BodyTemplate, sections: Sections) -> _FoundSections | None:
    columns = sections.columns(template.entries())
    numbers = numbering(sections, columns)
    return None if numbers is None else _FoundSections(template, sections, columns, numbers)


def _replace(one: _FoundSections, statement: WrittenStatement) -> None:
    entries, at = one.template.entries(), one.sections.at
    one.template.statements = [*entries[:at], statement, *entries[at + one.sections.length :]]


def _statements(column: Sequence[_FoundSections]) -> list[WrittenStatement] | None:
    """One statement for the sections of each network; None where they differ in more than numbers and lacking layers,
    or that is no less to read."""
    full = max(column, key=lambda one: one.sections.unit)
    matches = [_matched(full, one) for one in column]
    if any(match is None for match in matches):
        return None
    known = [match for match in matches if match is not None]
    lacking = sorted({layer for match in known for layer in range(len(full.columns)) if layer not in match})
    entries: list[list[Term]] = [[] for _ in column]
    together = 4 + 2 * cost_of_list(full.sections.counts) + (full.sections.unit > 1)
    for layer in range(len(full.columns)):
        rows = [
            [[_arguments(here) for here in copies] for copies in one.columns[match[layer]]] if layer in match else None
            for one, match in zip(column, known, strict=True)
        ]
        told = arguments_of_sections(rows)
        if told is None or (len(column) == 1 and any(part.kind == OF_ALL for part in told[0][0])):
            return None
        term = full.columns[layer][0][0].term
        for row, parts in zip(entries, told[0], strict=True):
            row.append(term._replace(parts=tuple(parts), value=None))
        together += 1 + told[1]
    if len(column) == 1 and together >= _apart(full):
        return None
    made: list[WrittenStatement] = []
    form = SectionsForm(full.sections.prefix, full.sections.ahead, full.sections.unit, full.numbers)
    for one, match, own in zip(column, known, entries, strict=True):
        flags = [Term(PRESENT, str(at), (number(_flag(full, at), at in match),)) for at in lacking]
        made.append(_statement(one, full, form, [*flags, *own]))
    return made


def _apart(one: _FoundSections) -> int:
    """How hard the layers are to read without sections, in copies where they have some."""
    template = replace(one.template, statements=[*one.template.entries()])
    inside = {here.name for column in one.columns for copies in column for here in copies}
    list_name = one.sections.prefix.removesuffix(".")
    written = with_all_copies(template).entries()
    return sum(map(_hardness, (here for here in written if here.members or here.name in {*inside, list_name})))


def _hardness(one: WrittenStatement) -> int:
    """How hard a statement is to read, with the layers of a group."""
    kinds = ("call", "operation", "copies")
    entries = [part for part in one.term.parts if part.kind in kinds] if one.members else [one.term]
    found = len(one.applied)
    for made, entry in zip(one.applied, entries, strict=True):
        if one.members and entry.kind == "copies":  # what stages tell them is counted, however it is told
            found += sum(part.kind != "variable" for part in entry.parts)
            continue
        for part in entry.parts:
            told = with_default(part, made.made) if isinstance(made.made, Node) and part.kind == "attribute" else part
            if part.kind != "variable":
                found += weight_of_argument(told) if told.parts and told.parts[0].kind == "number" else 1
    return found


def _matched(full: _FoundSections, lean: _FoundSections) -> dict[int, int] | None:
    """For the layers of the fullest network, which layers of another one they are; None where that one does not only
    lack some of its units."""
    ours, theirs = full.sections, lean.sections
    found = {layer: layer for layer in range(ours.ahead)}
    for layer in ours.in_copies:
        at = len(found)
        if at < theirs.ahead + theirs.unit and ours.words[layer] == theirs.words[at]:
            found[layer] = at
    missing = ours.unit - theirs.unit
    if len(found) < theirs.ahead + theirs.unit or full.numbers.width - missing != lean.numbers.width:
        return None
    found.update((layer, layer - missing) for layer in range(ours.ahead + ours.unit, len(ours.words)))
    numbers = full.numbers, lean.numbers
    if len({(one.start, one.apart) for one in numbers}) > 1:
        return None
    alike = all(numbers[0].offsets[layer] == numbers[1].offsets[at] for layer, at in found.items())
    return found if alike else None


def _flag(full: _FoundSections, layer: int) -> str:
    """What the argument is called that says whether a layer is there."""
    return f"use_{block_name(full.columns[layer][0][0].term.text.partition('(')[0])}"


def _arguments(one: WrittenStatement) -> list[Term]:
    found = [part for part in one.term.parts if part.kind != "variable"]
    return [with_default(part, one.made) for part in found] if isinstance(one.made, Node) else found


def _statement(
    one: _FoundSections, full: _FoundSections, form: SectionsForm, entries: Sequence[Term]
) -> WrittenStatement:
    first, last = one.template.entries()[one.sections.at], one.columns[-1][-1][-1]
    operands = map(variable, operands_of(first))
    parts = (*operands, number(_COUNTS, one.sections.counts), *entries)
    text = " ".join(entry.text for entry in entries if entry.kind != PRESENT)
    return replace(
        first,
        term=Term(SECTIONS, text, parts, value=form),
        outs=last.outs,
        name=f"{form.prefix}stage",
        path="",
        ports=(),
        listed=(),
        removable=False,
        members=tuple(column[0][0] for column in full.columns),
    )


def paths_in_sections(statement: WrittenStatement) -> Iterator[str]:
    """The paths of all modules in sections, section by section."""
    form: SectionsForm = statement.term.value
    parts = statement.term.parts
    counts = next(part.value for part in parts if part.kind == "number")
    gone = {int(part.text) for part in parts if part.kind == PRESENT and not part.parts[0].value}
    offsets = tuple(None if layer in gone else offset for layer, offset in enumerate(form.numbers.offsets))
    numbers = replace(form.numbers, width=form.numbers.width - len(gone), offsets=offsets)
    for _, place in numbers_of(numbers, counts, form.ahead, form.unit):
        yield f"{form.prefix}{place}"

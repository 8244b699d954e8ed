"""Groups with copies in instances of one class of which some lack a member, as the attention of a U-Net's layers: the
member has a number in each, which says whether it is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from archgraph.importing.writing.classes.templates import BodyTemplate, WrittenStatement
from archgraph.importing.writing.copies.alike_arguments import with_alike_arguments
from archgraph.importing.writing.copies.group_form import GroupForm, Source
from archgraph.importing.writing.copies.numbered_values import count_of
from archgraph.importing.writing.copies.repeated_groups import GROUP, PRESENT
from archgraph.importing.writing.modules.naming import block_name
from archgraph.structure.terms import Term, number
from archgraph.structure.unification import ABSENT

Matched = Mapping[int, int]
"""For members of the group that has all, which of another group they are."""


def with_alike_groups(templates: Sequence[BodyTemplate]) -> None:
    """Gives groups of the same name the members of the one that has most of them, where the others only lack some."""
    found: dict[str, list[tuple[BodyTemplate, int]]] = {}
    for template in templates:
        for place, statement in enumerate(template.entries()):
            if statement.term.kind == GROUP:
                found.setdefault(statement.name, []).append((template, place))
    for column in found.values():
        _alike([template for template, _ in column], [place for _, place in column])


def _alike(templates: Sequence[BodyTemplate], places: Sequence[int]) -> None:
    groups = [template.entries()[place] for template, place in zip(templates, places, strict=True)]
    full = max(groups, key=lambda one: len(one.members))
    matches = [_matched(full, one) for one in groups]
    lacking = sorted({place for one in matches for place in range(len(full.members)) if one and place not in one})
    if not lacking or None in matches:
        return
    known = [match for match in matches if match is not None]
    rows = [_entries(full, one, match) for one, match in zip(groups, known, strict=True)]
    counts = [count_of(one) for one in groups]
    columns = [with_alike_arguments(column, counts) for column in zip(*rows, strict=True)]
    for at, (template, place, match) in enumerate(zip(templates, places, known, strict=True)):
        group = groups[at]
        kept = [part for part in group.term.parts if part.kind in ("variable", "number")]
        flags = [Term(PRESENT, str(one), (number(_word(full, one), one in match),)) for one in lacking]
        entries = [column[at] for column in columns]
        term = full.term._replace(parts=(*kept, *entries, *flags))
        template.statements[place] = replace(group, term=term, members=full.members)


def _word(full: WrittenStatement, place: int) -> str:
    """What the argument is called that says whether a member is there: after the list that it stands in."""
    pattern = full.term.value.patterns[place]
    words = [] if pattern is None else [word for word in pattern.prefix.split(".") if word.isidentifier()]
    member = full.members[place]
    return words[-1] if words else f"use_{block_name(member.term.text.partition('(')[0])}"


def _matched(full: WrittenStatement, lean: WrittenStatement) -> Matched | None:
    """The members of a group among those of the full one; None where it does not only lack some."""
    ours, theirs = full.term.value, lean.term.value
    found: dict[int, int] = {}
    for place in range(len(full.members)):
        at = len(found)
        if at < len(lean.members) and _outline(full, place) == _outline(lean, at):
            found[place] = at
    if len(found) < len(lean.members) or (ours.read, ours.parts) != (theirs.read, theirs.parts):
        return None
    back = {at: place for place, at in found.items()}
    for place, at in found.items():
        read = [_resolved(source, ours, found) for source in ours.sources[place]]
        if read != [_renamed(source, back) for source in theirs.sources[at]]:
            return None
    variables = [sum(part.kind == "variable" for part in one.term.parts) for one in (full, lean)]
    return found if variables[0] == variables[1] else None


def _outline(group: WrittenStatement, place: int) -> tuple[object, ...]:
    member = group.members[place]
    return member.term.kind, member.term.text, member.ports, group.term.value.patterns[place]


def _resolved(source: Source, form: GroupForm, there: Matched) -> Source:
    """What is read where members are lacking: what these would read."""
    while source[0] == "member" and source[1] not in there:
        source = form.sources[source[1]][0]
    return source


def _renamed(source: Source, back: Mapping[int, int]) -> Source:
    return ("member", back[source[1]], source[2]) if source[0] == "member" else source


def _entries(full: WrittenStatement, lean: WrittenStatement, match: Matched) -> list[Term]:
    """The entries of a group in the places of the full one; those of members that it lacks hold no numbers."""
    ours, theirs = ([part for part in one.term.parts if part.kind in ("call", "operation")] for one in (full, lean))
    return [theirs[match[place]] if place in match else _absent(entry) for place, entry in enumerate(ours)]


def _absent(term: Term) -> Term:
    if term.kind == "number":
        return number(term.text, ABSENT)
    return term._replace(parts=tuple(map(_absent, term.parts)))

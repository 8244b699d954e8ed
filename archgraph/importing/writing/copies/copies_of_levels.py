"""Stages of one module next to stages of several, as the first of many is: copies of which there is one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from archgraph.importing.writing.classes.templates import BodyTemplate, WrittenStatement
from archgraph.importing.writing.copies.copies import copies_at, is_lent, is_scan, is_whole_level
from archgraph.importing.writing.modules.copy_pattern import NUMBER, Pattern
from archgraph.structure.terms import Term, number

Level = tuple[str, str, int, str]
"""The block of copies in stages, and their names: what stands before their numbers, with the stage's own number left
out, the first number, and what stands behind."""


def with_copies_of_levels(templates: Sequence[BodyTemplate]) -> None:
    """Makes a module that is alone in its stage a copy, where other stages, in any of the networks, hold several of its
    class."""
    levels: dict[Level, list[WrittenStatement]] = {}
    for template in templates:
        for level, one in _levels(template):
            levels.setdefault(level, []).append(one)
    for template in templates:
        entries = list(template.entries())
        template.statements = [_as_copies(one, entries, levels) for one in entries]


def _levels(template: BodyTemplate) -> Iterator[tuple[Level, WrittenStatement]]:
    """The copies that are stages of a network."""
    for one in template.entries():
        pattern = one.term.value
        if one.term.kind == "copies" and isinstance(pattern, Pattern):
            plain = not (pattern.chain or pattern.read or pattern.mapped or pattern.own)
            if plain and "#" in _stage(pattern.prefix):
                yield _level(one, pattern), one


def _level(one: WrittenStatement, pattern: Pattern) -> Level:
    return one.term.text, _stage(pattern.prefix), pattern.start, pattern.suffix


def _stage(prefix: str) -> str:
    """A prefix with `#` for its numbers, which are those of the stage."""
    return NUMBER.sub("#", prefix)


def _as_copies(
    one: WrittenStatement,
    entries: Sequence[WrittenStatement],
    levels: Mapping[Level, Sequence[WrittenStatement]],
) -> WrittenStatement:
    if one.term.kind != "call" or one.ties or len(one.outs) != 1 or is_scan(one) or is_lent(one, entries):
        return one
    for match in NUMBER.finditer(one.name):
        pattern = Pattern(one.name[: match.start()], int(match[0]), one.name[match.end() :])
        alike = levels.get(_level(one, pattern), [])
        others = [other for other in entries if other is not one and other.name.startswith(pattern.prefix)]
        if alike and not others and is_whole_level(entries, one, pattern, 0):
            made = copies_at(one, pattern)
            parts = [_told_alike(part, [_argument(other, part.text) for other in alike]) for part in made.term.parts]
            return replace(made, term=made.term._replace(parts=tuple(parts)))
    return one


def _argument(one: WrittenStatement, name: str) -> Term | None:
    return next((part for part in one.term.parts if part.text == name), None)


def _told_alike(part: Term, others: Sequence[Term | None]) -> Term:
    """An argument of the only copy, whose further copies, should there be some, would have what the others have that
    are not the first of their stage."""
    behind = {one.parts[1] for one in others if one is not None and one.kind == "first"}
    if part.kind != "argument" or len(behind) != 1 or any(one is None or one.kind != "first" for one in others):
        return part
    second = behind.pop()
    alike = part.parts[0] == second
    return part if alike else part._replace(kind="first", parts=(*part.parts, number(second.text, second.value)))

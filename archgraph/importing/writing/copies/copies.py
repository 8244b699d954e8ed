"""Runs of alike statements, each reading the one before: they become one statement with copies."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from archgraph.graph.types import Call, joined
from archgraph.importing.writing.classes.templates import BodyTemplate, WrittenStatement
from archgraph.importing.writing.copies.copied_arguments import argument_of, cost_of_arguments
from archgraph.importing.writing.copies.numbered_values import Place, places, places_of_inputs, ports_of_their_own
from archgraph.importing.writing.copies.plain_operations import as_call
from archgraph.importing.writing.modules.copy_pattern import NUMBER, Pattern
from archgraph.structure.terms import Term, number, variable


def with_copies(template: BodyTemplate, always: bool = False, cuts: Collection[str] = frozenset()) -> BodyTemplate:
    """The template with each run of at least two alike statements written as one, where that is simpler, or always. At
    the statements of the names in `cuts` a run begins anew."""
    statements: list[WrittenStatement] = list(template.entries())
    calls = list(map(as_call, statements))
    readers: dict[int, int] = {}
    for statement in statements:
        for part in statement.term.all():
            if part.kind == "variable":
                readers[part.value] = readers.get(part.value, 0) + 1
    for value in template.outputs:
        readers[value] = readers.get(value, 0) + 1
    made: list[WrittenStatement] = []
    known = dict(places_of_inputs(template))
    place = 0
    while place < len(statements):
        if made:
            known.update(places(made[-1], len(made) - 1))
        length = _length_of_shared(statements, place, readers)
        if length > 1:
            made.append(_shared(statements[place : place + length]))
            place += length
            continue
        cut = next((at for at in range(place + 1, len(calls)) if calls[at].name in cuts), len(calls))
        length, pattern = _run(calls, place, readers, known, cut)
        run = calls[place : place + length]
        alone = pattern is not None and _is_alone(statements, place, length, pattern)
        if length > 1 and pattern is not None and (always or _saves(run, pattern, alone)):
            read = [copy for copy, one in enumerate(run[:-1]) if not pattern.chain and readers[one.outs[0]] > 1]
            parts = tuple(map(_names, run)) if pattern.chain and _are_read_by_others(run, readers) else ()
            made.append(_joined(run, replace(pattern, read=tuple(read), parts=parts), alone))
        else:
            made.append(statements[place])
            length = 1
        place += length
    template.statements = list(made)
    return template


def _length_of_shared(statements: Sequence[WrittenStatement], at: int, readers: dict[int, int]) -> int:
    """How many statements from here on apply one module once more, each to what the one before makes."""
    first, length = statements[at], 1
    if first.term.kind != "shared":
        return 1
    while at + length < len(statements):
        here = statements[at + length]
        if (here.term.kind, here.term.text) != ("shared", first.term.text):
            break
        before = statements[at + length - 1]
        if not _chains(before, here) or operands_of(here)[1:] != operands_of(before)[1:] or readers[before.outs[0]] > 1:
            break
        length += 1
    return length


def _shared(run: Sequence[WrittenStatement]) -> WrittenStatement:
    """One statement for a module that is applied several times in a row."""
    term = run[0].term
    return replace(run[0], term=term._replace(parts=(*term.parts, number("repeat", len(run)))), outs=run[-1].outs)


def _run(
    statements: Sequence[WrittenStatement], at: int, readers: dict[int, int], known: Mapping[int, Place], cut: int
) -> tuple[int, Pattern | None]:
    """How many statements from here on, before the one at `cut`, are copies of one another, and how their names
    count."""
    first = statements[at]
    if first.term.kind != "call" or is_lent(first, statements) or is_scan(first):
        return 1, None
    best: tuple[int, Pattern | None] = (1, None)
    for match in NUMBER.finditer(first.name):
        pattern = Pattern(first.name[: match.start()], int(match[0]), first.name[match.end() :])
        if at + 1 < len(statements):
            pattern = replace(pattern, chain=chained_ports(first, statements[at + 1]))
        if not is_whole_level(statements, first, pattern, 0):
            continue
        length = 1
        own: tuple[str, ...] = ()
        while at + length < cut and _continues(statements, at, length, pattern, readers):
            chained = pattern.chain or first.ports[:1]
            found = ports_of_their_own(statements[at : at + length + 1], known, chained)
            if found is None or (found and _reads_lists(first)):
                break
            own, length = found, length + 1
        if length > best[0]:
            best = length, replace(pattern, own=own)
    return best


def _continues(
    statements: Sequence[WrittenStatement], at: int, length: int, pattern: Pattern, readers: dict[int, int]
) -> bool:
    first, before, here = statements[at], statements[at + length - 1], statements[at + length]
    if (here.term.text, here.training) != (first.term.text, first.training):
        return False
    if here.term.kind != "call":
        return False
    if here.name != f"{pattern.prefix}{pattern.start + length}{pattern.suffix}":
        return False
    if not is_whole_level(statements, here, pattern, length):
        return False
    chains = _hands_on(before, here) if pattern.chain else _chains(before, here)
    return (
        here.ties == first.ties
        and len(_arguments(here)) == len(_arguments(first))  # a standard block is told only some of them
        and _sizes(here) == _sizes(first)
        and chains
        and not is_lent(here, statements)
        and chained_ports(before, here) == pattern.chain
    )


def _reads_lists(statement: WrittenStatement) -> bool:
    """Whether inputs of a block are lists, whose values each copy would name by its number one after the other."""
    return any("." in port for port in statement.listed)


def _arguments(statement: WrittenStatement) -> list[Term]:
    return [part for part in statement.term.parts if part.kind != "variable"]


def _sizes(statement: WrittenStatement) -> list[Term]:
    """The arguments that are sizes."""
    return [part for part in statement.term.parts if part.kind == "argument" and part.parts[0].kind != "number"]


def is_whole_level(
    statements: Sequence[WrittenStatement], statement: WrittenStatement, pattern: Pattern, copy: int
) -> bool:
    """Whether a copy is all of the level of its number: copies lead through levels that hold nothing else."""
    level = f"{pattern.prefix}{pattern.start + copy}."
    return not pattern.suffix or not any(one.name.startswith(level) for one in statements if one is not statement)


def _chains(before: WrittenStatement, here: WrittenStatement) -> bool:
    """Whether a statement reads what the one before makes, which nothing else that they read is."""
    if len(before.outs) != 1 or len(here.outs) != 1:
        return False
    (before_main, *_), (main, *others) = operands_of(before), operands_of(here)
    return (
        main == before.outs[0]
        and len(operands_of(before)) == len(operands_of(here))
        and before_main not in others
        and before.outs[0] not in others
    )


def chained_ports(before: WrittenStatement, here: WrittenStatement) -> tuple[str, ...]:
    """The ports at which a statement takes what the one before hands out under the same names; () where it is the main
    value only."""
    if len(before.outs) < 2 or not isinstance(before.made, Call) or here.term.kind != "call":
        return ()
    made = dict(zip(before.outs, before.made.body.outputs, strict=True))
    ports = list(zip(here.ports, operands_of(here), strict=True))
    chain = tuple(port for port, value in ports if made.get(value) == port.replace(".", ""))
    parted = {port.partition(".")[0] for port in here.ports if "." in port and port not in chain}
    return () if any(port.partition(".")[0] in parted for port in chain) else chain


def _hands_on(before: WrittenStatement, here: WrittenStatement) -> bool:
    """Whether a statement reads what the one before makes at the ports of these names, and all else that that one
    reads."""
    made = dict(zip(before.outs, before.made.body.outputs, strict=True))  # type: ignore[union-attr]
    if len(operands_of(here)) != len(operands_of(before)):
        return False
    ports = zip(here.ports, operands_of(here), operands_of(before), strict=True)
    return all(made.get(value) == port.replace(".", "") or value == other for port, value, other in ports)


def _are_read_by_others(run: Sequence[WrittenStatement], readers: dict[int, int]) -> bool:
    """Whether others than the next copy read what copies make."""
    return any(
        readers.get(value, 0) != operands_of(here).count(value)
        for before, here in pairwise(run)
        for value in before.outs
    )


def _names(statement: WrittenStatement) -> tuple[str, ...]:
    """The names of what a statement hands out."""
    return tuple(value.name.rpartition(".")[2] for value in statement.made.outputs)


def is_scan(statement: WrittenStatement) -> bool:
    """Whether a statement applies a block to the slices of a sequence."""
    return isinstance(statement.made, Call) and statement.made.scan is not None


def is_lent(statement: WrittenStatement, statements: Sequence[WrittenStatement]) -> bool:
    """Whether others apply its module once more: they need its name."""
    return any(other.made.shares is statement.made for other in statements)


def _saves(run: Sequence[WrittenStatement], pattern: Pattern, alone: bool) -> bool:
    """Whether copies are simpler than lines of their own, which are a group where they are `alone` in their level. Of
    names that somebody gave one by one, as conv2 and conv3, it must be clearly so."""
    together, apart = cost_of_arguments([one.term for one in run])
    named = bool(pattern.prefix) and not pattern.prefix.endswith(".")
    return 2 + named + together <= len(run) + apart + alone


def operands_of(statement: WrittenStatement) -> list[int]:
    """The values that a statement reads, in the order of its ports."""
    return [int(part.value) for part in statement.term.parts if part.kind == "variable"]


def _is_alone(statements: Sequence[WrittenStatement], at: int, length: int, pattern: Pattern) -> bool:
    """Whether a run is all that its level of the module tree holds."""
    others = [*statements[:at], *statements[at + length :]]
    return not pattern.start and not any(other.name.startswith(pattern.prefix) for other in others)


def _is_last(statements: Sequence[WrittenStatement], at: int, pattern: Pattern) -> bool:
    """Whether a statement is the last one of its level of the module tree, and all else there stands before it."""
    others = (one.name for place, one in enumerate(statements) if place != at and one.name.startswith(pattern.prefix))
    numbers = [NUMBER.match(name, len(pattern.prefix)) for name in others]
    return all(match is not None and int(match[0]) < pattern.start for match in numbers)


def copies_of_one(statements: Sequence[WrittenStatement], at: int, alike: WrittenStatement) -> WrittenStatement | None:
    """A statement that is all of its level as copies of which there is one, as `alike` has more of them elsewhere."""
    pattern, here = alike.term.value, statements[at]
    assert isinstance(pattern, Pattern)
    if here.term.kind != "call" or here.term.text != alike.term.text or is_scan(here) or is_lent(here, statements):
        return None
    plain = not (pattern.chain or pattern.read or pattern.mapped)
    if not plain or len(here.outs) != 1 or not _is_last(statements, at, pattern):
        return None
    if here.name != f"{pattern.prefix}{pattern.start}{pattern.suffix}":
        return None
    return replace(_joined([here], pattern, False), name=alike.name, path=alike.name)


def copies_of_first(here: WrittenStatement, alike: WrittenStatement) -> WrittenStatement | None:
    """A statement as copies of which there is one, as `alike` has several under names that differ in numbers."""
    pattern = alike.term.value
    if here.term.kind != "call" or here.term.text != alike.term.text:
        return None
    for match in NUMBER.finditer(here.name):
        found = replace(pattern, prefix=here.name[: match.start()], suffix=here.name[match.end() :])
        levels = [NUMBER.sub("", one.prefix) for one in (found, pattern)]
        if int(match[0]) == pattern.start and found.suffix == pattern.suffix and levels[0] == levels[1]:
            return _joined([here], found, False)
    return None


def copies_at(here: WrittenStatement, pattern: Pattern) -> WrittenStatement:
    """A statement that is all of its level as copies of which there is one."""
    return _joined([here], pattern, not pattern.start)


def _joined(run: Sequence[WrittenStatement], pattern: Pattern, alone: bool) -> WrittenStatement:
    """One statement for all copies: the number of them, and each argument over them."""
    operands: list[Term] = []
    for port, values in zip(run[0].ports, zip(*map(operands_of, run), strict=True), strict=True):
        operands += map(variable, values if port in pattern.own else values[:1])
    columns = zip(*map(_arguments, run), strict=True)
    arguments = [argument_of(list(column)) for column in columns]
    term = Term("copies", run[0].term.text, (*operands, number("repeat", len(run)), *arguments), value=pattern)
    parent, _, local = pattern.prefix.rpartition(".")
    name = (
        parent if alone and not local and not pattern.suffix else joined(parent, local.strip("_") or str(pattern.start))
    )
    outs = (*(run[copy].outs[0] for copy in pattern.read), *run[-1].outs)
    if pattern.parts:
        outs = tuple(value for one in run for value in one.outs)
    removable = run[0].removable and not pattern.read
    return replace(run[0], term=term, name=name, path=name, outs=outs, removable=removable)

"""Flat lists of layers in sections: in each of them the same few layers come several times, behind or before others, as
the convolutions of a VGG and the pool that ends them. They become one group that walks the counts of the sections.

The number of a module in its list follows from the counts before it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from archgraph.graph.types import Node
from archgraph.importing.writing.classes.templates import BodyTemplate, WrittenStatement
from archgraph.importing.writing.copies.copies import is_lent, is_scan, operands_of

MOST_LAYERS = 4
"""Layers of a unit, and of what stands behind or before units."""
_LEAST_SECTIONS = 2
Word = Hashable


@dataclass(frozen=True, slots=True)
class Sections:
    """Sections of one list, from the statement `at` on. `words` are what the layers of a section apply: the first
    `ahead` of them, then `unit` ones that come in copies, then the rest; `counts` are the copies of each section."""

    prefix: str
    at: int
    words: tuple[Word, ...]
    ahead: int
    unit: int
    counts: tuple[int, ...]
    around: tuple[tuple[Word, ...], tuple[Word, ...]]
    """What stands before and behind the sections in the same list."""

    @property
    def length(self) -> int:
        """How many statements there are in all sections."""
        return len(self.counts) * (len(self.words) - self.unit) + sum(self.counts) * self.unit

    @property
    def in_copies(self) -> range:
        """The places of the layers that come in copies among those of a section."""
        return range(self.ahead, self.ahead + self.unit)

    def columns(self, statements: Sequence[WrittenStatement]) -> list[list[list[WrittenStatement]]]:
        """Each layer of a section: in all sections, in all copies."""
        found: list[list[list[WrittenStatement]]] = [[] for _ in self.words]
        place = self.at
        for count in self.counts:
            for layer, column in enumerate(found):
                copies = count if layer in self.in_copies else 1
                step = self.unit if layer in self.in_copies else 1
                first = place + layer + (count - 1) * self.unit * (layer >= self.ahead + self.unit)
                column.append([statements[first + step * copy] for copy in range(copies)])
            place += len(self.words) + (count - 1) * self.unit
        return found


@dataclass(frozen=True, slots=True)
class SectionNumbering:
    """The numbers of the modules in their list: the first of a section is `start` + `width` · the copies before +
    `apart` · the sections before; the others stand so many behind it (`offsets`), None where a layer has no weights,
    and those behind the copies by `width` · their number more."""

    start: int
    width: int
    apart: int
    offsets: tuple[int | None, ...]

    def firsts(self, counts: Sequence[int]) -> list[int]:
        """The number of the first module of each section."""
        before = list(accumulate(counts[:-1], initial=0))
        return [self.start + self.width * count + self.apart * place for place, count in enumerate(before)]


def sections_of(template: BodyTemplate) -> Iterator[Sections]:
    """All ways in which lists of a network may be told in sections."""
    statements = template.entries()
    readers = Counter([*template.outputs, *(value for one in statements for value in operands_of(one))])
    for start, end, prefix in _lists(statements, readers):
        words = [_word(one) for one in statements[start:end]]
        for at in range(len(words) - 2):
            for unit in range(1, MOST_LAYERS + 1):
                for ahead in range(MOST_LAYERS + 1):
                    for behind in range(not ahead, MOST_LAYERS + 1 - ahead):
                        found = _parsed(words, at, ahead, unit, behind)
                        if found is not None:
                            counts, stop = found
                            row = tuple(words[at : at + ahead + unit])
                            row += tuple(words[stop - behind : stop])
                            around = tuple(words[:at]), tuple(words[stop:])
                            yield Sections(prefix, start + at, row, ahead, unit, counts, around)


def _lists(statements: Sequence[WrittenStatement], readers: Mapping[int, int]) -> Iterator[tuple[int, int, str]]:
    """Runs of statements that are one list, each reading nothing but the one before, with what their names begin
    with."""
    place = 0
    while place < len(statements):
        prefix = _prefix(statements[place], statements)
        end = place + 1
        while prefix and end < len(statements) and _prefix(statements[end], statements) == prefix:
            before = statements[end - 1].outs[0]
            if operands_of(statements[end]) != [before] or readers[before] > 1:
                break
            end += 1
        whole = sum(one.name.startswith(prefix) for one in statements) == end - place
        if prefix and whole and end - place > 2 * _LEAST_SECTIONS:
            yield place, end, prefix
        place = end


def _prefix(one: WrittenStatement, statements: Sequence[WrittenStatement]) -> str:
    """What the name of a layer begins with before its number in its list; '' where it is no plain layer of a list."""
    prefix, _, last = one.name.rpartition(".")
    plain = one.term.kind in ("call", "operation") and len(one.outs) == 1 and len(operands_of(one)) == 1
    bound = one.training or one.ties or is_scan(one) or is_lent(one, statements) or one.made.shares is not None
    hidden = isinstance(one.made, Node) and one.made.hidden
    return f"{prefix}." if prefix and last.isdecimal() and plain and not bound and not hidden else ""


def _word(one: WrittenStatement) -> Word:
    """What a layer applies, without its numbers."""
    arguments = tuple(part.outline for part in one.term.parts if part.kind != "variable")
    return one.term.kind, one.term.text, one.term.value, one.ports, bool(one.path), arguments


def _parsed(words: Sequence[Word], at: int, ahead: int, unit: int, behind: int) -> tuple[tuple[int, ...], int] | None:
    """How many units each section has that stands from here on, and where the last one ends. None where there are no
    such sections, or their units could be told in fewer layers."""
    head, layers = words[at : at + ahead], words[at + ahead : at + ahead + unit]
    if len(layers) < unit or _is_periodic(layers):
        return None
    first = at + ahead + unit
    while words[first : first + unit] == layers:
        first += unit
    tail = words[first : first + behind]
    if len(tail) < behind or (tail and tail == layers[:behind]):
        return None
    counts: list[int] = []
    place = at
    while words[place : place + ahead] == head:
        here = place + ahead
        count = 0
        while words[here : here + unit] == layers:
            here, count = here + unit, count + 1
        if not count or words[here : here + behind] != tail:
            break
        place = here + behind
        counts.append(count)
    return (tuple(counts), place) if len(counts) >= _LEAST_SECTIONS and max(counts) > 1 else None


def _is_periodic(layers: Sequence[Word]) -> bool:
    return any(
        len(layers) % size == 0 and list(layers) == list(layers[:size]) * (len(layers) // size)
        for size in range(1, len(layers))
    )


def numbering(sections: Sections, columns: Sequence[Sequence[Sequence[WrittenStatement]]]) -> SectionNumbering | None:
    """How the modules of sections are numbered; None where their numbers do not follow from the counts."""
    owned = [layer for layer, column in enumerate(columns) if column[0][0].path]
    main = next((layer for layer in owned if layer in sections.in_copies), None)
    if main is None:
        return None
    several = next(copies for copies in columns[main] if len(copies) > 1)
    width = _number(several[1]) - _number(several[0])
    firsts = [_number(copies[0]) for copies in columns[owned[0]]]
    if owned[0] >= sections.ahead + sections.unit:
        return None
    apart = {b - a - width * count for (a, b), count in zip(pairwise(firsts), sections.counts, strict=False)}
    if len(apart) > 1:
        return None
    offsets: list[int | None] = []
    for layer, column in enumerate(columns):
        moved = layer >= sections.ahead + sections.unit
        moves = [width * count if moved else 0 for count in sections.counts]
        offsets.append(_number(column[0][0]) - firsts[0] - moves[0] if layer in owned else None)
    found = SectionNumbering(firsts[0], width, apart.pop(), tuple(offsets))
    written = list(numbers_of(found, sections.counts, sections.ahead, sections.unit))
    real = [(layer, _number(one)) for layer in owned for copies in columns[layer] for one in copies]
    return found if sorted(written) == sorted(real) else None


def numbers_of(found: SectionNumbering, counts: Sequence[int], ahead: int, unit: int) -> Iterator[tuple[int, int]]:
    """The layers that own weights with their numbers, section by section."""
    for first, count in zip(found.firsts(counts), counts, strict=True):
        for copy in range(max(count, 1)):
            for layer, offset in enumerate(found.offsets):
                inside = ahead <= layer < ahead + unit
                behind = layer >= ahead + unit
                if offset is None or (copy and layer < ahead) or (behind and copy < count - 1):
                    continue
                yield layer, first + offset + found.width * (copy if inside else count if behind else 0)


def _number(one: WrittenStatement) -> int:
    return int(one.name.rpartition(".")[2])

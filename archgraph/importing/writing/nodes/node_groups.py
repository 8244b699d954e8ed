"""Lines that share a level of the module tree become groups, where they stand together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from archgraph.graph.types import Call, joined
from archgraph.importing.writing.copies.member_paths import member_paths
from archgraph.importing.writing.modules.copy_pattern import Pattern
from archgraph.importing.writing.nodes.level_order import Named, first_places, levels_before_others
from archgraph.importing.writing.nodes.lines import Line

_MOST_HANDED_OUT = 3


@dataclass(eq=False, slots=True)
class NodeGroup:
    """Lines that share a level of the module tree. `path` is the level's below the group around it."""

    path: str
    parts: list[Line | NodeGroup] = field(default_factory=list)

    @property
    def in_training(self) -> bool:
        """Whether all of it is computed in training only."""
        return all(part.in_training for part in self.parts)

    def lines(self) -> Iterator[Line]:
        for part in self.parts:
            if isinstance(part, NodeGroup):
                yield from part.lines()
            else:
                yield part


def grouped(lines: Sequence[Line], keys: Sequence[str], outputs: Sequence[int]) -> NodeGroup:
    """Lines whose paths begin alike and stand together become groups, unless a group would hold a single line, or would
    hand out a list of values.

    `keys` are those of the state dict, in order; `outputs` are the values that the body hands out.
    """
    read = {value for line in lines for value in line.operands}
    unread = [line for line in lines if line.in_training and not line.operands and read.isdisjoint(line.outs)]
    ordered = _with_unread_weights_in_their_levels(lines, unread, first_places(keys))
    readers = Counter([*outputs, *(value for line in lines for value in line.operands)])
    bounds = _GroupBounds(_borrowers(lines), _inside_of_blocks(lines), frozenset(map(id, unread)), readers)
    named = [(line.path, line) for line in ordered]
    return NodeGroup("", list(_grouped(named, bounds, levels_before_others(named, bounds.unread, keys))))


@dataclass(frozen=True, slots=True)
class _GroupBounds:
    """What no group may hide or take apart.

    `borrowers` are the lines that apply a module once more, by the id of what made it: they must see its name.
    `apart` are the ids of lines whose path leads into a block: they stand by themselves, under their whole path.
    `unread` are those of weights that nobody reads, in either mode. `readers` says how many read each value.
    """

    borrowers: Mapping[int, Sequence[Line]]
    apart: Collection[int]
    unread: Collection[int]
    readers: Mapping[int, int]


def _inside_of_blocks(lines: Sequence[Line]) -> set[int]:
    blocks = tuple(f"{path}." for line in lines for path in _block_paths(line))
    return {id(line) for line in lines if line.path.startswith(blocks)}


def _block_paths(line: Line) -> Iterator[str]:
    """The path of a block's module, or those of all copies."""
    made = line.statement.made
    if line.statement.members:
        yield from member_paths(line.statement)
        return
    if not isinstance(made, Call) or made.shares is not None:
        return
    if not isinstance(line.pattern, Pattern):
        yield line.path
        return
    parts = line.statement.term.parts
    count = next(part.value for part in parts if part.kind == "number")
    for place in range(line.pattern.start, line.pattern.start + count):
        yield f"{line.pattern.prefix}{place}{line.pattern.suffix}"


def _with_unread_weights_in_their_levels(
    lines: Sequence[Line], unread: Sequence[Line], first: Mapping[str, int]
) -> list[Line]:
    """The lines, those of unread weights in the innermost level that computes something, behind its first part and as
    their keys are ordered. `first` are the places of the first keys below each path."""
    found = [line for line in lines if line not in unread]
    for line in unread:
        levels = line.path.split(".")[:-1]
        inside = [".".join(levels[:depth]) + "." for depth in range(len(levels), 0, -1)]
        places = (_place_in_level(found, line.path, level, first) for level in inside)
        found.insert(next(filter(None, places), len(found)), line)
    return found


def _place_in_level(lines: Sequence[Line], path: str, level: str, first: Mapping[str, int]) -> int:
    """The place behind the first part of a level, and behind the parts whose keys come before; 0 where it has none."""

    def part_of(line: str) -> str:
        return level + line.removeprefix(level).partition(".")[0]

    inside = [(place, part_of(line.path)) for place, line in enumerate(lines) if line.path.startswith(level)]
    own = first.get(part_of(path), -1)
    before = [place for place, part in inside if part == inside[0][1] or 0 <= first.get(part, -1) <= own]
    return before[-1] + 1 if before else 0


def _borrowers(lines: Sequence[Line]) -> Mapping[int, Sequence[Line]]:
    found: dict[int, list[Line]] = {}
    for line in lines:
        if line.statement.made.shares is not None:
            found.setdefault(id(line.statement.made.shares), []).append(line)
    return found


def _grouped(named: Named, bounds: _GroupBounds, outside: Collection[str] = frozenset()) -> Iterator[Line | NodeGroup]:
    """`outside` are levels that are no groups."""
    place = 0
    seen = _levels_in_several_runs(named, bounds) | set(outside)
    while place < len(named):
        path, line = named[place]
        first, _, rest = path.partition(".")
        end = place + 1
        opens = rest and id(line) not in bounds.apart and id(line) not in bounds.unread
        while opens and end < len(named) and _is_below(named[end], first, line.in_training, bounds):
            end += 1
        if line.in_training and not _is_group_of_training(named, place, end):
            end = place + 1
        inside = named[place:end]
        if end - place > 1 and _is_borrowed_outside([member for _, member in inside], bounds):
            yield from _line_by_line(inside)
        elif end - place > 1 and first in seen:
            yield from _grouped_deeper(inside, [*named[:place], *named[end:]], bounds)
        elif end - place > 1:
            below = [(name.partition(".")[2], member) for name, member in inside]
            parts = list(_grouped(below, bounds))
            yield from _apart(first, parts) if _hands_out_much(parts, bounds) else [NodeGroup(first, parts)]
        else:
            line.path = path
            yield line
        place = end


def _is_below(named: tuple[str, Line], level: str, training: bool, bounds: _GroupBounds) -> bool:
    """Whether a line belongs to a group: what training alone computes stands apart."""
    path, line = named
    return path.startswith(f"{level}.") and (line.in_training is training or id(line) in bounds.unread)


def _is_group_of_training(named: Named, place: int, end: int) -> bool:
    """Whether lines of training are a level of their own."""
    level = named[place][0].partition(".")[0]
    others = [*named[:place], *named[end:]]
    computes = any(line.operands for _, line in named[place:end])
    return computes and not any(path.partition(".")[0] == level for path, _ in others)


def _is_borrowed_outside(lines: Sequence[Line], bounds: _GroupBounds) -> bool:
    """Whether a module is applied once more by a line that would not see its name, were these lines a group."""
    inside = set(map(id, lines))
    return any(
        id(reader) not in inside for line in lines for reader in bounds.borrowers.get(id(line.statement.made), ())
    )


def _hands_out_much(parts: Sequence[Line | NodeGroup], bounds: _GroupBounds) -> bool:
    """Whether a group would have to hand out more values than it has parts, each under another name: many, or all that
    it makes, so that it says nothing but where its parts stand."""
    inside = [line for part in parts for line in ([part] if isinstance(part, Line) else part.lines())]
    within = Counter(value for line in inside for value in line.operands)
    handed_out = [value for line in inside for value in line.outs if bounds.readers[value] > within[value]]
    inner = any(within[value] for line in inside for value in line.outs)
    return len(handed_out) > (max(len(parts), _MOST_HANDED_OUT) if inner else len(parts))


def _apart(level: str, parts: Sequence[Line | NodeGroup]) -> Iterator[Line | NodeGroup]:
    """The parts of a level that is no group, under their whole paths."""
    for part in parts:
        part.path = joined(level, part.path)
        if isinstance(part, Line):
            part.counted = True
        yield part


def _line_by_line(named: Named) -> Iterator[Line]:
    for name, line in named:
        line.path = name
        yield line


def _levels_in_several_runs(named: Named, bounds: _GroupBounds) -> set[str]:
    """Levels whose parts do not stand together: none of these is a group."""
    parts = ((path, line) for path, line in named if not line.in_training and id(line) not in bounds.apart)
    levels = [path.partition(".")[0] for path, _ in parts]
    runs = [level for place, level in enumerate(levels) if not place or levels[place - 1] != level]
    return {level for level in runs if runs.count(level) > 1}


def _grouped_deeper(named: Named, others: Named, bounds: _GroupBounds) -> Iterator[Line | NodeGroup]:
    """One of several runs of a level: as a group of the first level below that nothing else stands in, else line by
    line."""
    levels = [path.split(".")[:-1] for path, _ in named]
    common = [parts[0] for parts in zip(*levels, strict=False) if len(set(parts)) == 1]
    paths = [".".join(common[:depth]) for depth in range(2, len(common) + 1)]
    path = next((one for one in paths if not any(f"{name}.".startswith(f"{one}.") for name, _ in others)), "")
    if path and all(name.startswith(f"{path}.") for name, _ in named):
        below = [(name.removeprefix(f"{path}."), line) for name, line in named]
        parts = list(_grouped(below, bounds))
        yield from _apart(path, parts) if _hands_out_much(parts, bounds) else [NodeGroup(path, parts)]
        return
    yield from _line_by_line(named)

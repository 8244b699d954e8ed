"""Lines under their names: groups for the levels of the module tree, what each node reads, outputs of groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from archgraph.importing.writing.lines import Line
from archgraph.importing.writing.naming import node_name
from archgraph.ops.contract import lookup


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


def grouped(lines: Sequence[Line], keys: Sequence[str]) -> NodeGroup:
    """Lines whose paths begin alike and stand together become groups, unless a group would hold a single line.

    `keys` are those of the state dict, in order.
    """
    named = [(line.path, line) for line in lines]
    return NodeGroup("", list(_grouped(named, _levels_before_others(named, keys))))


def _grouped(named: Sequence[tuple[str, Line]], apart: Collection[str] = frozenset()) -> Iterator[Line | NodeGroup]:
    """`apart` are levels that are no groups."""
    place = 0
    seen = _levels_in_several_runs(named) | set(apart)
    while place < len(named):
        path, line = named[place]
        first, _, rest = path.partition(".")
        end = place + 1
        while rest and end < len(named) and _is_below(named[end], first, line.in_training):
            end += 1
        if line.in_training and not _is_group_of_training(named, place, end):
            end = place + 1
        inside = named[place:end]
        if end - place > 1 and first in seen:
            yield from _grouped_deeper(inside, [*named[:place], *named[end:]])
        elif end - place > 1:
            yield NodeGroup(first, list(_grouped([(name.partition(".")[2], member) for name, member in inside])))
        else:
            line.path = path
            yield line
        place = end


def _levels_in_several_runs(named: Sequence[tuple[str, Line]]) -> set[str]:
    """Levels whose parts do not stand together: none of these is a group."""
    levels = [path.partition(".")[0] for path, line in named if not line.in_training]
    runs = [level for place, level in enumerate(levels) if not place or levels[place - 1] != level]
    return {level for level in runs if runs.count(level) > 1}


def _levels_before_others(named: Sequence[tuple[str, Line]], keys: Sequence[str]) -> set[str]:
    """Levels in which weights of training only, which stand outside of groups, come before others of their kind: a
    group would put its own first."""
    first: dict[str, int] = {}
    for place, key in enumerate(keys):
        for prefix in _prefixes(key):
            first.setdefault(prefix, place)
    last: dict[tuple[str, bool], int] = {}
    for path, line in named:
        for prefix in [] if line.in_training else _prefixes(path):
            unit = (prefix.rpartition(".")[0], prefix == path and line.is_tensor)
            last[unit] = max(last.get(unit, -1), first.get(prefix, -1))
    levels = {level for level, _ in last}
    found: set[str] = set()
    for path, line in named:
        if line.in_training and path in first:
            outermost = next(prefix for prefix in _prefixes(path) if prefix not in levels)
            level = outermost.rpartition(".")[0]
            if first[outermost] < last.get((level, outermost == path and line.is_tensor), -1):
                found.add(level.partition(".")[0])
    return found


def _prefixes(path: str) -> list[str]:
    """`a`, `a.b`, `a.b.c`."""
    parts = path.split(".")
    return [".".join(parts[:depth]) for depth in range(1, len(parts) + 1)]


def _grouped_deeper(
    named: Sequence[tuple[str, Line]], others: Sequence[tuple[str, Line]]
) -> Iterator[Line | NodeGroup]:
    """One of several runs of a level: as a group of the first level below that nothing else stands in, else line by
    line."""
    levels = [path.split(".")[:-1] for path, _ in named]
    common = [parts[0] for parts in zip(*levels, strict=False) if len(set(parts)) == 1]
    paths = [".".join(common[:depth]) for depth in range(2, len(common) + 1)]
    path = next((one for one in paths if not any(f"{name}.".startswith(f"{one}.") for name, _ in others)), "")
    if path and all(name.startswith(f"{path}.") for name, _ in named):
        yield NodeGroup(path, list(_grouped([(name.removeprefix(f"{path}."), line) for name, line in named])))
        return
    for name, line in named:
        line.path = name
        yield line


def _is_below(named: tuple[str, Line], level: str, training: bool) -> bool:
    """Whether a line belongs to a group: those of training only stand apart."""
    return named[0].startswith(f"{level}.") and named[1].in_training is training


def _is_group_of_training(named: Sequence[tuple[str, Line]], place: int, end: int) -> bool:
    """Whether lines of training are a level of their own. Weights that nobody reads are none: each has its whole
    path."""
    level = named[place][0].partition(".")[0]
    others = [*named[:place], *named[end:]]
    computes = any(line.operands for _, line in named[place:end])
    return computes and not any(path.partition(".")[0] == level for path, _ in others)


class TreeWriter:
    """Writes the nodes of one body. `inputs` are the names of its inputs, by number."""

    def __init__(self, root: NodeGroup, inputs: Sequence[str], outputs: Sequence[int]):
        self._root = root
        self._inputs = list(inputs)
        self._outputs = list(outputs)
        self._names: dict[int, str] = {}
        self._parents: dict[int, NodeGroup] = {}
        self._makers: dict[int, Line] = {}
        self._exports: dict[int, list[int]] = {}
        self._readers: Counter[int] = Counter(outputs)
        for line in root.lines():
            self._readers.update(line.operands)
            self._makers.update((value, line) for value in line.outs)
        self._place(root)
        self._name(root, set(inputs))
        self._find_exports(root)

    def nodes(self) -> dict[str, Any]:
        """The nodes of the body."""
        return self._nodes(self._root, 0 if self._inputs else None)

    def output(self, value: int) -> str:
        """How the body's outputs name a value."""
        return self._reference(value, self._root)

    @property
    def last(self) -> int | None:
        """The value of the last node."""
        return self._value_of(self._root.parts[-1]) if self._root.parts else None

    # -- names -------------------------------------------------------------------------------------------------------

    def _place(self, group: NodeGroup) -> None:
        for part in group.parts:
            self._parents[id(part)] = group
            if isinstance(part, NodeGroup):
                self._place(part)

    def _name(self, group: NodeGroup, taken: set[str]) -> None:
        """Names of one level, then of those inside: nothing shadows anything, numbers excepted."""
        here: set[str] = set()
        for part in group.parts:
            wanted = part.path
            if wanted.isdecimal() and wanted not in here:
                name = wanted
            else:
                stem = wanted.rpartition(".")[2]
                if stem.isdecimal() and isinstance(part, Line):
                    stem = part.operation or stem
                name = node_name(stem, taken | here)
            self._names[id(part)] = name
            here.add(name)
        inner = taken | {name for name in here if not name.isdecimal()}
        for part in group.parts:
            if isinstance(part, NodeGroup):
                self._name(part, inner)
                inner |= {self._names[id(member)] for member in _members(part)}

    # -- values ------------------------------------------------------------------------------------------------------

    def _find_exports(self, group: NodeGroup) -> None:
        for part in group.parts:
            if not isinstance(part, NodeGroup):
                continue
            inside = list(part.lines())
            made = [value for line in inside for value in line.outs]
            within: Counter[int] = Counter(value for line in inside for value in line.operands)
            self._exports[id(part)] = [value for value in made if self._readers[value] > within[value]]
            self._find_exports(part)

    def _value_of(self, part: Line | NodeGroup) -> int | None:
        """The value that a node stands for; None where it has several."""
        if isinstance(part, NodeGroup):
            found = self._exports[id(part)]
            return found[0] if len(found) == 1 else None
        return part.outs[0] if len(part.outs) == 1 else None

    def _reference(self, value: int, scope: NodeGroup) -> str:
        """How nodes of a group name a value."""
        if value not in self._makers:
            return self._inputs[value]
        line = self._makers[value]
        around: list[Line | NodeGroup] = [line]
        while id(around[-1]) in self._parents and self._parents[id(around[-1])] is not self._root:
            around.append(self._parents[id(around[-1])])
        visible = {id(scope)}
        above: NodeGroup | None = scope
        while above is not None and id(above) in self._parents:
            above = self._parents[id(above)]
            visible.add(id(above))
        seen = next(part for part in around if id(self._parents[id(part)]) in visible)
        name = self._names[id(seen)]
        if isinstance(seen, NodeGroup):
            exports = self._exports[id(seen)]
            return name if len(exports) == 1 else f"{name}.{self._export_name(value, seen)}"
        return name if len(line.outs) == 1 else f"{name}.{_port(line, value)}"

    def _export_name(self, value: int, group: NodeGroup) -> str:
        """How a group calls a value that it hands out: as the member that makes it, and as that one calls it."""
        name = self._name_inside(value, group)
        return f"n{name}" if name[0].isdecimal() else name

    def _name_inside(self, value: int, group: NodeGroup) -> str:
        line = self._makers[value]
        member: Line | NodeGroup = line
        while self._parents[id(member)] is not group:
            member = self._parents[id(member)]
        name = self._names[id(member)]
        if isinstance(member, NodeGroup):
            return name if len(self._exports[id(member)]) == 1 else f"{name}_{self._name_inside(value, member)}"
        return f"{name}_{_port(line, value)}" if len(line.outs) > 1 else name

    # -- nodes -------------------------------------------------------------------------------------------------------

    def _nodes(self, group: NodeGroup, default: int | None) -> dict[str, Any]:
        """The nodes of a group; `default` is what its first node reads without a word."""
        made: dict[str, Any] = {}
        for part in group.parts:
            name = self._names[id(part)]
            made[name] = self._group(part, default) if isinstance(part, NodeGroup) else self._line(part, group, default)
            if part.in_training and not group.in_training:  # the flow goes on past it
                continue
            default = self._value_of(part)
            if default is not None and self._readers[default] > 1:
                default = None
        return made

    def _group(self, group: NodeGroup, default: int | None) -> dict[str, Any]:
        keys: dict[str, Any] = {}
        if group.path != self._names[id(group)]:
            keys["path"] = group.path
        conditions = {line.when for line in group.lines()}
        if len(conditions) == 1 and "" not in conditions:
            keys["when"] = conditions.pop()
            for line in group.lines():
                line.when = ""
        first = next(group.lines())
        main = first.operands[0] if first.operands else None
        if main is not None and main != default:
            keys["in"] = self._reference(main, self._parents[id(group)])
        if group.in_training:
            keys["training"] = "only"
            for line in group.lines():
                line.keys.pop("training", None)
        keys["nodes"] = self._nodes(group, main)
        exports = self._exports[id(group)]
        if len(exports) > 1 or (exports and exports[0] != self._last_value(group)):
            named = {self._export_name(value, group): self._reference(value, group) for value in exports}
            if len(exports) == 1:
                keys["outputs"] = next(iter(named.values()))
            else:
                keys["outputs"] = list(named) if all(k == v for k, v in named.items()) else named
        return keys

    def _last_value(self, group: NodeGroup) -> int | None:
        return self._value_of(group.parts[-1])

    def _line(self, line: Line, scope: NodeGroup, default: int | None) -> Any:
        keys = dict(line.keys)
        made = line.statement.made
        if "op" not in keys:
            keys = {"share": self._shared(made), **keys}
        wiring = self._wiring(line, scope, default)
        if wiring is not None:
            keys = {"op": keys.pop("op"), "in": wiring, **keys} if "op" in keys else {**keys, "in": wiring}
        path = self._path(line)
        if path:
            keys["path"] = path
        if line.when:
            keys["when"] = line.when
        return keys["op"] if list(keys) == ["op"] else keys

    def _shared(self, made: Any) -> str:
        for line in self._root.lines():
            if line.statement.made is made.shares:
                return self._names[id(line)]
        return str(made.shares.name)

    def _path(self, line: Line) -> str:
        name = self._names[id(line)]
        if line.pattern is not None:
            prefix = line.pattern.prefix
            cut = self._depth(line)
            prefix = prefix.split(".", cut)[-1] if cut else prefix
            plain = prefix == f"{name}." and not line.pattern.start and not line.pattern.suffix
            counted = f"{{i + {line.pattern.start}}}" if line.pattern.start else "{i}"
            return "" if plain else f"{prefix}{counted}{line.pattern.suffix}"
        if line.hidden:
            return line.path.rpartition(".")[0] or "."
        owns = bool(line.statement.path)
        return line.path if owns and line.path != name else ""

    def _depth(self, line: Line) -> int:
        """How many levels of the module tree are groups around a line."""
        depth, part = 0, self._parents[id(line)]
        while part is not self._root:
            assert isinstance(part, NodeGroup)
            depth += part.path.count(".") + 1
            part = self._parents[id(part)]
        return depth

    def _wiring(self, line: Line, scope: NodeGroup, default: int | None) -> Any:
        if not line.operands:
            return None
        names = [self._reference(value, scope) for value in line.operands]
        ports = list(line.ports)
        expected = _expected_ports(line, len(ports))
        if ports != expected:
            if ports[0] == expected[0] and line.operands[0] == default:
                return dict(zip(ports[1:], names[1:], strict=True)) or None
            return dict(zip(ports, names, strict=True))
        if len(names) == 1:
            return None if line.operands[0] == default else names[0]
        return names


def _expected_ports(line: Line, count: int) -> list[str]:
    """The ports in the order in which a list is handed to them."""
    if line.statement.term.kind != "operation":
        return list(line.ports)
    ports = lookup(line.statement.made.op.name).ports  # type: ignore[union-attr]
    if ports and ports[0].variadic:
        return [f"{ports[0].name}.{place}" for place in range(count)]
    return [port.name for port in ports[:count]]


def _port(line: Line, value: int) -> str:
    """The name of an output where there are several."""
    name = line.statement.made.outputs[line.outs.index(value)].name
    return name.rpartition(".")[2]


def _members(group: NodeGroup) -> Iterator[Line | NodeGroup]:
    for part in group.parts:
        yield part
        if isinstance(part, NodeGroup):
            yield from _members(part)

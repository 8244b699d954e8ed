"""The nodes of one body: names, what each node reads, and the outputs of groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from archgraph.graph.keys import weights
from archgraph.graph.types import Call, joined
from archgraph.importing.writing.copies.counted_starts import single_number
from archgraph.importing.writing.copies.repeated_stages import STAGES
from archgraph.importing.writing.modules.naming import node_name
from archgraph.importing.writing.nodes.layouts import layout_word
from archgraph.importing.writing.nodes.lines import Line
from archgraph.importing.writing.nodes.node_groups import NodeGroup
from archgraph.importing.writing.nodes.ports_of_lines import port_of
from archgraph.importing.writing.nodes.repeated_nodes import repeated_nodes
from archgraph.importing.writing.nodes.wiring import WiringWriter, number_of_copies
from archgraph.structure.naming import free


class TreeWriter:
    """Writes the nodes of one body. `inputs` are the names of its inputs, by number."""

    def __init__(self, root: NodeGroup, inputs: Sequence[str], outputs: Sequence[int]):
        self._root = root
        self._inputs = list(inputs)
        self._outputs = list(outputs)
        self._names: dict[int, str] = {}
        self._parents: dict[int, NodeGroup] = {}
        self._visible: dict[int, set[str]] = {}
        """The names around the parts of each group (by id)."""
        self._makers: dict[int, Line] = {}
        self._exports: dict[int, list[int]] = {}
        self._readers: Counter[int] = Counter(outputs)
        for line in root.lines():
            self._readers.update(line.operands)
            self._makers.update((value, line) for value in line.outs)
        self._wires = WiringWriter(self._inputs, self._makers)
        self._place(root)
        self._hidden = frozenset(self._hidden_numbers())
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
        return self._last_value(self._root)

    # -- names -------------------------------------------------------------------------------------------------------

    def _place(self, group: NodeGroup) -> None:
        for part in group.parts:
            self._parents[id(part)] = group
            if isinstance(part, NodeGroup):
                self._place(part)

    def _name(self, group: NodeGroup, taken: set[str]) -> None:
        """Names of one level, then of those inside: nothing shadows anything but numbers that are not read there."""
        here: set[str] = set()
        modules = {part.path.partition(".")[0] for part in group.parts if not _is_weightless(part)}
        for part in group.parts:
            wanted = part.path
            counted = isinstance(part, Line) and part.is_read_by_number  # 1.3 would be a number
            if wanted.isdecimal() and wanted not in here and id(part) not in self._hidden and not counted:
                name = wanted
            else:
                stem = self._layout(part) or _whole_level(part, group) or wanted.rpartition(".")[2]
                if not stem or stem.isdecimal():
                    stem = _called_after(part, joined(group.path, wanted)) or stem
                name = node_name(stem, taken | here | (modules if _is_weightless(part) else set()))
            self._names[id(part)] = name
            here.add(name)
        inner = taken | {name for name in here if not name.isdecimal()}
        self._visible[id(group)] = inner
        for part in group.parts:
            if isinstance(part, NodeGroup):
                self._name(part, inner)

    def _layout(self, part: Line | NodeGroup) -> str:
        """What a step is called that only puts the channels of images last, or first."""
        if not isinstance(part, Line):
            return ""
        around = [line.operation for line in self._root.lines() if {*part.outs} & {*line.operands}]
        around += [self._makers[value].operation for value in part.operands if value in self._makers]
        return layout_word(part.statement.made, around)

    def _hidden_numbers(self) -> Iterator[int]:
        """The ids of parts called by a number that others read inside a level with a part of the same number."""
        borrowed = {id(line.statement.made): line for line in self._root.lines()}
        for reader in self._root.lines():
            read = [self._makers[value] for value in reader.operands if value in self._makers]
            shares = reader.statement.made.shares
            for line in (*read, borrowed[id(shares)]) if id(shares) in borrowed else read:
                seen = self._seen(line, self._parents[id(reader)])
                if seen.path.isdecimal() and self._is_hidden(seen, reader):
                    yield id(seen)

    def _is_hidden(self, seen: Line | NodeGroup, reader: Line) -> bool:
        part: Line | NodeGroup = reader
        while (scope := self._parents[id(part)]) is not self._parents[id(seen)]:
            before = scope.parts[: next(place for place, one in enumerate(scope.parts) if one is part)]
            if any(one.path == seen.path for one in before):
                return True
            part = scope
        return False

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
        return part.outs[-1] if len(part.outs) == 1 or len(part.copies_read) == len(part.outs) - 1 else None

    def _reference(self, value: int, scope: NodeGroup) -> str:
        """How nodes of a group name a value."""
        if value not in self._makers:
            return self._inputs[value]
        line = self._makers[value]
        seen = self._seen(line, scope)
        name = self._names[id(seen)]
        if isinstance(seen, NodeGroup):
            exports = self._exports[id(seen)]
            return name if len(exports) == 1 else f"{name}.{self._export_name(value, seen)}"
        port = port_of(line, value)
        return f"{name}.{port}" if port else name

    def _seen(self, line: Line, scope: NodeGroup) -> Line | NodeGroup:
        """A line as it is seen from a group: itself, or the outermost group around it that does not hold the other."""
        visible = {id(scope)}
        while id(scope) in self._parents:
            scope = self._parents[id(scope)]
            visible.add(id(scope))
        part: Line | NodeGroup = line
        while id(self._parents[id(part)]) not in visible:
            part = self._parents[id(part)]
        return part

    def _export_name(self, value: int, group: NodeGroup) -> str:
        """How a group calls a value that it hands out."""
        names: dict[int, str] = {}
        for one in self._exports[id(group)]:
            names[one] = free(self._wanted_name(one, group), names.values())
        return names[value]

    def _wanted_name(self, value: int, group: NodeGroup) -> str:
        """A value of a group as the member that makes it, and as that one calls it. A member that is called by a number
        has what it applies before it: resnet_0."""
        name = self._name_inside(value, group)
        return f"{self._makers[value].operation or 'part'}_{name}" if name[0].isdecimal() else name

    def _name_inside(self, value: int, group: NodeGroup) -> str:
        line = self._makers[value]
        member: Line | NodeGroup = line
        while self._parents[id(member)] is not group:
            member = self._parents[id(member)]
        name = self._names[id(member)]
        if isinstance(member, NodeGroup):
            return name if len(self._exports[id(member)]) == 1 else f"{name}_{self._name_inside(value, member)}"
        port = port_of(line, value) or self._number_of_last(line, group)
        return f"{name}_{port.replace('.', '_')}" if port else name

    def _number_of_last(self, line: Line, group: NodeGroup) -> str:
        """The number of the last copy of a line, where a group hands out others too, whose names have theirs."""
        read = line.pattern is not None and line.pattern.read
        several = sum(value in line.outs for value in self._exports[id(group)]) > 1
        return str(number_of_copies(line) - 1) if read and several and number_of_copies(line) else ""

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
            if default is not None and self._is_named_by_others(part, default):
                default = None
        return made

    def _is_named_by_others(self, part: Line | NodeGroup, value: int) -> bool:
        """Whether more than one node reads a value, or another copy of what makes it."""
        outs = part.outs if isinstance(part, Line) and part.copies_read else (value,)
        return sum(self._readers[one] for one in outs) > 1

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
        main = first.main
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
        last = next((part for part in reversed(group.parts) if not part.in_training), None)
        return self._value_of(last) if last is not None else None

    def _line(self, line: Line, scope: NodeGroup, default: int | None) -> Any:
        if line.members:
            return self._repeated_group(line, scope, default)
        keys = dict(line.keys)
        made = line.statement.made
        if "op" not in keys:
            keys = {"share": self._shared(made), **keys}
        wiring = self._wires.read_by(line, partial(self._reference, scope=scope), default)
        if wiring is not None:
            keys = {"op": keys.pop("op"), "in": wiring, **keys} if "op" in keys else {**keys, "in": wiring}
        path = self._path(line)
        if path:
            keys["path"] = path
        if line.when:
            keys["when"] = line.when
        return keys["op"] if list(keys) == ["op"] else keys

    def _repeated_group(self, line: Line, scope: NodeGroup, default: int | None) -> dict[str, Any]:
        """A group with copies: its first node reads what the copy before has made."""
        keys: dict[str, Any] = {} if line.main == default else {"in": self._reference(line.operands[0], scope)}
        keys |= line.keys
        if line.when:
            keys["when"] = line.when
        outside = [self._wires.numbered(value, partial(self._reference, scope=scope)) for value in line.operands]
        return keys | repeated_nodes(line, outside, self._depth(line), self._visible[id(scope)])

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
            if self._counts_like_another(prefix, line) and not _holds_weights(line):
                return f"{name}_copies.{{i}}"
            plain = prefix == f"{name}." and not (line.pattern.start or line.pattern.suffix or line.counted)
            counted = f"{{i + {line.pattern.start}}}" if line.pattern.start else "{i}"
            single = single_number(line)
            if single:
                return f"{prefix}{single}{line.pattern.suffix}"
            return "" if plain else f"{prefix}{counted}{line.pattern.suffix}"
        if line.hidden:
            return line.path.rpartition(".")[0] or "."
        owns = bool(line.statement.path)
        return line.path if owns and line.path != name else ""

    def _counts_like_another(self, prefix: str, line: Line) -> bool:
        """Whether a node next to copies of a function is called as one of them: the paths of functions are free."""
        others = (self._names[id(part)] for part in self._parents[id(line)].parts if part is not line)
        return any(name.startswith(prefix) and name.removeprefix(prefix).isdecimal() for name in others)

    def _depth(self, line: Line) -> int:
        """How many levels of the module tree are groups around a line."""
        depth, part = 0, self._parents[id(line)]
        while part is not self._root:
            assert isinstance(part, NodeGroup)
            depth += part.path.count(".") + 1
            part = self._parents[id(part)]
        return depth


def _holds_weights(line: Line) -> bool:
    """Whether a path is a part of keys: a function has a body, and no weights in it."""
    made = line.statement.made
    return not isinstance(made, Call) or bool(weights(made.body))


def _is_weightless(part: Line | NodeGroup) -> bool:
    """Whether a part has no place of its own in the module tree: it must not take that of another one."""
    return isinstance(part, Line) and not part.statement.path


def _whole_level(part: Line | NodeGroup, group: NodeGroup) -> str:
    """The name of the level of which stages are all that there is; '' for others."""
    level = part.path.rpartition(".")[0]
    word = level.rpartition(".")[2]
    if not isinstance(part, Line) or part.statement.term.kind != STAGES or not word or word.isdecimal():
        return ""
    others = (one.path for one in group.parts if one is not part)
    return "" if any(f"{path}.".startswith(f"{level}.") for path in others) else word


def _called_after(part: Line | NodeGroup, path: str) -> str:
    """What a part whose level is a number is called after: its operation, or the level around it, with its number
    unless it stands for copies from the first on."""
    if not isinstance(part, Line) or part.counted:
        first = isinstance(part, Line) and part.pattern is not None and not part.pattern.start
        return _counted(path.rpartition(".")[0] if first else path)
    return part.operation


def _counted(path: str) -> str:
    """The name of a level that is a number: `blocks.0` → blocks_0."""
    levels = path.split(".")
    first = max((place for place, level in enumerate(levels) if not level.isdecimal()), default=0)
    return "_".join(levels[first:])

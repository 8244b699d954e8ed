"""What a node reads, as it stands behind `in`: names in the order of the ports or by port, copies and parts in one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from archgraph.graph.types import Node
from archgraph.importing.writing.copies.numbered_values import places
from archgraph.importing.writing.modules.numbered_names import NumberedName, counted_name, together
from archgraph.importing.writing.nodes.lines import Line
from archgraph.ops.contract import lookup

Reference = Callable[[int], str]
"""How a node names a value."""


class WiringWriter:
    """`inputs` are the names of a body's inputs, by number; `makers` are the lines that make the other values."""

    def __init__(self, inputs: Sequence[str], makers: Mapping[int, Line]):
        self._inputs = inputs
        self._makers = makers

    def read_by(self, line: Line, reference: Reference, default: int | None) -> Any:
        """What stands behind `in`; None where a node reads what comes before it, `default`, without a word."""
        if not line.operands:
            return None
        if _is_variadic(line):
            return self._all_read(line, reference, default)
        names = self._read_names(line, reference)
        ports = list(line.ports)
        expected = _expected_ports(line, len(ports))
        by_default = line.main is not None and line.main == default
        if any("." in port for port in line.statement.listed):
            return self._listed(line, reference)
        if ports != expected:
            if ports[0] == expected[0] and by_default:
                return dict(zip(ports[1:], names[1:], strict=True)) or None
            return dict(zip(ports, names, strict=True))
        if len(names) == 1:
            return None if by_default else names[0]
        return names

    def numbered(self, value: int, reference: Reference) -> NumberedName:
        """How nodes of a group name a value, and which of how many copies or parts it is."""
        name = reference(value)
        line = self._makers.get(value)
        stem, _, number = name.rpartition(".")
        if line is None:
            all_of_it = sum(one.startswith(f"{stem}.") for one in self._inputs)
            return NumberedName(name, stem, int(number), all_of_it) if stem else NumberedName(name)
        outs = line.outs
        place = outs.index(value)
        if line.parts:
            copy = next(made[-1] for one, made in places(line.statement, 0) if one == value)
            last = copy == len(line.parts) - 1
            return NumberedName(name, stem if last else stem.rpartition(".")[0], copy, part=number)
        if line.pattern is None or not line.pattern.read:
            return NumberedName(name, stem, place, len(outs)) if number == str(place) else NumberedName(name)
        if place < len(line.pattern.read):
            of_copy = line.pattern.read[place]
            return NumberedName(name, stem, of_copy) if number == str(of_copy) else NumberedName(name)
        copies = number_of_copies(line) if not stem else 0  # a group hands it out under a name of its own
        return NumberedName(name, name, copies - 1) if copies else NumberedName(name)

    def _all_read(self, line: Line, reference: Reference, default: int | None) -> Any:
        """What an operation reads that takes any number of values: copies and parts in a row together."""
        if list(line.operands) == [default]:
            return None
        names = together([self.numbered(value, reference) for value in line.operands])
        return names[0] if len(names) == 1 else names

    def _listed(self, line: Line, reference: Reference) -> dict[str, Any]:
        """What is read at each port of a block, at those of a list (`x.0`, `x.1`) together."""
        found: dict[str, list[NumberedName]] = {}
        for port, value in zip(line.ports, line.operands, strict=True):
            found.setdefault(port.partition(".")[0], []).append(self.numbered(value, reference))
        whole = {port: together(names) for port, names in found.items()}
        return {
            port: names[0] if len(names) == 1 else [one.name for one in found[port]] for port, names in whole.items()
        }

    def _read_names(self, line: Line, reference: Reference) -> list[str]:
        """What is read at each port; where each copy reads another value, its name with their number."""
        values = list(line.operands)
        count = len(values) - len(line.ports) + len(line.own)
        found: list[str] = []
        for port in line.ports:
            if port in line.own:
                length = count // len(line.own)
                found.append(counted_name([self.numbered(value, reference).whole for value in values[:length]]))
                del values[:length]
            else:
                found.append(reference(values.pop(0)))
        return found


def number_of_copies(line: Line) -> int:
    """How many copies a line has; 0 where a parameter says it."""
    lists = [values for values in line.keys.get("for", {}).values() if isinstance(values, list)]
    copies = len(lists[0]) if lists else line.keys.get("repeat")
    return copies if isinstance(copies, int) else 0


def _is_variadic(line: Line) -> bool:
    """Whether a line applies an operation to any number of values and nothing else."""
    made = line.statement.made
    if not isinstance(made, Node) or not line.ports:
        return False
    ports = lookup(made.op.name).ports
    return bool(ports) and ports[0].variadic and all(port.startswith(f"{ports[0].name}.") for port in line.ports)


def _expected_ports(line: Line, count: int) -> list[str]:
    """The ports in the order in which a list is handed to them."""
    if not isinstance(line.statement.made, Node):
        return list(line.statement.listed[:count])
    return [port.name for port in lookup(line.statement.made.op.name).ports[:count]]

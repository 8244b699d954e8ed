"""Calls whose bodies are equal: whatever is written for one of them is right for the others.

Two calls get one number where nothing that code is made of tells them apart: operations, types, wiring, names and the
block's arguments. Where they stand, and what is computed before and after them, is no part of it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from archgraph.codegen.analysis.names import segment
from archgraph.dims import Size
from archgraph.graph.types import Call, Graph, Item
from archgraph.ops.contract import Operation, TensorType

_EXACT = frozenset((int, str, bool, type(None)))
"""Types of which equal values are equal in everything."""
_PLAIN = frozenset((int, float, bool, Size))
"""Types of arguments that become parameters of a class."""


class EqualCalls:
    """Numbers the calls among all items of a graph; equal ones get the same number."""

    def __init__(self, everything: Iterable[Item]) -> None:
        self._numbers: dict[Hashable, int] = {}
        self._operations: dict[int, int] = {}
        self._types: dict[int, int] = {}
        self._given: dict[int, int] = {}
        self._known: dict[int, int] = {}
        alike: dict[Hashable, list[int]] = {}
        for item in everything:
            if isinstance(item, Call):
                alike.setdefault(self._outline(item), []).append(id(item))
        self._repeated = {each for group in alike.values() if len(group) > 1 for each in group}

    def has_like(self, call: Call) -> bool:
        """Whether another call may equal it: one that reads as much and has as many items inside. Most networks whose
        widths differ everywhere have few of them, and the others need no comparison of what is in them."""
        return id(call) in self._repeated

    def number(self, call: Call) -> int:
        """The number of a call: that of the first which equals it, its name and what it reads aside."""
        found = self._known.get(id(call))
        if found is None:
            given = self._given
            arguments = given.get(id(call.arguments)) or self._arguments(call.arguments)
            symbols = given.get(id(call.symbols)) or self._arguments(call.symbols)
            key = (call.kind, call.block, call.hidden, call.scan, arguments, symbols, self._body(call.body))
            found = self._known[id(call)] = self._number(key)
        return found

    def _number(self, key: Hashable) -> int:
        return self._numbers.setdefault(key, len(self._numbers) + 1)

    def _body(self, graph: Graph) -> Hashable:
        """What a body is made of, one after the other: of each item what it is, how much it reads and writes, then
        what."""
        types, operations = self._types, self._operations
        places: dict[int, int] = {}
        place = places.__getitem__
        parts: list[Hashable] = [len(graph.inputs), len(graph.outputs), graph.order]
        for value in graph.inputs:
            places[id(value)] = len(places)
            parts += (value.name, types.get(id(value.type)) or self._type(value.type))
        for item in graph.items:
            made = item.outputs
            if isinstance(item, Call):
                parts += (item.name, self.number(item), segment(item), len(item.inputs), len(made))
                parts += map(place, map(id, item.inputs))
            else:
                read, op = item.inputs, item.op
                number = operations.get(id(op)) or self._operation(op)
                parts += (item.name, number, len(read), len(made), *read, *map(place, map(id, read.values())))
                if item.weights or item.hidden or item.ties:
                    parts.append((len(item.weights), item.hidden, *item.ties.items()))
            if item.training:
                parts.append(True)
            for value in made:
                parts += (value.name, types.get(id(value.type)) or self._type(value.type))
                places[id(value)] = len(places)
        for ends in (graph.outputs, graph.training_outputs):
            for name, value in ends.items():
                parts += (name, places[id(value)])
        return tuple(parts)

    def _outline(self, call: Call) -> Hashable:
        """What equal calls have in common and is quickly seen."""
        body, types = call.body, self._types
        values = (*body.inputs, *(body.items[0].outputs if body.items else ()))
        kinds = [types.get(id(value.type)) or self._type(value.type) for value in values]
        return call.kind, call.block, len(body.inputs), len(body.items), len(call.arguments), *kinds

    def _type(self, kind: TensorType) -> int:
        found = self._types[id(kind)] = self._number(kind)
        return found

    def _arguments(self, arguments: Mapping[str, Any]) -> int:
        found = self._given[id(arguments)] = self._number(_typed_arguments(arguments))
        return found

    def _operation(self, op: Operation) -> int:
        values = vars(op).values()
        kinds = (type(op), *map(type, values))
        try:
            found = self._number((kinds, *(values if _EXACT.issuperset(kinds[1:]) else map(_typed, values))))
        except TypeError:  # an attribute that cannot be looked up, such as a plugin's list: it equals itself alone
            found = self._number((type(op), id(op)))
        self._operations[id(op)] = found
        return found


def _typed(value: Any) -> Hashable:
    """A value as itself alone: 1, 1.0 and True are three."""
    kind = type(value)
    if kind is int or kind is str:
        return value  # type: ignore[no-any-return]
    if kind is tuple:
        return tuple(map(_typed, value))
    return kind, repr(value) if kind is float else value


def _typed_arguments(arguments: Mapping[str, Any]) -> Hashable:
    """The names of arguments with their types, and the values of those that count."""
    if not arguments:
        return ()
    kinds = tuple(map(type, arguments.values()))
    values = [value if kind in _PLAIN else None for kind, value in zip(kinds, arguments.values(), strict=True)]
    return tuple(arguments), kinds, tuple(values)


def can_be_equal(graph: Graph, everything: Iterable[Item]) -> bool:
    """Whether calls that are equal inside have equal modules: no module is applied again, and no order reaches into
    the modules of a call from outside. `everything` are all items of the graph."""
    orders = [graph.order]
    for item in everything:
        if item.shares is not None:
            return False
        if isinstance(item, Call):
            orders.append(item.body.order)
    return not any("." in name for order in orders for name in order)


def items(graph: Graph) -> list[Item]:
    """All items at every depth."""
    found = [*graph.items]
    for item in found:  # which grows meanwhile
        if isinstance(item, Call):
            found += item.body.items
    return found

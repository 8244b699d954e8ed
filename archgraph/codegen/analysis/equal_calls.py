"""Calls whose bodies are equal: whatever is written for one of them is right for the others.

Two calls get one number where nothing that code is made of tells them apart: operations, types, wiring, names and the
block's arguments. Where they stand, and what is computed before and after them, is no part of it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any

from archgraph.codegen.analysis.names import segment
from archgraph.dims import Size
from archgraph.graph.types import Call, Graph, Item, Node, Value
from archgraph.ops.contract import Operation

_PLAIN = (int, float, bool, Size)
"""Types of arguments that become parameters of a class."""


class EqualCalls:
    """Numbers calls; equal ones get the same number."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}
        self._operations: dict[int, int] = {}
        self._known: dict[int, int] = {}

    def number(self, call: Call) -> int:
        """The number of a call: that of the first which equals it, its name and what it reads aside."""
        found = self._known.get(id(call))
        if found is None:
            given = _typed_arguments(call.arguments), _typed_arguments(call.symbols)
            key = (call.kind, call.block, call.hidden, call.scan, *given, *self._body(call.body))
            found = self._known[id(call)] = self._number(key)
        return found

    def _number(self, key: Hashable) -> int:
        return self._numbers.setdefault(key, len(self._numbers))

    def _body(self, graph: Graph) -> Iterator[Hashable]:
        values = {id(value): place for place, value in enumerate(graph.inputs)}
        yield tuple((value.name, value.type) for value in graph.inputs)
        for item in graph.items:
            yield from self._item(item, values)
            for made in item.outputs:
                values[id(made)] = len(values)
        for outputs in (graph.outputs, graph.training_outputs):
            yield tuple((name, values[id(value)]) for name, value in outputs.items())
        yield graph.order

    def _item(self, item: Item, values: Mapping[int, int]) -> Iterator[Hashable]:
        yield item.name
        yield tuple((value.name, value.type) for value in item.outputs)
        yield item.training
        if isinstance(item, Call):
            yield self.number(item)
            yield segment(item)
            yield _places(item.inputs, values)
            return
        yield self._operation(item.op)
        yield item.hidden
        yield tuple(weight.name for weight in item.weights)
        yield tuple(item.ties.items())
        yield tuple(item.inputs)
        yield _places(item.inputs.values(), values)

    def _operation(self, op: Operation) -> int:
        found = self._operations.get(id(op))
        if found is None:
            found = self._operations[id(op)] = self._number((type(op), *map(_typed, vars(op).values())))
        return found


def _places(read: Iterable[Value], values: Mapping[int, int]) -> tuple[int, ...]:
    return tuple([values[id(value)] for value in read])


def _typed(value: Any) -> Hashable:
    """A value as itself alone: 1, 1.0 and True are three."""
    if isinstance(value, tuple):
        return tuple(map(_typed, value))
    return type(value), repr(value) if isinstance(value, float) else value


def _typed_arguments(arguments: Mapping[str, Any]) -> Hashable:
    return tuple((name, type(value), value if type(value) in _PLAIN else None) for name, value in arguments.items())


def can_be_equal(graph: Graph) -> bool:
    """Whether calls that are equal inside have equal modules: no module is applied again, and no order reaches into
    the modules of a call from outside."""
    return all(item.shares is None for item in _items(graph)) and not any("." in name for name in _orders(graph))


def _items(graph: Graph) -> Iterator[Item]:
    waiting = [graph]
    while waiting:
        for item in waiting.pop().items:
            yield item
            if not isinstance(item, Node):
                waiting.append(item.body)


def _orders(graph: Graph) -> Iterator[str]:
    yield from graph.order
    for item in _items(graph):
        if isinstance(item, Call):
            yield from item.body.order

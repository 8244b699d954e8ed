"""Calls without a level of their own in the module tree, opened: their items stand in the body around, as their weights
do. What writes a spec has modules for levels, and knows no other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from archgraph.graph.types import Call, Graph, Item, Node, Value
from archgraph.structure.naming import free


def without_hidden_calls(graph: Graph) -> Graph:
    """The same body without hidden calls, at this level of the module tree. Items that hold nothing give way to others
    of the same name."""
    if not any(isinstance(item, Call) and item.hidden for item in graph.items):
        return graph
    opening = _Opening()
    items = list(opening.items(graph))
    taken = {item.name for item in items if _has_a_place(item)}
    placed: list[Item] = []
    for item in items:
        name = item.name if _has_a_place(item) else free(item.name, taken)
        taken.add(name)
        placed.append(replace(item, name=name))
    outputs = {name: opening.now(value) for name, value in graph.outputs.items()}
    return replace(graph, items=tuple(placed), outputs=outputs)


class _Opening:
    def __init__(self) -> None:
        self._outside: dict[Value, Value] = {}

    def now(self, value: Value) -> Value:
        """The value itself, or what it stands for in the body around."""
        while value in self._outside:
            value = self._outside[value]
        return value

    def items(self, graph: Graph) -> Iterator[Item]:
        """The items of a body, with those of hidden calls in their places."""
        for item in graph.items:
            if isinstance(item, Node):
                yield replace(item, inputs={port: self.now(value) for port, value in item.inputs.items()})
            elif item.hidden and item.shares is None and item.scan is None:
                self._outside.update(zip(item.body.inputs, item.inputs, strict=True))
                yield from self.items(item.body)
                self._outside.update(zip(item.outputs, item.body.outputs.values(), strict=True))
            else:
                yield replace(item, inputs=tuple(map(self.now, item.inputs)))


def _has_a_place(item: Item) -> bool:
    """Whether its name is that of a module or of a tensor."""
    return isinstance(item, Call) or bool(item.weights)

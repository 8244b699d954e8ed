"""A finished graph with every size in its simplest form.

A network narrows its sizes while it is built: only the last join of a U-Net shows that H is a multiple of 8. With that
known, `8*(H // 8)` is `H`, in the first layers too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from archgraph.dims import Dim, Facts, Size
from archgraph.graph.types import Call, Graph, Item, Node, Value
from archgraph.ops.contract import Operation, TensorType


def simplified(graph: Graph, facts: Facts) -> Graph:
    """The same graph, its shapes, its operations' sizes and its calls' arguments rewritten by what is known."""
    return rewritten(graph, facts.simplify)


def rewritten(graph: Graph, each: Callable[[Dim], Dim]) -> Graph:
    """The same graph with every size in it, at every depth, put through a function."""
    return _Rewriting(each).graph(graph)


@dataclass(slots=True)
class _Rewriting:
    simplify: Callable[[Dim], Dim]
    values: dict[Value, Value] = field(default_factory=dict)
    items: dict[Item, Item] = field(default_factory=dict)
    types: dict[TensorType, TensorType] = field(default_factory=dict)

    def graph(self, graph: Graph) -> Graph:
        inputs = tuple(self.value(value) for value in graph.inputs)
        items = tuple(self.item(item) for item in graph.items)
        outputs = {name: self.value(value) for name, value in graph.outputs.items()}
        training = {name: self.value(value) for name, value in graph.training_outputs.items()}
        return replace(graph, inputs=inputs, items=items, outputs=outputs, training_outputs=training)

    def value(self, value: Value) -> Value:
        if value not in self.values:
            kind = self.type(value.type)
            self.values[value] = value if kind is value.type else Value(value.name, kind, value.origin)
        return self.values[value]

    def type(self, kind: TensorType) -> TensorType:
        if kind not in self.types:
            shape = tuple(self.simplify(size) for size in kind.shape)
            self.types[kind] = kind if shape == kind.shape else TensorType(shape, kind.dtype)
        return self.types[kind]

    def item(self, item: Item) -> Item:
        self.items[item] = made = self.call(item) if isinstance(item, Call) else self.node(item)
        return made

    def node(self, node: Node) -> Node:
        shares = self.items.get(node.shares) if node.shares else None
        return Node(
            name=node.name,
            op=self.op(node.op),
            inputs={port: self.value(value) for port, value in node.inputs.items()},
            outputs=tuple(self.value(value) for value in node.outputs),
            weights=node.weights,
            ties=node.ties,
            shares=shares if isinstance(shares, Node) else None,
            origin=node.origin,
            training=node.training,
            hidden=node.hidden,
        )

    def op(self, op: Operation) -> Operation:
        changed = {}
        for name in _sized_fields(type(op)):
            value = getattr(op, name)
            simple = self.data(value)
            if simple != value:
                changed[name] = simple
        return op.model_copy(update=changed) if changed else op

    def call(self, call: Call) -> Call:
        shares = self.items.get(call.shares) if call.shares else None
        return replace(
            call,
            body=self.graph(call.body),
            inputs=tuple(self.value(value) for value in call.inputs),
            outputs=tuple(self.value(value) for value in call.outputs),
            arguments={name: self.data(value) for name, value in call.arguments.items()},
            symbols={name: self.simplify(size) for name, size in call.symbols.items()},
            shares=shares if isinstance(shares, Call) else None,
            scan=replace(call.scan, length=self.simplify(call.scan.length)) if call.scan else None,
        )

    def data(self, value: Any) -> Any:
        """Plain data with the sizes in it simplified."""
        if isinstance(value, Size):
            return self.simplify(value)
        if isinstance(value, (list, tuple)):
            return type(value)(self.data(entry) for entry in value)
        if isinstance(value, Mapping):
            return {key: self.data(entry) for key, entry in value.items()}
        return value


_SIZED: dict[type[Operation], tuple[str, ...]] = {}


def _sized_fields(kind: type[Operation]) -> tuple[str, ...]:
    """The attributes of an operation that may hold symbolic sizes."""
    if kind not in _SIZED:
        _SIZED[kind] = tuple(name for name, info in kind.model_fields.items() if "Size" in str(info.annotation))
    return _SIZED[kind]

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
    kinds: dict[int, TensorType] = field(default_factory=dict)
    operations: dict[int, Operation] = field(default_factory=dict)
    mappings: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    """Copies of a block share their types, operations and arguments: each is rewritten once, and found by identity."""

    def graph(self, graph: Graph) -> Graph:
        inputs = tuple(map(self.value, graph.inputs))
        items = tuple(map(self.item, graph.items))
        outputs = {name: self.value(value) for name, value in graph.outputs.items()}
        training = {name: self.value(value) for name, value in graph.training_outputs.items()}
        return Graph(
            graph.name,
            inputs,
            items,
            outputs,
            graph.order,
            graph.constraints,
            graph.warnings,
            graph.info,
            training,
        )

    def value(self, value: Value) -> Value:
        found = self.values.get(value)
        if found is None:
            before = value.type
            kind = self.kinds.get(id(before)) or self.type(before)
            self.values[value] = found = value if kind is before else Value(value.name, kind, value.origin)
        return found

    def type(self, kind: TensorType) -> TensorType:
        found = self.types.get(kind)
        if found is None:
            shape = tuple(map(self.simplify, kind.shape))
            self.types[kind] = found = kind if shape == kind.shape else TensorType(shape, kind.dtype)
        self.kinds[id(kind)] = found
        return found

    def item(self, item: Item) -> Item:
        self.items[item] = made = self.call(item) if isinstance(item, Call) else self.node(item)
        return made

    def node(self, node: Node) -> Node:
        shares = self.items.get(node.shares) if node.shares is not None else None
        value = self.value
        op = node.op
        return Node(
            node.name,
            self.operations.get(id(op)) or self.op(op),
            {port: value(read) for port, read in node.inputs.items()},
            tuple(map(value, node.outputs)),
            node.weights,
            node.ties,
            shares if isinstance(shares, Node) else None,
            node.origin,
            node.training,
            node.hidden,
        )

    def op(self, op: Operation) -> Operation:
        changed = {}
        for name in _sized_fields(type(op)):
            value = getattr(op, name)
            simple = self.data(value)
            if simple != value:
                changed[name] = simple
        self.operations[id(op)] = found = op.model_copy(update=changed) if changed else op
        return found

    def call(self, call: Call) -> Call:
        shares = self.items.get(call.shares) if call.shares is not None else None
        return Call(
            name=call.name,
            kind=call.kind,
            body=self.graph(call.body),
            inputs=tuple(map(self.value, call.inputs)),
            outputs=tuple(map(self.value, call.outputs)),
            hidden=call.hidden,
            block=call.block,
            arguments=self.mapping(call.arguments),
            symbols=self.mapping(call.symbols),
            shares=shares if isinstance(shares, Call) else None,
            scan=replace(call.scan, length=self.simplify(call.scan.length)) if call.scan else None,
            origin=call.origin,
            training=call.training,
        )

    def mapping(self, mapping: Mapping[str, Any]) -> Mapping[str, Any]:
        """Arguments or symbols; `graph` keeps what it rewrites, so identities stay what they are."""
        found = self.mappings.get(id(mapping))
        if found is None:
            self.mappings[id(mapping)] = found = {name: self.data(value) for name, value in mapping.items()}
        return found

    def data(self, value: Any) -> Any:
        """Plain data with the sizes in it simplified."""
        if isinstance(value, (bool, int, float, str)):
            return value
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

"""A body at another place of the same network: values and items of its own, everything else shared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakSet

from archgraph.errors import Mark
from archgraph.graph.types import Call, Graph, Item, Node, Origin, Outputs, Value, Values
from archgraph.ops.contract import Operation, make
from archgraph.records import record


@record()
class NewNumbers:
    """What is other in a copy, by the place of a node in the source: attributes of operations, on which no shape
    depends, and arguments of blocks, with what is other inside."""

    operations: Mapping[Mark, Mapping[str, Any]] = field(default_factory=dict)
    blocks: Mapping[Mark, tuple[Mapping[str, Any], NewNumbers]] = field(default_factory=dict)


AS_THEY_ARE = NewNumbers()


def relocated(graph: Graph, before: str, address: str, new: NewNumbers = AS_THEY_ARE) -> Graph:
    """A copy of a closed body that stood at the address `before` in the source, for another address, with new numbers.

    Whatever it shares lies inside it, and it ties no weights: their keys are absolute. Raises SchemaError for a number
    that an operation does not take.
    """
    made = _Relocation(len(before), address, new).graph(graph)
    _COPIES.add(made)
    return made


_COPIES: WeakSet[Graph] = WeakSet()


def is_copy(graph: Graph) -> bool:
    """Whether a body is well-formed because the one is that it is a copy of."""
    return graph in _COPIES


@dataclass(slots=True)
class _Relocation:
    start: int
    address: str
    new: NewNumbers
    values: dict[Value, Value] = field(default_factory=dict)
    items: dict[Item, Item] = field(default_factory=dict)

    def graph(self, graph: Graph) -> Graph:
        inputs = Values(map(self.value, graph.inputs))
        items = tuple(map(self.item, graph.items))
        outputs = Outputs((name, self.values[value]) for name, value in graph.outputs.items())
        return Graph(graph.name, inputs, items, outputs, graph.order)

    def origin(self, origin: Origin) -> Origin:
        """The same place in the file, below the other address."""
        return Origin(self.address + origin.address[self.start :], origin.mark)

    def value(self, value: Value) -> Value:
        self.values[value] = made = Value(value.name, value.type, self.origin(value.origin))
        return made

    def outputs(self, item: Item, origin: Origin) -> tuple[Value, ...]:
        """The outputs of an item, which share its origin."""
        made = tuple(Value(value.name, value.type, origin) for value in item.outputs)
        self.values.update(zip(item.outputs, made, strict=True))
        return made

    def item(self, item: Item) -> Item:
        made: Item = self.call(item) if isinstance(item, Call) else self.node(item)
        self.items[item] = made
        return made

    def node(self, node: Node) -> Node:
        shares = self.items[node.shares] if node.shares is not None else None
        assert shares is None or isinstance(shares, Node)
        values, origin = self.values, self.origin(node.origin)
        inputs = {port: values[value] for port, value in node.inputs.items()}
        outputs, weights, ties = self.outputs(node, origin), node.weights, node.ties
        return Node(
            node.name, self.operation(node), inputs, outputs, weights, ties, shares, origin, node.training, node.hidden
        )

    def operation(self, node: Node) -> Operation:
        """The operation, with its new numbers."""
        numbers = self.new.operations.get(node.origin.mark) if self.new.operations and node.origin.mark else None
        if numbers is None:
            return node.op
        given = {name: getattr(node.op, name) for name in node.op.model_fields_set}
        return make(type(node.op), {**given, **numbers})

    def inside(self, call: Call) -> tuple[Mapping[str, Any], NewNumbers]:
        """The new arguments of a call, and what is other inside it: of a group the same as around it."""
        if call.kind != "block":
            return {}, self.new
        return self.new.blocks.get(call.origin.mark, ({}, AS_THEY_ARE)) if call.origin.mark else ({}, AS_THEY_ARE)

    def call(self, call: Call) -> Call:
        around = self.new
        arguments, self.new = self.inside(call)
        body = self.graph(call.body)
        self.new = around
        shares = self.items[call.shares] if call.shares is not None else None
        assert shares is None or isinstance(shares, Call)
        origin = self.origin(call.origin)
        return Call(
            name=call.name,
            kind=call.kind,
            body=body,
            inputs=tuple(self.values[value] for value in call.inputs),
            outputs=self.outputs(call, origin),
            hidden=call.hidden,
            block=call.block,
            arguments={**call.arguments, **arguments} if arguments else call.arguments,
            symbols=call.symbols,
            shares=shares,
            scan=call.scan,
            origin=origin,
            training=call.training,
        )

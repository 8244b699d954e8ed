"""Steps over a sequence that a module computes in a loop, written out one after the other: they become a `scan`.

The results of all steps are stacked; each step reads its slice of the sequences, and what the step before made.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from archgraph.graph.scan import Scan, without
from archgraph.graph.text import attributes
from archgraph.graph.types import Call, Graph, Item, Node, Value, joined
from archgraph.importing.writing.modules.shared_items import shared_items
from archgraph.importing.writing.rewriting.handed_out import with_values
from archgraph.importing.writing.rewriting.idioms import read_by
from archgraph.ops.contract import TensorType, lookup
from archgraph.structure.naming import free

FEWEST = 3
"""Fewer steps are no sequence."""
_BLOCK = "step"
_FOREIGN = re.compile(r"[^A-Za-z0-9_]")


def with_scans(graph: Graph) -> Graph:
    """The graph with a scan in the place of steps that were written out."""
    return _body(graph, shared_items(graph))


def _body(graph: Graph, shared: frozenset[int]) -> Graph:
    items = tuple(_within(item, shared) for item in graph.items)
    if any(a is not b for a, b in zip(items, graph.items, strict=True)):
        graph = replace(graph, items=items)
    for item in graph.items:
        if isinstance(item, Node) and item.op.name == "stack" and len(item.inputs) >= FEWEST:
            graph = _scanned(graph, item) or graph
    return graph


def _within(item: Item, shared: frozenset[int]) -> Item:
    if isinstance(item, Node) or item.shares is not None or id(item) in shared:
        return item
    body = _body(item.body, shared)
    return item if body is item.body else replace(item, body=body)


def _scanned(graph: Graph, stack: Node) -> Graph | None:
    """The body with a scan in the place of the steps behind a stack; None where they are none."""
    makers = {id(value): item for item in graph.items if isinstance(item, Node) for value in item.outputs}
    results = list(stack.inputs.values())
    inside = _ancestors(results[1], makers) - _ancestors(results[0], makers)
    steps: list[_UnrolledStep] = []
    for place, result in enumerate(results):
        step = _UnrolledStep(place, makers, inside)
        if not step.matches(result, results[1]):
            return None
        steps.append(step)
    scan = _Steps(steps, len(results))
    states = scan.states()
    return None if not states or not scan.is_whole(graph, stack) else _Scanned(graph, stack, scan, states).graph()


def _ancestors(value: Value, makers: Mapping[int, Node]) -> set[int]:
    """The nodes that a value follows from, by id."""
    found: set[int] = set()
    waiting = [value]
    while waiting:
        node = makers.get(id(waiting.pop()))
        if node is not None and id(node) not in found:
            found.add(id(node))
            waiting.extend(node.inputs.values())
    return found


@dataclass
class _UnrolledStep:
    """One step, held against the second one, whose nodes are `inside`."""

    place: int
    makers: Mapping[int, Node]
    inside: set[int]
    nodes: dict[int, Node] = field(default_factory=dict)
    """Its nodes, by the ids of those of the second step."""
    read: dict[int, Value] = field(default_factory=dict)
    """What it reads from outside, by the ids of what the second step reads."""
    sequences: dict[int, tuple[Value, int]] = field(default_factory=dict)
    """What it reads a slice of and the dimension, by the ids of the slices of the second step."""

    def matches(self, ours: Value, second: Value) -> bool:
        """Whether a value is computed as that of the second step."""
        model = self.makers.get(id(second))
        if model is None or id(model) not in self.inside:
            return self.read.setdefault(id(second), ours) is ours
        node = self.makers.get(id(ours))
        if node is None or node.op.name != model.op.name or node.weights or node.ties or node.shares is not None:
            return False
        if id(model) in self.nodes:
            return self.nodes[id(model)] is node
        source = self._sequence(node, model)
        if source is not None:
            return self.sequences.setdefault(id(second), source) == source
        if attributes(node.op) != attributes(model.op) or list(node.inputs) != list(model.inputs):
            return False
        pairs = zip(node.inputs.values(), model.inputs.values(), strict=True)
        if node.training or not all(self.matches(a, b) for a, b in pairs):
            return False
        self.nodes[id(model)] = node
        return True

    def _sequence(self, node: Node, model: Node) -> tuple[Value, int] | None:
        """What a node takes the slice of this step of."""
        source = model.inputs.get("input")
        if node.op.name != "select" or node.inputs["input"] is not source or source is None:
            return None
        first, second = _dim(node), _dim(model)
        here = node.op.index == self.place and model.op.index == 1  # type: ignore[attr-defined]
        return (source, first) if here and first == second else None


def _dim(node: Node) -> int:
    return int(node.op.dim % node.inputs["input"].type.rank)  # type: ignore[attr-defined]


@dataclass
class _Steps:
    """All steps, each held against the second one."""

    steps: Sequence[_UnrolledStep]
    count: int

    def states(self) -> dict[int, Node]:
        """Which node of the second step makes what the next one reads, by the id of what the second one reads."""
        second = self.steps[1]
        found: dict[int, Node] = {}
        for key in self.steps[1].read:
            if all(step.read[key] is second.read[key] for step in self.steps):
                continue
            makers = (node for node in second.nodes.values() if self._hands_on(key, node))
            node = next(makers, None)
            if node is None:
                return {}
            found[key] = node
        return found

    def _hands_on(self, key: int, node: Node) -> bool:
        pairs = zip(self.steps, self.steps[1:], strict=False)
        same = len(node.outputs) == 1 and self.steps[0].read[key].type == node.output.type
        return same and all(after.read[key] is before.nodes[id(node)].output for before, after in pairs)

    def is_whole(self, graph: Graph, stack: Node) -> bool:
        """Whether all slices of each sequence are read, and nobody else reads what the steps make."""
        sequences = self.steps[1].sequences.values()
        if not sequences or any(source.shape[dim] != self.count for source, dim in sequences):
            return False
        made = {id(value) for step in self.steps for node in step.nodes.values() for value in node.outputs}
        inside = {id(node) for step in self.steps for node in step.nodes.values()} | {id(stack)}
        read = {id(value) for item in graph.items if id(item) not in inside for value in read_by(item)}
        read |= {id(value) for value in (*graph.outputs.values(), *graph.training_outputs.values())}
        return made.isdisjoint(read)


@dataclass
class _Scanned:
    """The body with a scan in the place of its steps."""

    before: Graph
    stack: Node
    steps: _Steps
    states: Mapping[int, Node]

    def graph(self) -> Graph:
        call, result, turned = self._call()
        gone = {id(node) for step in self.steps.steps for node in step.nodes.values()}
        read = {id(v) for item in self.before.items if id(item) not in gone | {id(self.stack)} for v in read_by(item)}
        read |= {id(value) for value in self.before.outputs.values()}
        items: list[Item] = []
        for item in self.before.items:
            if item is self.stack:
                items += [call, *turned]
            elif id(item) not in gone and not self._is_slice(item, read):
                items.append(item)
        return with_values(replace(self.before, items=tuple(items)), {id(self.stack.output): result})

    def _is_slice(self, item: Item, read: set[int]) -> bool:
        """Whether an item only makes a slice for a step."""
        sources = {id(source) for source, _ in self.steps.steps[1].sequences.values()}
        selects = isinstance(item, Node) and item.op.name == "select" and id(item.inputs["input"]) in sources
        return selects and all(id(value) not in read for value in item.outputs)

    def _call(self) -> tuple[Call, Value, list[Node]]:
        """The call, its stacked result as the stack has it, and the step that turns its dimensions."""
        second = self.steps.steps[1]
        wanted = self.stack.op.dim % self.stack.output.type.rank  # type: ignore[attr-defined]
        sequences = sorted(second.sequences.items(), key=lambda pair: pair[1][1] != wanted)
        fixed = [key for key in second.read if key not in self.states]
        name = free(_BLOCK, {item.name for item in self.before.items})
        words: list[str] = []
        outside = [self.steps.steps[0].read[key] for key in self.states]
        outside += [source for _, (source, _) in sequences]
        outside += [second.read[key] for key in fixed]
        for place, value in enumerate(outside):
            word = "state" if place < len(self.states) else _FOREIGN.sub("_", value.name)
            words.append(free(word, words))
        dims = [*(None for _ in self.states), *(dim for _, (_, dim) in sequences), *(None for _ in fixed)]
        inputs = [Value(word, without(value.type, dim)) for word, value, dim in zip(words, outside, dims, strict=True)]
        keys = [*self.states, *(key for key, _ in sequences), *fixed]
        body = self._body(dict(zip(keys, inputs, strict=True)))
        first = sequences[0][1][1]
        scan = Scan(self.steps.count, tuple(dims), (*range(len(self.states)), None), first)
        made = scan.made([value.type for value in body.outputs.values()])
        outputs = tuple(Value(joined(name, port), kind) for port, kind in zip(body.outputs, made, strict=True))
        call = Call(name, "block", body, tuple(outside), outputs, hidden=True, block=_BLOCK, scan=scan)
        turned = [] if first == wanted else [_turned(self.stack, outputs[-1], first, wanted)]
        return call, turned[0].output if turned else outputs[-1], turned

    def _body(self, inner: dict[int, Value]) -> Graph:
        """One step, its inputs by the ids of what the second step reads."""
        inputs = tuple(inner.values())
        nodes: list[Node] = []
        for node in self.steps.steps[1].nodes.values():
            read = {port: inner.get(id(value), value) for port, value in node.inputs.items()}
            outputs = tuple(replace(value) for value in node.outputs)
            inner.update((id(old), new) for old, new in zip(node.outputs, outputs, strict=True))
            nodes.append(replace(node, inputs=read, outputs=outputs))
        states = {inputs[place].name: inner[id(node.output)] for place, node in enumerate(self.states.values())}
        result = inner[id(list(self.stack.inputs.values())[1])]
        return Graph(_BLOCK, inputs, tuple(nodes), {**states, "result": result})


def _turned(stack: Node, value: Value, first: int, wanted: int) -> Node:
    """The step that puts the dimension of the steps where the stack has it."""
    order: list[Any] = [axis for axis in range(value.type.rank) if axis != first]
    order.insert(wanted, first)
    kind = TensorType(tuple(value.shape[axis] for axis in order), value.dtype)
    op = lookup("permute").model_validate({"dims": tuple(order)})
    return replace(stack, op=op, inputs={"input": value}, outputs=(Value(stack.name, kind),))

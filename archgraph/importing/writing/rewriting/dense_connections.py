"""Modules of which each reads what all before it have made (Huang et al. 2017, Densely Connected Convolutional
Networks): each of them joins what it makes with what it reads, so that the next one reads a single value.

Outside, `[x]`, `[x, a]`, `[x, a, b]` are handed to modules that concatenate them, and all are concatenated in the end.
Concatenation is associative: the same numbers stand in the same places.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from archgraph.graph.types import Call, Graph, Item, Node, Value
from archgraph.importing.writing.modules.shared_items import shared_items
from archgraph.importing.writing.rewriting.idioms import read_by
from archgraph.structure.naming import free

_LEAST = 3
"""So many modules in a row."""


@dataclass(frozen=True, slots=True)
class _Chain:
    """The modules, and the concatenation of what the first reads and all make."""

    calls: Sequence[Call]
    end: Node


def with_joining_modules(graph: Graph) -> Graph:
    """The graph in which densely connected modules join what they make with what they read."""
    return _with_joining_modules(graph, shared_items(graph))


def _with_joining_modules(graph: Graph, shared: Collection[int]) -> Graph:
    items = [_inside(item, shared) for item in graph.items]
    for end in [item for item in items if isinstance(item, Node) and item.op.name == "concat"]:
        chain = _chain(end, items, graph, shared)
        if chain is not None:
            made = {id(old): new for old, new in zip(chain.calls, _joining(chain), strict=True)}
            items = [made.get(id(item), item) for item in items if item is not end]
    same = len(items) == len(graph.items) and all(map(operator.is_, items, graph.items))
    return graph if same else replace(graph, items=tuple(items))


def _inside(item: Item, shared: Collection[int]) -> Item:
    """An item with densely connected modules inside of it; what others apply once more stays as it is."""
    if isinstance(item, Node) or id(item) in shared or item.shares is not None:
        return item
    body = _with_joining_modules(item.body, shared)
    return item if body is item.body else replace(item, body=body)


def _chain(end: Node, items: Sequence[Item], graph: Graph, shared: Collection[int]) -> _Chain | None:
    first, *made = end.inputs.values()
    makers = {id(value): item for item in items if isinstance(item, Call) for value in item.outputs}
    calls = [makers[id(value)] for value in made if id(value) in makers]
    if len(calls) < len(made) or len(calls) < _LEAST or len({call.block for call in calls}) > 1:
        return None
    readers = Counter(id(value) for item in items for value in read_by(item))
    readers.update(id(value) for value in (*graph.outputs.values(), *graph.training_outputs.values()))
    for place, call in enumerate(calls):
        plain = len(call.outputs) == 1 and call.shares is None and call.scan is None and not call.training
        if not plain or call.hidden or id(call) in shared or not call.block:
            return None
        if list(map(id, call.inputs)) != list(map(id, (first, *made[:place]))):
            return None
        if readers[id(made[place])] != len(calls) - place or (place and _joint(call.body, end) is None):
            return None
    return _Chain(calls, end)


def _joint(body: Graph, end: Node) -> Node | None:
    """The concatenation of all that a module reads, which is the only one that reads it."""
    found = [
        item
        for item in body.items
        if isinstance(item, Node)
        and item.op == end.op
        and list(map(id, item.inputs.values())) == list(map(id, body.inputs))
    ]
    given = set(map(id, body.inputs))
    readers = sum(id(value) in given for item in body.items for value in read_by(item))
    handed_out = any(id(value) in given for value in body.outputs.values())
    return found[0] if len(found) == 1 and readers == len(given) and not handed_out else None


def _joining(chain: _Chain) -> list[Call]:
    """The modules, each of which reads what the one before has joined; the last one makes what the end made."""
    made: list[Call] = []
    joints = [None, *(_joint(call.body, chain.end) for call in chain.calls[1:])]
    reads = chain.calls[0].inputs[0]
    name = chain.calls[0].body.inputs[0].name
    for call, joint, following in zip(chain.calls, joints, [*joints[1:], chain.end], strict=True):
        assert following is not None
        last = following is chain.end
        makes = following.output if last else Value(following.output.name, following.output.type)
        body = _joining_body(call.body, joint, chain.end, name, makes)
        made.append(replace(call, body=body, inputs=(reads,), outputs=(makes,)))
        reads = makes
    return made


def _joining_body(body: Graph, joint: Node | None, end: Node, name: str, makes: Value) -> Graph:
    """A body that reads one value, and joins what it makes with that."""
    given = body.inputs[0] if joint is None else Value(name, joint.output.type)
    instead: Mapping[int, Value] = {} if joint is None else {id(joint.output): given}
    items = [_reading(item, instead) for item in body.items if item is not joint]
    ((output, value),) = body.outputs.items()
    joined = Value(free("concat", {item.name for item in items}), makes.type)
    ports = dict(zip(end.inputs, (given, instead.get(id(value), value)), strict=False))
    items.append(Node(joined.name, end.op, ports, (joined,)))
    return replace(body, inputs=(given,), items=tuple(items), outputs={output: joined})


def _reading(item: Item, instead: Mapping[int, Value]) -> Item:
    """An item that reads one value in place of another."""
    if isinstance(item, Call):
        return replace(item, inputs=tuple(instead.get(id(value), value) for value in item.inputs))
    return replace(item, inputs={port: instead.get(id(value), value) for port, value in item.inputs.items()})

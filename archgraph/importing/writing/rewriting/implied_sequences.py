"""Containers such as Sequential that the traced code never calls: their layers in a row become one call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from archgraph.graph.types import Call, Graph, Item, Node, Value
from archgraph.importing.writing.modules.shared_items import shared_items
from archgraph.importing.writing.rewriting.idioms import read_by

_CONTAINER = "Sequential"


def with_calls_of_containers(graph: Graph) -> Graph:
    """The graph in which layers that follow one another in a level of the module tree are a call of this level."""
    return _body(graph, shared_items(graph))


def _body(graph: Graph, shared: frozenset[int]) -> Graph:
    readers: Counter[int] = Counter(id(value) for item in graph.items for value in read_by(item))
    readers.update(id(value) for value in (*graph.outputs.values(), *graph.training_outputs.values()))
    levels = Counter(_level(item) for item in graph.items)
    items: list[Item] = []
    for run in _runs(graph.items, readers):
        first = run[0]
        if len(run) > 1 and levels[_level(first)] == len(run) and shared.isdisjoint(map(id, run)):
            items.append(_call([node for node in run if isinstance(node, Node)]))
        elif isinstance(first, Call) and first.shares is None and id(first) not in shared:
            body = _body(first.body, shared)
            items.append(first if body is first.body else replace(first, body=body))
        else:
            items += run
    same = len(items) == len(graph.items) and all(a is b for a, b in zip(items, graph.items, strict=True))
    return graph if same else replace(graph, items=tuple(items))


def _level(item: Item) -> str:
    return item.name.rpartition(".")[0]


def _runs(items: Sequence[Item], readers: Mapping[int, int]) -> Iterator[list[Item]]:
    """The items, those of one level together that each read the one before."""
    run: list[Item] = []
    for item in items:
        if run and not _continues(run[-1], item, readers):
            yield run
            run = []
        run.append(item)
    if run:
        yield run


def _continues(before: Item, here: Item, readers: Mapping[int, int]) -> bool:
    if not (isinstance(before, Node) and isinstance(here, Node) and _level(here) and _level(here) == _level(before)):
        return False
    value = before.outputs[0]
    chained = list(here.inputs.values()) == [value] and len(before.outputs) == len(here.outputs) == 1
    return chained and readers[id(value)] == 1 and _is_plain(before) and _is_plain(here)


def _is_plain(node: Node) -> bool:
    return not (node.ties or node.shares is not None or node.training or node.hidden) and len(node.inputs) == 1


def _call(run: Sequence[Node]) -> Call:
    (read,) = run[0].inputs.values()
    inner = Value("input", read.type)
    items: list[Node] = []
    value = inner
    for node in run:
        made = replace(node.output)
        (port,) = node.inputs
        items.append(replace(node, name=node.name.rpartition(".")[2], inputs={port: value}, outputs=(made,)))
        value = made
    body = Graph(_CONTAINER, (inner,), tuple(items), {"": value})
    return Call(_level(run[0]), "block", body, (read,), (run[-1].output,), block=_CONTAINER)

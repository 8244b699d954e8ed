"""Calls of one class that change shapes in different words, `flatten` here and `reshape` there, say it alike.

Which words fit depends on the sizes: where a window holds a whole image, dividing it into windows divides nothing.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import replace

from archgraph.graph.types import Call, Graph, Item, Node
from archgraph.importing.rules.shapes import one_left_out
from archgraph.importing.writing.modules.shared_items import shared_items
from archgraph.ops.contract import lookup

_WORDS = frozenset({"reshape", "flatten", "unflatten", "unsqueeze", "squeeze"})


def with_alike_reshapes(graph: Graph) -> Graph:
    """The graph with one operation for each change of a shape, in all calls that are alike but for that."""
    shared = shared_items(graph)
    spoken: dict[Hashable, list[set[str]]] = {}
    for call in _calls(graph, shared):
        words = spoken.setdefault(_outline(call), [set() for _ in call.body.items])
        for found, item in zip(words, call.body.items, strict=True):
            if isinstance(item, Node):
                found.add(item.op.name)
    mixed = {
        outline: frozenset(place for place, found in enumerate(words) if len(found) > 1)
        for outline, words in spoken.items()
    }
    return _written(graph, mixed, shared) if any(mixed.values()) else graph


def _calls(graph: Graph, shared: frozenset[int]) -> Iterator[Call]:
    """The calls whose words may change, at every depth."""
    for item in graph.items:
        if isinstance(item, Call) and item.shares is None and id(item) not in shared:
            yield item
            yield from _calls(item.body, shared)


def _outline(call: Call) -> Hashable:
    """A class and what its items are, in order."""
    return call.block, tuple(map(_kind, call.body.items))


def _kind(item: Item) -> Hashable:
    if isinstance(item, Call):
        return item.block, item.name
    if item.op.name in _WORDS:
        return "reshape"
    return item.op.name, item.name if item.weights else ""


def _written(graph: Graph, mixed: Mapping[Hashable, frozenset[int]], shared: frozenset[int]) -> Graph:
    items: list[Item] = []
    for item in graph.items:
        if isinstance(item, Call) and item.shares is None and id(item) not in shared:
            body, places = _written(item.body, mixed, shared), mixed[_outline(item)]
            inner = tuple(_reshape(one) if place in places else one for place, one in enumerate(body.items))
            item = replace(item, body=replace(body, items=inner))
        items.append(item)
    return replace(graph, items=tuple(items))


def _reshape(item: Item) -> Item:
    """The same change of a shape as `reshape`."""
    assert isinstance(item, Node)
    op = lookup("reshape").model_validate({"shape": one_left_out(item.output.shape)})
    return replace(item, name="reshape", op=op)

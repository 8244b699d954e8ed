"""What some values do not depend on, left out of a body: items, and the outputs and items of groups within it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from archgraph.graph.types import Call, Graph, Item, Value


def needed_items(items: Sequence[Item], outputs: Iterable[Value]) -> list[Item]:
    """The items that values depend on, in order. A block keeps all of its body: it is what its definition says.

    What others apply again stays as it is, too.
    """
    shared = {id(item.shares) for item in _within(items)} - {id(None)}
    needed = {id(value) for value in outputs}
    kept: list[Item] = []
    for item in reversed(items):
        wanted = [value for value in item.outputs if id(value) in needed]
        if not wanted and id(item) not in shared:
            continue
        if isinstance(item, Call) and item.kind != "block" and not _holds_shared(item, shared):
            item = _narrowed(item, wanted)
        kept.append(item)
        needed |= {id(value) for value in _read_by(item)}
    return kept[::-1]


def _within(items: Iterable[Item]) -> Iterator[Item]:
    for item in items:
        yield item
        if isinstance(item, Call):
            yield from _within(item.body.items)


def _holds_shared(call: Call, shared: set[int]) -> bool:
    return id(call) in shared or call.shares is not None or any(id(item) in shared for item in _within(call.body.items))


def _narrowed(call: Call, wanted: Sequence[Value]) -> Call:
    """A group or repetition with some of its outputs, and what they need."""
    outputs = {
        name: inner
        for (name, inner), outer in zip(call.body.outputs.items(), call.outputs, strict=True)
        if any(outer is value for value in wanted)
    }
    items = needed_items(call.body.items, outputs.values())
    read = {id(value) for value in outputs.values()} | {id(value) for item in items for value in _read_by(item)}
    inputs = [(outer, inner) for outer, inner in zip(call.inputs, call.body.inputs, strict=True) if id(inner) in read]
    body: Graph = replace(call.body, inputs=tuple(inner for _, inner in inputs), items=tuple(items), outputs=outputs)
    return replace(call, body=body, inputs=tuple(outer for outer, _ in inputs), outputs=tuple(wanted))


def _read_by(item: Item) -> Iterable[Value]:
    return item.inputs if isinstance(item, Call) else item.inputs.values()

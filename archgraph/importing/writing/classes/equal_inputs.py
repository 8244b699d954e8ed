"""Modules that are handed a list of values: where one is handed the same value twice, a trace has it once only. Such a
call reads it twice again, so that all of them are one class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from archgraph.graph.types import Call, Graph, Item, Value
from archgraph.importing.writing.classes.listed_inputs import list_among
from archgraph.importing.writing.rewriting.handed_out import calls_by_class, does_the_same, with_calls
from archgraph.importing.writing.rewriting.idioms import read_by


def with_equal_inputs(graph: Graph) -> Graph:
    """The graph in which calls that differ from one of their class, with a list of inputs, only by reading fewer values
    read one of them at several places of the list."""
    changed: dict[int, Call] = {}
    for calls in calls_by_class(graph).values():
        most = max(len(call.inputs) for call in calls)
        full = next(call for call in calls if len(call.inputs) == most)
        if most > 1 and len(list_among(full.body.inputs)) == most:
            lean = (call for call in calls if 0 < len(call.inputs) < most and call.scan is None)
            changed.update((id(call), made) for call in lean if (made := _split(call, full)) is not None)
    return with_calls(graph, changed) if changed else graph


def _split(lean: Call, full: Call) -> Call | None:
    """A call with the inputs of another one; None where it does something else."""
    stands_for = _values(lean.body, full.body)
    if stands_for is None:
        return None
    read = [stands_for[id(port)] for port in full.body.inputs]
    ports = [replace(value, name=port.name) for value, port in zip(read, full.body.inputs, strict=True)]
    new = {id(port): made for port, made in zip(full.body.inputs, ports, strict=True)}
    items = [_reading(own, other, new) for own, other in zip(lean.body.items, full.body.items, strict=True)]
    outside = {id(inner): value for inner, value in zip(lean.body.inputs, lean.inputs, strict=True)}
    body = replace(lean.body, inputs=tuple(ports), items=tuple(items))
    return replace(lean, body=body, inputs=tuple(outside[id(value)] for value in read))


def _values(lean: Graph, full: Graph) -> Mapping[int, Value] | None:
    """For each value of a body (by id) the one of another that stands in its place; None where they do not do the same
    step by step, or where the other reads what has no place."""
    if len(lean.items) != len(full.items) or len(lean.outputs) != len(full.outputs):
        return None
    inputs, found = {id(value) for value in lean.inputs}, dict[int, Value]()
    open_ports = {id(value) for value in full.inputs}
    for own, other in zip(lean.items, full.items, strict=True):
        here, there = list(read_by(own)), list(read_by(other))
        for ours, theirs in zip(here, there, strict=False):
            if id(theirs) in open_ports and id(ours) in inputs and ours.type.rank == theirs.type.rank:
                found.setdefault(id(theirs), ours)
        if own.shares is not None or own.name != other.name or not does_the_same(own, other, found):
            return None
        found.update((id(theirs), ours) for ours, theirs in zip(own.outputs, other.outputs, strict=True))
    outputs = zip(lean.outputs.values(), full.outputs.values(), strict=True)
    same = all(found.get(id(theirs)) is ours and id(ours) not in inputs for ours, theirs in outputs)
    given = {id(found[port]) for port in open_ports if port in found}
    return found if same and open_ports <= found.keys() and given == inputs else None


def _reading(own: Item, other: Item, new: Mapping[int, Value]) -> Item:
    """A step that reads the new inputs where the other one reads its own."""
    values: Sequence[Value] = [
        new.get(id(theirs), ours) for ours, theirs in zip(read_by(own), read_by(other), strict=True)
    ]
    if isinstance(own, Call):
        return replace(own, inputs=tuple(values))
    return replace(own, inputs=dict(zip(own.inputs, values, strict=True)))

"""A module's call inside another body: what it reads, what it hands out, and the call that it becomes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from torch import fx

from archgraph.dims import Size
from archgraph.errors import ImportingError
from archgraph.graph.builder import CallSpec
from archgraph.graph.types import Call, Graph, Item, Node, Value, walk
from archgraph.importing.conversion.module_calls import ModuleCall
from archgraph.importing.writing.modules.naming import block_name

if TYPE_CHECKING:
    from archgraph.importing.conversion.body_translation import BodyTranslation


def inner_call(outer: BodyTranslation, call: ModuleCall) -> None:
    """Translates the body of a module's call and places it: anew, or as a call of what was applied before.

    Raises ImportingError for weights that can stand nowhere, and for a later call that came out otherwise.
    """
    body = type(outer)(outer.translation, call, outer, _twin(outer, call))
    outer.inner.append(body)
    body.translate()
    results = _handed_out(body)
    if not results:
        return
    names = [""] if len(results) == 1 else [f"output_{place}" for place in range(len(results))]
    outputs = {name: body.value(node) for name, node in zip(names, results, strict=True)}
    body.builder.keep(outputs.values())
    if body.twin is None:
        body.keep_unread_weights()
    graph = without_unread_inputs(body.builder.finish(outputs, order=body.order()))
    shares = _first_made(body, graph)
    read = [node for node, value in zip(body.read, body.builder.inputs, strict=True) if value in graph.inputs]
    how = CallSpec(
        kind="block",
        block=call.class_name,
        arguments=outer.translation.arguments.get(id(call.module), {}),
        shares=shares,
    )
    inputs = [outer.value(node) for node in read]
    body.made = outer.builder.call(_call_name(outer, body, graph), graph, inputs, as_=how)
    for node, value in zip(results, body.made.outputs, strict=True):
        outer.values[node] = value


def _twin(outer: BodyTranslation, call: ModuleCall) -> BodyTranslation | None:
    """The body of the first call: of this module, or of the one around, at the same place in it."""
    if outer.twin is not None:
        return outer.twin.inner[len(outer.inner)]
    first = outer.translation.alike.get(call, [call])[0]
    return next(body for body in outer.inner if body.call is first) if first is not call else None


def _first_made(body: BodyTranslation, graph: Graph) -> Call | None:
    """The call that is applied once more. Raises ImportingError where the body has another form."""
    if body.twin is None:
        return None
    first = body.twin.made
    if first is None or _form(first.body) != _form(graph):
        raise ImportingError(
            f"the module {body.call.path} is called again, and computes something else then",
            expected=str(_form(first.body)) if first is not None else "",
            received=str(_form(graph)),
        )
    return first.shares or first


def _form(graph: Graph) -> tuple[object, ...]:
    """What two applications of one block have in common: inputs, and what is applied in which order."""
    working = (item for item in graph.items if not item.training)
    items = (item.block if isinstance(item, Call) else item.op.name for item in working)
    return (*(value.name for value in graph.inputs), *items, len(graph.outputs))


def _call_name(outer: BodyTranslation, body: BodyTranslation, graph: Graph) -> str:
    """The module's path below the one around; another name where it was called before or hangs elsewhere.

    Raises ImportingError where the keys of its weights need the path.
    """
    call = body.call
    if outer.twin is not None and body.twin is not None and body.twin.made is not None:
        return body.twin.made.name
    first = outer.translation.calls.setdefault(call.path, call)
    if first is call and call.name:
        return call.name
    if body.twin is None and any(placed.node.weights for placed in walk(graph)):
        raise ImportingError(
            f"the module {call.path} is called {'several times' if call.name else f'by {outer.call.path}'}",
            expected="a call of what owns weights by the module that holds it, once",
        )
    last = call.path.rpartition(".")[2]
    return outer.free_name(block_name(call.class_name) if last.isdigit() else last)


def without_unread_inputs(graph: Graph) -> Graph:
    """The body without inputs that nothing in it reads; one stays whose sizes an operation needs and no other has."""
    read = {id(value) for item in graph.items for value in _read_by(item)} | set(map(id, graph.outputs.values()))
    needed = {name for placed in walk(graph) for name in _sizes_of(placed.node)}
    needed -= {name for value in graph.inputs if id(value) in read for name in _symbols(value.shape)}
    kept = tuple(value for value in graph.inputs if id(value) in read or not needed.isdisjoint(_symbols(value.shape)))
    return graph if len(kept) == len(graph.inputs) else replace(graph, inputs=kept)


def _read_by(item: Item) -> Iterable[Value]:
    return item.inputs if isinstance(item, Call) else item.inputs.values()


def _sizes_of(node: Node) -> Iterator[str]:
    """The symbols in the attributes of an operation."""
    for name in type(node.op).model_fields:
        yield from _symbols(getattr(node.op, name))


def _symbols(value: Any) -> frozenset[str]:
    if isinstance(value, tuple):
        return frozenset(name for part in value for name in _symbols(part))
    return value.symbols if isinstance(value, Size) else frozenset()


def _handed_out(body: BodyTranslation) -> list[fx.Node]:
    """What a call makes and others read, in the order of the program; calls of one module hand out the same."""
    places = {place for call in _calls_alike(body) for place in _read_outside(call)}
    nodes = [node for place, node in enumerate(body.call.operations()) if place in places]
    return [node for node in nodes if isinstance(body.values.get(node), Value)]


def _calls_alike(body: BodyTranslation) -> list[ModuleCall]:
    """All calls that are one module applied several times: this one, and those at its place in repeated calls."""
    steps: list[int] = []
    call = body.call
    while call not in body.translation.alike and call.parent is not None:
        steps.append(_inner_calls(call.parent).index(call))
        call = call.parent
    return [_inside(one, steps) for one in body.translation.alike.get(call, [call])]


def _inner_calls(call: ModuleCall) -> list[ModuleCall]:
    return [entry for entry in call.entries if isinstance(entry, ModuleCall)]


def _inside(call: ModuleCall, steps: Sequence[int]) -> ModuleCall:
    for step in reversed(steps):
        call = _inner_calls(call)[step]
    return call


def _read_outside(call: ModuleCall) -> Iterator[int]:
    """The places of the operations in a call whose results are read elsewhere."""
    inside = set(call.operations())
    for place, node in enumerate(call.operations()):
        if any(reader not in inside for reader in node.users):
            yield place

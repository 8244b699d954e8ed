"""Calls that are equal are read once, and only those."""

from __future__ import annotations

from typing import Any

import pytest

import archgraph as ag
from archgraph.codegen import written
from archgraph.codegen.analysis.equal_calls import EqualCalls, can_be_equal, items
from archgraph.codegen.analysis.module_scopes import read
from archgraph.codegen.analysis.scopes import Scope
from archgraph.graph.types import Call, Graph

UNIT = {"nodes": {"a": {"op": "linear", "out_features": 8}, "b": {"op": "add", "value": 1.0}}}


def network(*units: dict[str, Any]) -> Graph:
    """The units side by side."""
    nodes = {f"u{place}": {"in": "x", **unit} for place, unit in enumerate(units)}
    nodes["sum"] = {"op": "add", "in": list(nodes)}
    return ag.load({"archgraph": 1, "name": "units", "inputs": {"x": ["N", 8]}, "nodes": nodes})


def numbers(graph: Graph) -> list[int]:
    equal = EqualCalls(items(graph))
    return [equal.number(call) for call in graph.items if isinstance(call, Call)]


def changed(**nodes: Any) -> dict[str, Any]:
    return {"nodes": {**UNIT["nodes"], **nodes}}


def test_equal_calls_have_one_number() -> None:
    first, second = numbers(network(UNIT, UNIT))
    assert first == second


@pytest.mark.parametrize(
    "other",
    [
        changed(b={"op": "add", "value": 1}),
        changed(b={"op": "add", "value": 2.0}),
        changed(b={"op": "sub", "value": 1.0}),
        changed(a={"op": "linear", "out_features": 8, "bias": False}),
        changed(b={"op": "add", "in": ["a", "x"]}),
        changed(c={"op": "relu"}),
        {"nodes": {"a": UNIT["nodes"]["a"], "other": UNIT["nodes"]["b"]}},
    ],
    ids=["whole number", "value", "operation", "attribute", "wiring", "length", "name"],
)
def test_what_differs_has_another_number(other: dict[str, Any]) -> None:
    first, second = numbers(network(UNIT, other))
    assert first != second


@pytest.mark.parametrize(("other", "expected"), [(UNIT, True), (changed(c={"op": "relu"}), False)])
def test_what_has_no_like_is_not_compared(other: dict[str, Any], expected: bool) -> None:
    graph = network(UNIT, other)
    equal = EqualCalls(items(graph))
    assert [equal.has_like(call) for call in graph.items if isinstance(call, Call)] == [expected, expected]


def scopes(root: Scope) -> list[Scope]:
    found: dict[int, Scope] = {}
    waiting = [root]
    while waiting:
        scope = waiting.pop()
        found[id(scope)] = scope
        waiting += [step.scope for step in scope.steps if step.scope is not None]
    return list(found.values())


def test_a_network_of_equal_layers_is_read_as_one_of_them() -> None:
    deep, shallow = (ag.load("vit", depth=depth, dim=32, heads=2, image_size=32) for depth in (12, 3))
    assert len(scopes(read(deep))) == len(scopes(read(shallow)))
    places = written(deep).nodes.places
    assert {address for address in places.values() if address.endswith("self_attention")} == {
        f"encoder.layers.encoder_layer_{layer}.self_attention" for layer in range(12)
    }


def test_modules_that_are_applied_again_keep_calls_apart() -> None:
    shared, alike = ag.load("albert", depth=2), network(UNIT, UNIT)
    assert not can_be_equal(shared, items(shared))
    assert can_be_equal(alike, items(alike))

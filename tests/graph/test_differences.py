"""`diff` finds every change, above all those that leave all keys equal."""

from __future__ import annotations

import json

from graph_samples import conv, image_builder, op, tower

from archgraph.graph import Graph
from archgraph.graph.diff import diff


def test_equal_graphs_have_no_difference() -> None:
    found = diff(tower(), tower())
    assert not found
    assert found.text() == ""


def pair(*, swapped: bool = False, order: tuple[str, ...] = (), **second: int) -> Graph:
    builder, image = image_builder()
    a = builder.apply("a", conv(4), image)
    b = builder.apply("b", conv(**({"out_channels": 4} | second)), image)
    read = [b.output, a.output] if swapped else [a.output, b.output]
    return builder.finish({"out": builder.apply("sum", op("add"), read).output}, order=order)


def test_exchanged_operands_are_a_difference_though_all_keys_are_equal() -> None:
    assert diff(pair(), pair(swapped=True)).text().splitlines() == [
        "--- net",
        "+++ net",
        "~ sum: reads input: a → b",
        "~ sum: reads other: b → a",
    ]


def test_attributes_and_weights() -> None:
    changes = [str(change) for change in diff(pair(), pair(kernel_size=5)).changed]
    assert changes == [
        "b: attribute kernel_size: (3, 3) → (5, 5)",
        "b: attribute padding: (1, 1) → (2, 2)",
        "b: weight weight: [4, 3, 3, 3] float32 → [4, 3, 5, 5] float32",
    ]


def test_the_order_of_keys() -> None:
    (change,) = diff(pair(), pair(order=("b",))).changed
    assert str(change) == "order of keys, from place 0: a.weight → b.weight"


def test_a_block_that_only_one_has_is_one_line() -> None:
    found = diff(tower(copies=2), tower(copies=3))
    assert [str(item) for item in found.added] == ["stage.2: residual (4 operations)"]
    assert found.removed == ()
    assert "output features: stage.1.add → stage.2.add" in map(str, found.changed)
    back = diff(tower(copies=3), tower(copies=2))
    assert [str(item) for item in back.removed] == ["stage.2: residual (4 operations)"]


def test_another_operation_and_another_shape() -> None:
    builder, image = image_builder()
    before = builder.finish(builder.apply("x", conv(3), image).output)
    builder, image = image_builder()
    after = builder.finish(builder.apply("x", op("silu"), image).output)
    assert [str(change) for change in diff(before, after).changed] == [
        "x: operation: conv2d → silu",
        "x: weight weight: [3, 3, 3, 3] float32 → nothing",
        "x: weight bias: [3] float32 → nothing",
    ]


def test_as_json() -> None:
    found = json.loads(json.dumps(diff(tower(stride=1), tower(stride=2)).to_json()))
    assert found["removed"] == found["added"] == []
    assert {"path": "stem", "aspect": "attribute", "name": "stride", "before": "(1, 1)", "after": "(2, 2)"} in found[
        "changed"
    ]

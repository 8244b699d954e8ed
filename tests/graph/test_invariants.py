"""Malformed graphs are refused: as the person's error where it can be one, as archgraph's fault otherwise."""

from __future__ import annotations

from dataclasses import replace

import pytest
from graph_samples import FreeTensor, conv, image_builder, op, residual, tower

from archgraph.errors import Mark, WiringError
from archgraph.graph import CallSpec, Graph, InvariantError, Origin, check
from archgraph.ops.contract import TensorType


def test_good_graphs_pass() -> None:
    check(tower(copies=3))


def test_one_body_may_stand_in_two_places() -> None:
    builder, image = image_builder(channels=8)
    body = residual(builder, image)
    first = builder.call("first", body, [image])
    check(builder.finish(builder.call("second", body, [first.output]).output))


def test_the_same_path_twice() -> None:
    builder, image = image_builder()
    first = builder.apply("conv", conv(3), image, origin=Origin("up.conv", Mark("net.yaml", 4, 3, "  conv: x")))
    hidden = Origin("down.conv", Mark("net.yaml", 9, 3, "  conv: y"))
    second = builder.apply("conv", conv(3), first.output, origin=hidden)
    with pytest.raises(WiringError) as caught:
        check(builder.finish(second.output))
    assert str(caught.value).splitlines()[:3] == [
        "net.yaml:9:3: error: down.conv: the path 'conv' is used twice",
        "    9 |   conv: y",
        "          ^",
    ]
    assert "note: first used by up.conv (net.yaml:4:3)" in str(caught.value)


def test_the_same_path_through_a_hidden_level() -> None:
    builder, image = image_builder(channels=8)
    first = builder.apply("conv1", conv(8), image)
    call = builder.call("level", residual(builder, image), [first.output], as_=CallSpec(hidden=True))
    with pytest.raises(WiringError, match="the path 'conv1' is used twice"):
        check(builder.finish(call.output))


def test_work_without_weights_may_have_one_name_on_two_hidden_levels() -> None:
    builder, image = image_builder()
    value = image
    for i in range(2):
        inner = type(builder)("level", builder.facts)
        body = inner.finish(inner.apply("act", op("silu"), inner.input("x", image.shape)).output)
        value = builder.call(f"level.{i}", body, [value], as_=CallSpec(hidden=True)).output
    check(builder.finish(value))


def test_nothing_stands_below_an_operation() -> None:
    builder, image = image_builder()
    first = builder.apply("conv", conv(3), image)
    last = builder.apply("conv.inner", conv(3), first.output)
    with pytest.raises(WiringError, match="'conv' is the operation conv2d, so nothing can stand below it"):
        check(builder.finish(last.output))


def test_a_tensor_with_the_name_of_a_module() -> None:
    builder, image = image_builder()
    last = builder.apply("scale.inner", conv(3), image)
    builder.apply("scale", FreeTensor(size=3))
    with pytest.raises(WiringError, match="the key 'scale' is also the path of a module"):
        check(builder.finish(last.output))


def broken(graph: Graph, *items: int) -> Graph:
    return replace(graph, items=tuple(graph.items[i] for i in items))


def test_values_are_written_before_they_are_read_and_once() -> None:
    with pytest.raises(InvariantError, match=r"stage reads .* before it is written"):
        check(broken(tower(), 1, 0))
    with pytest.raises(InvariantError, match="written twice"):
        check(broken(tower(), 0, 0, 1))


def test_outputs_are_written_somewhere() -> None:
    with pytest.raises(InvariantError, match="the output 'features' is written nowhere"):
        check(broken(tower(), 0))


def test_calls_fit_their_bodies() -> None:
    graph = tower()
    stage = graph.items[1]
    other = replace(stage.body.inputs[0], type=TensorType((1, 2)))
    bad = replace(stage, body=replace(stage.body, inputs=(other,)))
    with pytest.raises(InvariantError, match="stage: the body's types"):
        check(replace(graph, items=(graph.items[0], bad)))

"""Malformed graphs are refused: as the person's error where it can be one, as archgraph's fault otherwise."""

from __future__ import annotations

from dataclasses import replace

import pytest
from graph_samples import FreeTensor, conv, image_builder, op, residual, tower

from archgraph.dims import Cause, symbol
from archgraph.errors import Mark, ShapeError, WiringError
from archgraph.graph import Builder, CallSpec, Graph, InvariantError, Node, Origin, check
from archgraph.graph.simplify import simplified
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


@pytest.mark.parametrize(
    ("shape", "other", "accepted"),
    [
        ([2, 32], [4, 16], True),
        ([2, 32], [-1, 32], False),
        ([-1, 32], [2, 32], False),
        ([-1, 32], [-1, 32], True),
        ([2, 32], [2, 4, 8], False),
    ],
)
def test_what_is_applied_again_keeps_its_form(shape: list[int], other: list[int], accepted: bool) -> None:
    """Sizes may be others, but not which of them follow from the rest, nor how many there are."""
    builder = Builder("net")
    x = builder.input("x", (8, 8))
    first = builder.apply("flat", op("reshape", shape=shape), x)
    if accepted:
        builder.apply("again", op("reshape", shape=other), x, shares=first)
        return
    with pytest.raises(ShapeError, match="its 'shape' would be another"):
        builder.apply("again", op("reshape", shape=other), x, shares=first)


def test_sizes_of_operations_are_rewritten_by_what_is_known() -> None:
    builder = Builder("net")
    size = symbol("H") // 8 * 8
    flat = builder.apply("flat", op("reshape", shape=[size]), builder.input("x", (size,)))
    builder.facts.require_equal(size, symbol("H"), Cause("why"))
    (node,) = simplified(builder.finish(flat.output), builder.facts).items
    assert isinstance(node, Node)
    assert node.op.shape == (symbol("H"),)  # type: ignore[attr-defined]
    assert node.output.shape == (symbol("H"),)


def test_the_same_key_from_different_paths() -> None:
    """The parameter `weight` of a module `fc`, and the weight of a layer `fc`, are one entry of a state dict."""
    builder = Builder("net")
    layer = builder.apply("fc", op("linear", out_features=4), builder.input("x", (2, 8)))
    inner = Builder("fc", builder.facts)
    free = inner.finish(inner.apply("weight", FreeTensor(size=4)).output)
    builder.call("fc", free, [])
    with pytest.raises(WiringError, match=r"the key 'fc\.weight' is used twice"):
        check(builder.finish(layer.output))

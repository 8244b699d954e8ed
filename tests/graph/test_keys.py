"""Keys, their order and their number are those of torch modules with the same structure."""

from __future__ import annotations

import pytest
import torch
from graph_samples import BatchNorm, FreeTensor, conv, image_builder, op, residual, tower
from torch import nn

from archgraph.graph import Builder, CallSpec, Graph, module_tree, parameter_count, weights


def keys(graph: Graph) -> list[str]:
    return [item.key for item in weights(graph)]


def assert_like(graph: Graph, module: nn.Module) -> None:
    state = module.state_dict()
    assert keys(graph) == list(state)
    assert [item.weight.shape for item in weights(graph)] == [tuple(tensor.shape) for tensor in state.values()]
    assert parameter_count(graph) == sum(p.numel() for p in module.parameters())
    trainable = [item.key for item in weights(graph) if item.weight.trainable and not item.tied]
    assert trainable == [name for name, _ in module.named_parameters()]


class Residual(nn.Module):
    def __init__(self, width: int = 8):
        super().__init__()
        self.conv1 = nn.Conv2d(8, width, 3)
        self.conv2 = nn.Conv2d(width, 8, 3)


class Tower(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3)
        self.stage = nn.Sequential(Residual(), Residual())


def test_blocks_and_repeats_are_levels() -> None:
    assert_like(tower(), Tower())


class Owner(nn.Module):
    """Assigns its children first: torch lists own tensors before them all the same."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.norm = nn.BatchNorm2d(8)
        self.register_buffer("grid", torch.zeros(5))
        self.scale = nn.Parameter(torch.zeros(7))
        self.shift = nn.Parameter(torch.zeros(6))


def owner(outer: Builder, *, order: tuple[str, ...] = ()) -> Graph:
    builder = Builder("owner", outer.facts)
    image = builder.input("image", outer._inputs[0].shape)
    features = builder.apply("conv", conv(8), image)
    norm = builder.apply("norm", BatchNorm(), features.output)
    builder.apply("grid", FreeTensor(size=5, trainable=False))
    builder.apply("scale", FreeTensor(size=7))
    builder.apply("shift", FreeTensor(size=6))
    return builder.finish(norm.output, order=order)


def test_own_parameters_then_own_buffers_then_children() -> None:
    builder, image = image_builder()
    call = builder.call("body", owner(builder), [image])
    assert_like(builder.finish(call.output), nn.ModuleDict({"body": Owner()}))


def test_order_puts_children_and_own_parameters_first() -> None:
    builder, image = image_builder()
    call = builder.call("body", owner(builder, order=("norm", "shift")), [image])
    found = keys(builder.finish(call.output))
    assert found[:3] == ["body.shift", "body.scale", "body.grid"]
    assert found[3].startswith("body.norm.")
    assert found[-2:] == ["body.conv.weight", "body.conv.bias"]


def test_children_come_by_first_occurrence_across_hidden_levels() -> None:
    """A U-Net's level: resnets and attentions alternate in the flow, and stand in two lists in the module."""
    builder, image = image_builder(channels=8)
    value = image
    for i in range(2):
        layer = Builder("layer", builder.facts)
        x = layer.input("x", value.shape)
        resnet = layer.call(f"resnets.{i}", residual(builder, x), [x], as_=CallSpec("block"))
        attend = layer.apply(f"attentions.{i}", conv(8, 1), resnet.output)
        value = builder.call(f"layer.{i}", layer.finish(attend.output), [value], as_=CallSpec(hidden=True)).output
    reference = nn.Module()
    reference.resnets = nn.ModuleList([Residual(), Residual()])
    reference.attentions = nn.ModuleList([nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 1)])
    assert_like(builder.finish(value), reference)


def test_order_reaches_through_hidden_levels() -> None:
    builder, image = image_builder(channels=8)
    layer = Builder("layer", builder.facts)
    x = layer.input("x", image.shape)
    first = layer.apply("resnets.0", conv(8), x)
    last = layer.apply("attentions.0", conv(8), first.output)
    call = builder.call("layer", layer.finish(last.output), [image], as_=CallSpec(hidden=True))
    found = keys(builder.finish(call.output, order=("attentions", "resnets")))
    assert [key.partition(".")[0] for key in found] == ["attentions"] * 2 + ["resnets"] * 2


def test_modules_applied_again_give_no_keys() -> None:
    builder, image = image_builder(channels=8)
    first = builder.apply("first", conv(8), image)
    again = builder.apply("again", conv(8), first.output, shares=first)
    block = builder.call("block", residual(builder, again.output), [again.output])
    body = residual(builder, block.output)
    last = builder.call("block_again", body, [block.output], as_=CallSpec(shares=block))
    reference = nn.ModuleDict({"first": nn.Conv2d(8, 8, 3), "block": Residual()})
    assert_like(builder.finish(last.output), reference)


def test_tied_weights_have_both_keys_and_count_once() -> None:
    builder = Builder("tied")
    x = builder.input("x", [2, 4])
    wide = builder.apply("encode", op("linear", out_features=4, bias=False), x)
    tied = builder.apply(
        "decode", op("linear", out_features=4, bias=False), wide.output, ties={"weight": "encode.weight"}
    )
    graph = builder.finish(tied.output)
    reference = nn.ModuleDict({"encode": nn.Linear(4, 4, bias=False), "decode": nn.Linear(4, 4, bias=False)})
    reference["decode"].weight = reference["encode"].weight
    assert_like(graph, reference)
    assert parameter_count(graph) == 16
    assert [item.tied for item in weights(graph)] == ["", "encode.weight"]


@pytest.mark.parametrize("path", ["", "stage", "stage.0", "stage.1.conv2"])
def test_the_module_tree_knows_what_stands_at_each_path(path: str) -> None:
    found = {module.path: module for module in module_tree(tower()).modules()}
    expected = dict(Tower().named_modules())
    assert list(found) == list(expected)
    assert [child.path.rpartition(".")[2] for child in found[path].children.values()] == [
        name for name, _ in expected[path].named_children()
    ]

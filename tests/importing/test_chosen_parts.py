"""Instances of one class that apply another block in the same places are one class whose argument is the block."""

from __future__ import annotations

from typing import Any

import torch
from proved_imports import proved
from torch import Tensor, nn

from archgraph.importing.sources.input_descriptions import InputDescription
from archgraph.importing.writing.classes.chosen_blocks import with_arguments_of_others

IMAGE = {"x": InputDescription(("N", 8, "H", "W"))}


class Plain(nn.Module):
    """A convolution, batch norm, and an activation unless it is left out."""

    def __init__(self, before: int, channels: int, kernel: int = 3, act: bool = True):
        super().__init__()
        self.conv = nn.Conv2d(before, channels, kernel, padding=kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(channels)
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn(self.conv(x))
        return x * x.tanh() if self.act else x


class Separable(nn.Module):
    """A convolution of single pixels and one of single channels."""

    def __init__(self, before: int, channels: int):
        super().__init__()
        self.conv1 = Plain(before, channels, 1, act=False)
        self.conv2 = nn.Conv2d(channels, channels, 5, padding=2, groups=channels)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.conv2(self.conv1(x)))


class Block(nn.Module):
    """Layers one after the other, of which all are joined and reduced."""

    def __init__(self, before: int, channels: int, layer: Any, depth: int = 3):
        super().__init__()
        self.layers = nn.ModuleList(layer(channels if place else before, channels) for place in range(depth))
        self.first = Plain(before + depth * channels, channels, 1)
        self.second = Plain(channels, before, 1)

    def forward(self, x: Tensor) -> Tensor:
        found = [x]
        for layer in self.layers:
            found.append(layer(found[-1]))
        return self.second(self.first(torch.cat(found, 1))) + x


class Net(nn.Module):
    def __init__(self, *layers: Any):
        super().__init__()
        self.blocks = nn.Sequential(*(Block(8, 16 + 4 * place, layer) for place, layer in enumerate(layers)))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.blocks(x)
        return out


def test_the_block_is_an_argument() -> None:
    spec = proved(lambda: Net(Plain, Plain, Separable, Separable), IMAGE).spec
    assert spec["nodes"]["blocks"]["for"]["block"] == ["plain", "plain", "separable", "separable"]
    block = spec["blocks"]["block"]
    assert block["nodes"]["layers"]["op"] == "=block"
    assert set(block["nodes"]["layers"]) <= {"op", "repeat", "out_channels", "channels"}, "only what both blocks take"
    plain = spec["blocks"]["plain"]["params"]
    assert (plain["kernel"], plain["act"]) == (3, True), "what the others do not take is a default"
    assert plain.keys() - {"kernel", "act"} == spec["blocks"]["separable"]["params"].keys()


def wide(before: int, channels: int) -> Plain:
    return Plain(before, channels, 5)


def test_what_one_of_the_blocks_lacks_must_not_vary() -> None:
    spec = proved(lambda: Net(Plain, wide, Separable, Separable), IMAGE).spec
    assert not any(str(node.get("op")) == "=block" for block in spec["blocks"].values() for node in nodes_of(block))


def mixed(before: int, channels: int) -> nn.Module:
    return Plain(before, channels) if before == 8 else Separable(before, channels)


def test_an_instance_with_both_blocks_is_another_class() -> None:
    spec = proved(lambda: Net(Plain, mixed, Separable, Separable), IMAGE).spec
    assert not any(str(node.get("op")) == "=block" for block in spec["blocks"].values() for node in nodes_of(block))


class Residual(nn.Module):
    """Adds what it is made of: another thing each time."""

    def __init__(self, fn: nn.Module):
        super().__init__()
        self.fn = fn

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fn(x) + x
        return out


def test_little_around_the_blocks_is_no_class_of_its_own() -> None:
    def net() -> nn.Module:
        made = (Residual(Plain(8, 8)), Residual(Separable(8, 8)), Residual(Plain(8, 8)), Residual(Separable(8, 8)))
        return nn.Sequential(*made)

    spec = proved(net, {"input": IMAGE["x"]}).spec
    assert not any(str(node.get("op")) == "=block" for block in spec["blocks"].values() for node in nodes_of(block))


def nodes_of(block: dict[str, Any]) -> list[dict[str, Any]]:
    return [node for node in block["nodes"].values() if isinstance(node, dict)]


def test_blocks_that_an_expression_chooses_take_all_arguments() -> None:
    plain = {"inputs": {"x": ["N", "C"]}, "nodes": {"relu": "relu"}}
    wide = {"params": {"dim": "int"}, **plain}
    for nodes in (
        {"stage": {"op": "=block if first else other", "repeat": 2, "dim": 8}},
        {"stage": {"op": "=op2", "for": {"op2": "=blocks"}, "dim": 8}},
        {"stage": {"for": {"op2": "=blocks"}, "nodes": {"inner": {"op": "=op2", "dim": 8}}}},
    ):
        spec: dict[str, Any] = {
            "params": {"block": "wide", "other": "wide", "blocks": ["wide", "wide"]},
            "presets": {"a": {}, "b": {"other": "narrow", "blocks": ["wide", "narrow"]}},
            "nodes": nodes,
            "blocks": {"wide": wide, "narrow": plain, "apart": plain},
        }
        with_arguments_of_others(spec)
        assert spec["blocks"]["narrow"]["params"] == {"dim": "int?"}
        assert "params" not in spec["blocks"]["apart"]

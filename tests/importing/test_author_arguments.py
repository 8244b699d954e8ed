"""Drafts say what the author's constructor says: ratios, conditions, one argument where another follows from it."""

from __future__ import annotations

from functools import partial
from typing import Any

import references
import torch
from torch import Tensor, nn
from torch.nn import functional

from archgraph.importing.api import import_module
from archgraph.importing.sources.input_descriptions import InputDescription

IMAGE = {"x": InputDescription(("N", 8, "H", "W"))}


class Unit(nn.Module):
    """An inverted residual: a ratio of the input's channels, a sum where neither size nor channels change."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, expand: int) -> None:
        super().__init__()
        hidden = in_channels * expand
        self.widen = nn.Conv2d(in_channels, hidden, 1)
        self.filter = nn.Conv2d(hidden, hidden, 3, stride, 1, groups=hidden)
        self.narrow = nn.Conv2d(hidden, out_channels, 1)
        self.adds = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        y = self.narrow(self.filter(functional.relu(self.widen(x))))
        return y + x if self.adds else y


class Fire(nn.Module):
    """One argument that is four times the other one."""

    def __init__(self, squeeze: int, expand: int, channels: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(channels, squeeze, 1), nn.Conv2d(squeeze, expand, 1)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.second(self.first(x)))


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        sizes = [(8, 8, 1, 6), (8, 12, 2, 6), (12, 12, 1, 3), (12, 16, 1, 6), (16, 16, 2, 3)]
        self.units = nn.ModuleList(Unit(*size) for size in sizes)
        self.fires = nn.ModuleList(Fire(*size) for size in ((2, 8, 16), (3, 12, 8), (4, 16, 12)))

    def forward(self, x: Tensor) -> Tensor:
        for unit in self.units:
            x = unit(x)
        for fire in self.fires:
            x = fire(x) * 2.0
        return x


def test_numbers_and_conditions_are_the_authors() -> None:
    blocks = import_module(Network, IMAGE).spec["blocks"]
    unit = blocks["unit"]
    assert set(unit["params"]) == {"out_channels", "stride", "expand"}
    assert unit["nodes"]["widen"]["out_channels"] == "=C * expand"
    assert unit["nodes"]["add"] == {"op": "add", "in": ["narrow", "x"], "when": "=stride == 1 and C == out_channels"}
    assert blocks["fire"]["params"] == {"squeeze": "int"}
    assert blocks["fire"]["nodes"]["second"]["out_channels"] == "=squeeze * 4"


def shuffled(x: Tensor, groups: int) -> Tensor:
    n, c, h, w = x.shape
    return x.view(n, groups, c // groups, h, w).transpose(1, 2).contiguous().view(n, c, h, w)


class Shuffle(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return shuffled(x.relu(), 4).sigmoid()


def test_reshapes_around_an_exchange_of_channels_are_a_shuffle() -> None:
    nodes = import_module(Shuffle, IMAGE).spec["nodes"]
    assert nodes == {
        "relu": "relu",
        "channel_shuffle": {"op": "channel_shuffle", "groups": 4},
        "sigmoid": "sigmoid",
    }


def mobile() -> nn.Module:
    """Units of MobileNetV3 with and without squeeze and excitation, of a ratio and of any number of channels."""
    v3: Any = references.torchvision().models.mobilenetv3
    config, norm = partial(v3.InvertedResidualConfig, width_mult=1.0), partial(nn.BatchNorm2d, eps=0.001)
    rows = [(16, 3, 32, 16, False, "RE", 1, 1), (16, 5, 24, 16, True, "RE", 1, 1), (16, 3, 40, 24, True, "HS", 2, 1)]
    return nn.Sequential(*(v3.InvertedResidual(config(*row), norm) for row in rows))


def test_units_that_differ_in_their_parts_say_it_by_the_same_parameters() -> None:
    with torch.device("meta"):
        spec = import_module(mobile, {"input": InputDescription(("N", 16, "H", "W"))}, verify=False).spec
    assert "blocks" not in spec
    nodes = list(spec["nodes"].values())
    found = [node if "for" not in node else {**node, **node["for"]} for node in nodes]
    assert all(node["op"] == "mbconv" for node in found)
    assert {*found[0]} >= {"hidden", "squeeze_channels"}
    assert not any("expand_ratio" in node for node in found)


class Levels(nn.Module):
    """Attention over the places of an image that was halved, doubled again and held against the whole one."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.out = nn.Conv2d(8, 8, 3, 2, 1), nn.Conv2d(16, 8, 1)
        self.proj = nn.ModuleList(nn.Linear(8, 8) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        y = functional.interpolate(self.down(x), scale_factor=2.0)
        x = self.out(torch.cat([y, x], 1))
        tokens = x.flatten(2).transpose(1, 2)
        q, k, v = (proj(tokens).reshape(x.shape[0], -1, 2, 4).transpose(1, 2) for proj in self.proj)
        mixed = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return y.flatten(2).transpose(1, 2) + mixed


def test_sizes_that_turn_out_equal_are_equal() -> None:
    made = import_module(Levels, IMAGE)
    (rule, *_) = made.graph.constraints
    assert (rule.symbol, rule.modulus) == ("H", 2)
    assert {"op": "scaled_dot_product_attention", "num_heads": 2} in [
        {name: value for name, value in node.items() if name != "in"}
        for node in made.spec["nodes"].values()
        if isinstance(node, dict)
    ]


class Stage(nn.Module):
    """Units in a row, each with a rate of its own, as many as there are rates."""

    def __init__(self, channels: int, rates: list[float]) -> None:
        super().__init__()
        self.units = nn.Sequential(*(nn.Sequential(nn.Conv2d(channels, channels, 3), Dropped(rate)) for rate in rates))

    def forward(self, x: Tensor) -> Tensor:
        return self.units(x).sigmoid()


class Dropped(nn.Module):
    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate, self.norm = rate, nn.BatchNorm2d(8)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(functional.dropout(self.norm(x), self.rate, self.training))


class Stages(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = Stage(8, [0.1, 0.2, 0.3, 0.4, 0.6]), Stage(8, [0.5, 0.7])

    def forward(self, x: Tensor) -> Tensor:
        return self.two(self.one(x).tanh())


def test_stages_of_several_lengths_are_one_block_with_a_list() -> None:
    spec = import_module(Stages, {"x": InputDescription(("N", 8, 32, 40))}).spec
    first, second = spec["nodes"]["one"], spec["nodes"]["two"]
    assert first["op"] == second["op"] == "stage"
    (name,) = {*first} - {"op"}
    assert (first[name], second[name]) == ([0.1, 0.2, 0.3, 0.4, 0.6], [0.5, 0.7])
    assert list(spec["blocks"]["stage"]["params"]) == [name]


class Up(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(16, 8, 1)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return self.conv(torch.cat([functional.interpolate(x, scale_factor=2.0), skip], 1)).relu()


class Pyramid(nn.Module):
    """Levels in a row whose results the way back reads."""

    def __init__(self) -> None:
        super().__init__()
        down = [nn.Sequential(nn.Conv2d(8, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU()) for _ in range(3)]
        self.down, self.up = nn.ModuleList(down), nn.ModuleList(Up() for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        levels = []
        for down in self.down:
            x = down(x)
            levels.append(x)
        return self.up[1](self.up[0](levels[2], levels[1]), levels[0])


def test_copies_are_read_by_their_numbers() -> None:
    nodes = import_module(Pyramid, IMAGE).spec["nodes"]
    assert nodes["down"] == {"op": "conv_norm_activation", "repeat": 3, "out_channels": 8, "stride": 2, "bias": True}
    assert nodes["up"] == {"op": "up", "in": ["down", "down.{1 - i}"], "repeat": 2}

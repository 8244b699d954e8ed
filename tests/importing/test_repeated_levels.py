"""Levels of a U-Net in a row: chains whose skips others read, layers of which some levels lack the attention, skips
that are handed over one by one, and rows of plain layers."""

from __future__ import annotations

from itertools import pairwise

import torch
from proved_imports import proved
from torch import Tensor, nn
from u_net_layers import Gate, Unit

from archgraph.importing.sources.input_descriptions import InputDescription

IMAGE = {"x": InputDescription(("N", 8, "H", "W"))}
WIDTHS = (8, 16, 16)


class Down(nn.Module):
    """Hands out what its unit makes, and half of it."""

    def __init__(self, before: int, channels: int) -> None:
        super().__init__()
        self.unit = Unit(before, channels)
        self.down = nn.Conv2d(channels, channels, 2, 2)

    def forward(self, x: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        skip = self.unit(x, scale)
        return self.down(skip), skip


class Up(nn.Module):
    """Takes what it adds one by one. Its keys begin with the gates, which some of them lack."""

    def __init__(self, before: int, channels: int, gated: bool) -> None:
        super().__init__()
        self.gates = nn.ModuleList(Gate(channels) for _ in range(3)) if gated else None
        self.units = nn.ModuleList(Unit(before if not at else channels, channels) for at in range(3))

    def forward(self, x: Tensor, scale: Tensor, skip: Tensor, skip2: Tensor, skip3: Tensor) -> Tensor:
        for at, one in enumerate((skip, skip2, skip3)):
            x = self.units[at](x * one, scale)
            if self.gates is not None:
                x = self.gates[at](x)
        return x


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList(Down(*pair) for pair in pairwise((8, *WIDTHS)))
        self.up = nn.ModuleList([Up(16, 16, False), Up(16, 16, True), Up(16, 8, False)])

    def forward(self, x: Tensor) -> Tensor:
        scale = x.mean((1, 2, 3), keepdim=True)
        skips = []
        for down in self.down:
            x, skip = down(x, scale)
            skips.append(skip)
        means = [skip.mean((1, 2, 3), keepdim=True) for skip in skips]
        for up in self.up:
            x = up(x, scale, *means)
        return x


def test_chains_are_copies_whose_other_values_are_read_by_number() -> None:
    spec = proved(UNet, IMAGE).spec
    down = spec["nodes"]["down"]
    assert down == {
        "op": "down",
        "in": ["x", "mean"],
        "repeat": 3,
        "channels": "=8 if first else 16",
        "chain": ["x"],
    }
    means = [node["in"] for name, node in spec["nodes"].items() if name.startswith("mean") and name != "mean"]
    assert means == ["down.0.unit", "down.1.unit", "down.unit"]


def test_members_of_a_group_may_be_lacking() -> None:
    spec = proved(UNet, IMAGE).spec
    up = spec["blocks"]["up"]
    assert up["params"] == {"channels": "int", "gated": False}
    assert up["inputs"]["skips"] == {"each": 3, "shape": ["N", 1, 1, 1]}
    assert up["order"] == ["gates"]
    assert up["nodes"] == {
        "layer": {
            "repeat": 3,
            "path": ".",
            "nodes": {
                "mul": {"op": "mul", "in": ["prev", "skips.{i}"]},
                "unit": {"op": "unit", "in": ["mul", "scale"], "channels": "=channels", "path": "units.{i}"},
                "gate": {"op": "gate", "when": "=gated", "path": "gates.{i}"},
            },
        }
    }


class Embedding(nn.Module):
    """Convolutions of a list, with an activation behind each, as ControlNet brings its picture to the latent size."""

    def __init__(self) -> None:
        super().__init__()
        widths = (8, 8, 16, 16, 24)
        self.blocks = nn.ModuleList(nn.Conv2d(*pair, 3, 1 + at % 2, 1) for at, pair in enumerate(pairwise(widths)))
        self.out = nn.Conv2d(24, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = nn.functional.silu(block(x))
        out: Tensor = self.out(x)
        return out


def test_plain_layers_of_a_list_walk_lists() -> None:
    nodes = proved(Embedding, IMAGE).spec["nodes"]
    assert list(nodes) == ["blocks", "out"]
    assert nodes["blocks"] == {
        "for": {"out_channels": [8, 16, 16, 24], "stride": [1, 2, 1, 2]},
        "path": ".",
        "nodes": {
            "conv2d": {
                "op": "conv2d",
                "out_channels": "=out_channels",
                "kernel_size": 3,
                "stride": "=stride",
                "padding": 1,
                "path": "blocks.{i}",
            },
            "activation": "silu",
        },
    }


class Heads(nn.Module):
    """Layers side by side, of which each reads the same, and layers one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.rates = nn.ModuleList(nn.Conv2d(8, 4, 3, padding=rate, dilation=rate) for rate in (1, 2, 3, 4))
        self.mix = nn.Sequential(*(nn.Conv2d(16, 16, 1, groups=groups) for groups in (1, 2, 4, 8)))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.mix(torch.cat([rate(x) for rate in self.rates], 1))
        return out


def test_rows_of_plain_layers_are_one_line() -> None:
    nodes = proved(Heads, IMAGE).spec["nodes"]
    assert nodes == {
        "rates": {
            "op": "conv2d",
            "for": {"padding": [1, 2, 3, 4], "dilation": [1, 2, 3, 4]},
            "map": True,
            "out_channels": 4,
            "kernel_size": 3,
            "padding": "=padding",
            "dilation": "=dilation",
        },
        "concat": {"op": "concat", "in": "rates"},
        "mix": {
            "op": "conv2d",
            "for": {"groups": [1, 2, 4, 8]},
            "out_channels": 16,
            "kernel_size": 1,
            "groups": "=groups",
        },
    }


class Apart(UNet):
    """Levels without gates that scale what they make: they are a class of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.ModuleList([Up(16, 16, True), Scaled(16, 16, False), Scaled(16, 16, False)])


class Scaled(Up):
    def forward(self, x: Tensor, scale: Tensor, skip: Tensor, skip2: Tensor, skip3: Tensor) -> Tensor:
        return super().forward(x, scale, skip, skip2, skip3).tanh() * scale.sigmoid() + skip.sigmoid()


Scaled.__name__ = Scaled.__qualname__ = "Up"


def test_a_class_has_no_members_that_it_never_has() -> None:
    blocks = proved(Apart, IMAGE).spec["blocks"]
    bodies = [block["nodes"] for name, block in blocks.items() if name.startswith("up")]
    gates = ["gate" in str(nodes) for nodes in bodies]
    assert sorted(gates) == [False, True]
    assert all("when" not in str(nodes) for nodes in bodies)

"""Blocks over places in a row that need the height or width of their image: both are handed to them as arguments."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

import archgraph as ag
from archgraph.importing.api import Imported, import_module


class DepthwiseMlp(nn.Module):
    """Wang et al. 2022, PVT v2: a feed-forward network with a convolution over the image of its tokens."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.dwconv = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        image = self.fc1(x).transpose(1, 2).unflatten(2, size)
        return self.fc2(self.dwconv(image).flatten(2).transpose(1, 2))


class Block(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.norm, self.mlp = nn.LayerNorm(width), DepthwiseMlp(width, hidden)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        return x + self.mlp(self.norm(x), size)


class Stage(nn.Module):
    def __init__(self, channels: int, width: int, depth: int, hidden: int) -> None:
        super().__init__()
        self.patch = nn.Conv2d(channels, width, 2, 2)
        self.blocks = nn.ModuleList(Block(width, hidden) for _ in range(depth))

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch(x)
        size = (x.shape[2], x.shape[3])
        tokens = x.flatten(2).transpose(1, 2)
        for block in self.blocks:
            tokens = block(tokens, size)
        return tokens.transpose(1, 2).unflatten(2, size)


def imported(module: nn.Module, read: str = "x") -> Imported:
    """The module, proved equal where the sizes of its image are free."""
    return import_module(module, {read: torch.zeros(2, 3, 16, 24)}, dynamic={read: {0: "N", 2: "H", 3: "W"}})


def block(found: Imported, name: str) -> dict[str, Any]:
    return dict(found.spec["blocks"][name])


def test_blocks_that_need_the_width_of_their_image_are_copies() -> None:
    found = imported(Stage(3, 8, 3, 16))
    assert found.parity is not None
    assert len(found.parity.sizes) > 1
    copies = found.spec["nodes"]["blocks"]
    assert copies["op"] == "block"
    assert copies["repeat"] == 3
    handed = {name: value for name, value in copies.items() if name in ("height", "width")}
    assert handed.items() <= {"height": "=H // 2", "width": "=W // 2"}.items()
    assert block(found, "block")["params"] == {name: {"type": "any"} for name in handed}


def test_the_sizes_of_each_stage_are_handed_to_one_class() -> None:
    found = imported(nn.Sequential(Stage(3, 8, 2, 16), Stage(8, 12, 2, 16)), "input")
    (handed,) = (name for name, kind in block(found, "block")["params"].items() if kind == {"type": "any"})
    assert f"={handed}" in str(block(found, "block")["nodes"])
    (copies,) = (node for node in block(found, "stage")["nodes"].values() if node.get("op") == "block")
    assert copies["repeat"] == 2
    assert handed in copies
    module = ag.to_torch(found.graph)
    assert module(torch.zeros(1, 3, 8, 20)).shape == (1, 12, 2, 5)


def test_a_module_that_is_applied_again_is_handed_nothing() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patch, self.block = nn.Conv2d(3, 8, 2, 2), Block(8, 16)

        def forward(self, x: Tensor) -> Tensor:
            x = self.patch(x)
            size = (x.shape[2], x.shape[3])
            tokens = x.flatten(2).transpose(1, 2)
            return self.block(self.block(tokens, size), size)

    found = imported(Twice())
    assert found.parity is not None
    assert "any" not in str(found.spec)

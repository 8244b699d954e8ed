"""Networks that are made for images of one size: the size is a parameter where all numbers follow from it."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

import archgraph as ag
from archgraph.graph.types import Graph

IMAGE = {"x": torch.zeros(2, 3, 32, 32)}


class Mixing(nn.Module):
    """Attention among all places of a grid."""

    def __init__(self, dim: int, num_heads: int):
        super().__init__()
        self.num_heads = num_heads
        self.scale = (dim // num_heads) ** -0.5
        self.norm = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, dim * 3, bias=False)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        count, height, width, dim = x.shape
        qkv = self.qkv(self.norm(x)).reshape(count, height * width, 3, self.num_heads, dim // self.num_heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        weights = (q @ k.transpose(-2, -1) * self.scale).softmax(dim=-1)
        mixed = (weights + weights.transpose(-2, -1)) @ v
        return x + self.proj(mixed.transpose(1, 2).reshape(count, height, width, dim))


class Patches(nn.Module):
    """Patches with positions, mixed, for images of one size."""

    def __init__(self, dim: int, num_heads: int, img_size: int = 32, patch_size: int = 8, tokens: int = 0):
        super().__init__()
        self.side = img_size // patch_size
        self.proj = nn.Conv2d(3, dim, patch_size, stride=patch_size)
        self.pos_embed = nn.Parameter(torch.randn(1, self.side**2, dim))
        self.blocks = nn.Sequential(*[Mixing(dim, num_heads) for _ in range(2)])
        self.head = nn.Linear(self.side**2, 10 + tokens)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        positions = self.pos_embed.reshape(1, self.side, self.side, -1)
        x = self.blocks(self.proj(x).permute(0, 2, 3, 1) + positions)
        return self.head(x.mean(3).reshape(-1, self.side**2))


def small(img_size: int = 32) -> nn.Module:
    return Patches(16, 2, img_size)


def large(img_size: int = 32) -> nn.Module:
    return Patches(24, 4, img_size)


@pytest.fixture(scope="module")
def family() -> dict[str, Graph]:
    with pytest.warns(UserWarning, match="sizes are fixed"):
        return ag.from_torch({"small": small, "large": large}, IMAGE, name="patches")


def test_the_size_of_images_is_a_parameter(family: dict[str, Graph]) -> None:
    spec = family["small"].info.written
    assert spec["params"]["img_size"] == 32
    assert spec["inputs"] == {"x": ["N", 3, "=img_size", "=img_size"]}
    assert spec["let"] == {"side": "=img_size // patch_size"}
    assert spec["nodes"]["pos_embed"]["shape"] == [1, "=side ** 2", "=dim"]
    positions = next(node for node in _all_nodes(spec["nodes"]) if node.get("op") == "unflatten")
    assert positions["sizes"] == ["=side", "=side"]
    assert spec["presets"] == {"small": {}, "large": {"dim": 24, "num_heads": 4}}


def test_numbers_of_blocks_are_sizes_of_what_they_read(family: dict[str, Graph]) -> None:
    block = family["small"].info.written["blocks"]["mixing"]
    assert block["inputs"] == {"x": ["N", "H", "W", "C"]}
    assert block["params"] == {"num_heads": "int"}
    nodes = {node.get("op", ""): node for node in _all_nodes(block["nodes"])}
    assert nodes["mul"]["value"] == "=(C // num_heads) ** -0.5"
    shapes = [node["shape"] for node in _all_nodes(block["nodes"]) if node.get("op") == "reshape"]
    assert shapes == [[-1, "=H * W", 3, "=num_heads", "=C // num_heads"], [-1, "=H", "=W", "=C"]]


@pytest.mark.parametrize("side", [32, 48, 64])
def test_another_size_is_the_network_made_for_it(family: dict[str, Graph], side: int) -> None:
    graph = ag.load(family["large"].info.written, "large", img_size=side)
    made, module = ag.to_torch(graph).eval(), large(side).eval()
    made.load_state_dict(module.state_dict())
    image = torch.randn(2, 3, side, side)
    torch.testing.assert_close(made(image), module(image))


class Counted(Patches):
    """Patches whose head has as many outputs more as nothing says, in images of one size."""

    def __init__(self, dim: int, num_heads: int, img_size: int = 32):
        super().__init__(dim, num_heads, img_size, tokens=img_size * 7 % 11)


def counted(dim: int, img_size: int = 32) -> nn.Module:
    return Counted(dim, 2, img_size)


def test_a_number_that_does_not_follow_leaves_the_size_fixed() -> None:
    members: dict[str, Any] = {"small": partial(counted, 16), "large": partial(counted, 24)}
    with pytest.warns(UserWarning, match="sizes are fixed"):
        spec = ag.from_torch(members, IMAGE, name="counted", verify=False)["small"].info.written
    assert spec["inputs"] == {"x": ["N", 3, 32, 32]}
    assert "img_size" not in spec["params"]


def _all_nodes(nodes: dict[str, Any]) -> Any:
    for node in nodes.values():
        if isinstance(node, dict):
            yield node
            yield from _all_nodes(node.get("nodes", {}))

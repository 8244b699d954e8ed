"""A function that a forward calls several times is a block, also where it hands out several values."""

from __future__ import annotations

import torch
from torch import nn

import archgraph as ag


def waves(positions: torch.Tensor, dim: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines and sines of positions in waves of falling frequencies."""
    frequencies = 1.0 / 100.0 ** (torch.arange(0, dim, 2, dtype=torch.float32) / dim)
    angles = torch.outer(positions, frequencies)
    return angles.cos().repeat_interleave(2, dim=1), angles.sin().repeat_interleave(2, dim=1)


class Rotated(nn.Module):
    """Tokens that are rotated by each of their coordinates in the channels that these have."""

    def __init__(self, axes: tuple[int, ...]):
        super().__init__()
        self.axes = axes
        self.proj = nn.Linear(sum(axes), sum(axes))

    def forward(self, x: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        found = [waves(ids[:, axis], dim) for axis, dim in enumerate(self.axes)]
        cos, sin = (torch.cat(parts, dim=1) for parts in zip(*found, strict=True))
        return self.proj(x) * cos + x.flip(-1) * sin


def test_a_function_with_two_results_is_one_block() -> None:
    spec = ag.from_torch(Rotated((4, 4, 8)), {"x": "N,L,16", "ids": "L,3"}).info.written
    calls = [node for node in spec["nodes"].values() if isinstance(node, dict) and node["op"] == "waves"]
    assert calls == [
        {"op": "waves", "in": "ids", "index": 0},
        {"op": "waves", "in": "ids", "index": 1},
        {"op": "waves", "in": "ids", "index": 2, "end": 8, "value": 8},
    ]
    assert set(spec["blocks"]["waves"]["outputs"]) == {"cos", "sin"}
    concat = next(node for node in spec["nodes"].values() if isinstance(node, dict) and node["op"] == "concat")
    assert concat["in"] == ["waves.cos", "waves2.cos", "waves3.cos"]


def squared(x: torch.Tensor) -> torch.Tensor:
    """A function of a half and of the other."""
    low, high = x.exp().neg().chunk(2, dim=-1)
    return (low + 1) * (high + 1).tanh()


class Squared(nn.Module):
    """Stages of a layer and a function."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 8) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = squared(layer(x))
        return x


def test_a_function_in_a_group_with_copies_has_a_path_of_its_own() -> None:
    spec = ag.from_torch(Squared(), {"x": "N,4"}).info.written
    (group,) = spec["nodes"].values()
    (block,) = spec["blocks"]
    assert (group["repeat"], group["nodes"][block]) == (3, {"op": block, "path": f"{block}_{{i}}"})


class Attending(nn.Module):
    """Layers whose attention is a method, which reads the norm of what stands before it."""

    def __init__(self) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(8) for _ in range(2))
        self.first, self.second = nn.Linear(8, 24), nn.Linear(8, 24)

    def attend(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = x.chunk(3, dim=-1)
        weights = (q @ k.transpose(1, 2) / 8**0.5).softmax(-1)
        return weights @ v

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attend(self.first(self.norms[0](x)))
        return x + self.attend(self.second(self.norms[1](x)))


def test_the_block_of_a_method_has_its_name() -> None:
    spec = ag.from_torch(Attending(), {"x": "N,L,8"}).info.written
    assert [*spec["blocks"]] == ["attend"]
    assert [node["op"] for node in spec["nodes"].values() if isinstance(node, dict)].count("attend") == 2 or (
        [*spec["nodes"].values()].count("attend") == 2
    )

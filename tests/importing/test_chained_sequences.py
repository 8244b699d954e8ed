"""Sequences of alike sequences, of which some in a list are longer than others, are one block."""

from __future__ import annotations

from typing import Any

import torch
from proved_imports import proved
from torch import Tensor, nn

from archgraph.importing.sources.input_descriptions import InputDescription

IMAGE = {"x": InputDescription(("N", 8, "H", "W"))}


def halved(before: int, after: int, ends: bool) -> nn.Sequential:
    """A convolution that halves the image, with its norm and, unless it `ends` a chain, an activation."""
    layers = [nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after)]
    return nn.Sequential(*layers, *([] if ends else [nn.ReLU()]))


class Fused(nn.Module):
    """Branches of halved sizes, brought to the size of the smallest and added, as those of HRNet."""

    def __init__(self, lengths: tuple[int, ...] = (3, 2, 1), out: int = 12) -> None:
        super().__init__()
        self.first = halved(8, 8, True)
        self.second = halved(8, 8, True)
        self.fuse = nn.ModuleList(
            nn.Sequential(
                *(halved(8, out if place == length - 1 else 8, place == length - 1) for place in range(length))
            )
            for length in lengths
        )

    def forward(self, x: Tensor) -> Tensor:
        half = self.first(x)
        branches = [x, half, self.second(half)]
        made = [fuse(branch) for fuse, branch in zip(self.fuse, branches, strict=True)]
        return torch.relu(made[0] + made[1] + made[2])


def written(module: type[nn.Module]) -> dict[str, Any]:
    return dict(proved(module, IMAGE).spec)


def depths(spec: dict[str, Any]) -> list[int | None]:
    """How many sequences each entry of the list is told to have."""
    return [node.get("depth") for node in spec["nodes"]["fuse"]["nodes"].values()]


def test_chains_of_other_lengths_are_one_block() -> None:
    spec = written(Fused)
    assert depths(spec) == [3, 2, 1]
    (chain,) = (block["nodes"]["conv_norm_activation"] for block in spec["blocks"].values())
    assert chain == {
        "op": "conv_norm_activation",
        "repeat": "=depth",
        "out_channels": "=12 if last else 8",
        "stride": 2,
        "activation": "=null if last else 'relu'",
        "path": "{i}",
    }


class Other(Fused):
    """The second of three lacks its activation, too: no chain ends so."""

    def __init__(self) -> None:
        super().__init__()
        self.fuse[0][1] = halved(8, 8, True)


def test_a_chain_of_other_sequences_stays_apart() -> None:
    spec = written(Other)
    assert depths(spec) == [None, 2, 1]
    assert spec["nodes"]["fuse"]["nodes"]["0"]["op"] == "conv_norm_activation"


class Exchanged(nn.Module):
    """Branches that are added, each through a layer of its own, twice."""

    def __init__(self) -> None:
        super().__init__()
        self.stems = nn.ModuleList(nn.Conv2d(8, 8, 3, padding=1) for _ in range(3))
        self.fuse = nn.ModuleList(
            nn.ModuleList([nn.Conv2d(8, 4, 3, padding=1), nn.Conv2d(8, 4, 3, padding=1), nn.ConvTranspose2d(8, 4, 1)])
            for _ in range(2)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        branches = [stem(x) for stem in self.stems]
        return tuple(
            torch.relu(fuse[0](branches[0]) + fuse[1](branches[1]) + fuse[2](branches[2])) for fuse in self.fuse
        )


def test_levels_that_hand_out_all_they_make_are_no_groups() -> None:
    nodes = written(Exchanged)["nodes"]
    assert not [name for name, node in nodes.items() if isinstance(node, dict) and "nodes" in node]
    paths = [node.get("path", "") for node in nodes.values() if isinstance(node, dict)]
    assert [one for one in paths if one.startswith("fuse")] == ["fuse.0.{i}", "fuse.0.2", "fuse.1.{i}", "fuse.1.2"]

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

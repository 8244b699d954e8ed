"""Flat lists of layers whose places depend on how many came before are written in sections, alone and in families."""

from __future__ import annotations

import torch
from torch import nn

import archgraph as ag

SIZES = {"x": "N,3,H,W"}


def layers(config: list[int], norm: bool = False) -> list[nn.Module]:
    """Convolutions of these channels, and a pool for each 0."""
    found: list[nn.Module] = []
    channels = 3
    for out in config:
        if not out:
            found.append(nn.MaxPool2d(2))
            continue
        found.append(nn.Conv2d(channels, out, 3, padding=1))
        found += [nn.BatchNorm2d(out)] if norm else []
        found.append(nn.ReLU())
        channels = out
    return found


class Plain(nn.Module):
    """A list of convolutions and pools, then a linear layer."""

    def __init__(self, config: list[int], norm: bool = False):
        super().__init__()
        self.features = nn.Sequential(*layers(config, norm))
        self.fc = nn.Linear(config[-2], 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.features(x).mean((2, 3)))


def small() -> nn.Module:
    return Plain([8, 0, 12, 12, 0, 16, 16, 0])


def large() -> nn.Module:
    return Plain([8, 8, 0, 12, 12, 12, 0, 16, 16, 0])


def normed() -> nn.Module:
    return Plain([8, 0, 12, 12, 0, 16, 16, 16, 0], norm=True)


def test_a_flat_list_is_its_sections() -> None:
    spec = ag.from_torch(small(), SIZES).spec()
    assert "for: {depth: [1, 2, 2], out_channels: [8, 12, 16], start: [0, 3, 8]}" in spec
    assert spec.count("conv2d, ") + spec.count("op: conv2d\n") == 1


def test_networks_with_other_counts_and_without_norms_are_one_family() -> None:
    made = ag.from_torch({"small": small, "large": large, "normed": normed}, SIZES, name="plain")
    spec = made["small"].info.written
    assert spec["params"] == {"depths": [1, 2, 2], "norm": False}
    assert spec["presets"] == {
        "small": {},
        "large": {"depths": [2, 3, 2]},
        "normed": {"depths": [1, 2, 3], "norm": True},
    }
    stage = spec["nodes"]["stage"]
    assert stage["let"] == {"layers": "=3 if norm else 2", "start": "=layers * sum(depths[:i]) + i"}
    assert stage["nodes"]["layer"]["nodes"]["batch_norm2d"]["path"] == "features.{start + layers * i + 1}"


class Unit(nn.Module):
    """A convolution that keeps the channels, to which what it reads is added."""

    def __init__(self, width: int, inner: int):
        super().__init__()
        self.down = nn.Conv2d(width, inner, 1)
        self.up = nn.Conv2d(inner, width, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.up(torch.relu(self.down(x)))


class Pooled(nn.Module):
    """Units between pools, with widths that belong to no section."""

    def __init__(self, counts: list[int]):
        super().__init__()
        inner = iter([2, 3, 3, 4, 5, 6, 7, 8])
        found: list[nn.Module] = [nn.Conv2d(3, 8, 3), nn.ReLU()]
        for count in counts:
            found += [nn.MaxPool2d(2), *(Unit(8, next(inner)) for _ in range(count))]
        self.features = nn.Sequential(*found)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.features(x)


def first() -> nn.Module:
    return Pooled([3, 1])


def second() -> nn.Module:
    return Pooled([1, 3])


def test_blocks_behind_pools_walk_one_list_through_all_sections() -> None:
    spec = ag.from_torch({"first": first, "second": second}, SIZES, name="pooled")["first"].info.written
    stage = spec["nodes"]["features"]["nodes"]["stage"]
    assert spec["presets"] == {"first": {}, "second": {"counts": [1, 3]}}
    assert stage["let"] == {"before": "=sum(counts[:i])", "start": "=before + i + 3"}
    assert stage["nodes"]["unit"]["inner"] == "=[2, 3, 3, 4][before + i]"
    assert stage["nodes"]["unit"]["path"] == "{start + i}"


class Narrowed(nn.Module):
    """Sections that a layer with weights ends, which stands behind as many units as there are."""

    def __init__(self, counts: list[int]):
        super().__init__()
        found: list[nn.Module] = []
        for count in counts:
            for _ in range(count):
                found += [nn.Conv2d(3, 3, 3, padding=1), nn.ReLU()]
            found += [nn.BatchNorm2d(3), nn.AvgPool2d(2)]
        self.layers = nn.Sequential(*found)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


def even() -> nn.Module:
    return Narrowed([2, 2])


def uneven() -> nn.Module:
    return Narrowed([1, 4])


def test_what_ends_a_section_is_numbered_behind_its_copies() -> None:
    spec = ag.from_torch({"even": even, "uneven": uneven}, SIZES, name="narrowed")["even"].info.written
    stage = spec["nodes"]["stage"]
    assert stage["let"] == {"start": "=2 * sum(counts[:i]) + 2 * i"}
    assert stage["nodes"]["batch_norm2d"] == {"op": "batch_norm2d", "path": "layers.{start + 2 * depth}"}

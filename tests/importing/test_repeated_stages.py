"""Stages of a network as one group that walks lists: depths, widths, strides, rates that rise through all of them."""

from __future__ import annotations

from itertools import accumulate, pairwise

import torch
from proved_imports import proved
from torch import Tensor, nn

from archgraph.importing.sources.input_descriptions import InputDescription

IMAGE = {"x": InputDescription(("N", 8, "H", "W"))}
DEPTHS = (1, 2, 3, 2, 2, 1)
WIDTHS = (8, 16, 24, 24, 32, 32)
STRIDES = (1, 2, 2, 1, 2, 1)


class Unit(nn.Module):
    def __init__(self, before: int, channels: int, stride: int, rate: float) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, channels, 3, stride, 1)
        self.gate = nn.Conv2d(channels, channels, 1)
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return x + self.gate(x).relu() * self.rate


def units(stage: int, stride: int) -> nn.Sequential:
    """A stage whose first unit has the stride and changes the width."""
    before, total = [0, *accumulate(DEPTHS)][stage], sum(DEPTHS)
    widths = [(8, *WIDTHS)[stage], *(WIDTHS[stage] for _ in range(DEPTHS[stage]))]
    made = (
        Unit(*pair, 1 if place else stride, 0.3 * (before + place) / total)
        for place, pair in enumerate(pairwise(widths))
    )
    return nn.Sequential(*made)


class Staged(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        stages = (units(stage, stride) for stage, stride in enumerate(STRIDES))
        self.features = nn.Sequential(nn.Conv2d(8, 8, 1), *stages, nn.Conv2d(32, 4, 1))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.features(x)
        return out


def test_stages_walk_lists() -> None:
    nodes = proved(Staged, IMAGE).spec["nodes"]["features"]["nodes"]
    assert list(nodes) == ["0", "stage", "7"]
    assert nodes["stage"] == {
        "for": {
            "depth": [1, 2, 3, 2, 2, 1],
            "channels": [8, 16, 24, 24, 32, 32],
            "before": [0, 1, 3, 6, 8, 10],
            "stride": [1, 2, 2, 1, 2, 1],
        },
        "path": "{i + 1}",
        "nodes": {
            "unit": {
                "op": "unit",
                "repeat": "=depth",
                "channels": "=channels",
                "stride": "=stride if first else 1",
                "rate": "=0.3 * (before + i) / 11",
                "path": "{i}",
            }
        },
    }


class Merge(nn.Module):
    def __init__(self, before: int, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(2, before)
        self.reduction = nn.Conv2d(before, channels, 2, 2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.reduction(self.norm(x))
        return out


class Merging(nn.Module):
    """Stages and what halves the image between them stand in turn in one list."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv2d(8, 8, 1)])
        for stage, width in enumerate(WIDTHS):
            if stage:
                self.layers.append(Merge(WIDTHS[stage - 1], width))
            self.layers.append(nn.Sequential(*(Unit(width, width, 1, 0.5) for _ in range(DEPTHS[stage]))))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


def test_the_last_stage_may_lack_a_step() -> None:
    nodes = proved(Merging, IMAGE).spec["nodes"]["layers"]["nodes"]
    assert list(nodes) == ["0", "stage"]
    assert nodes["stage"] == {
        "for": {"depth": [1, 2, 3, 2, 2, 1], "channels": [16, 24, 24, 32, 32, 32]},
        "path": ".",
        "let": {"stage": "=i"},
        "nodes": {
            "unit": {"op": "unit", "repeat": "=depth", "path": "{2 * stage + 1}.{i}"},
            "merge": {"op": "merge", "channels": "=channels", "when": "=not last", "path": "{2 * stage + 2}"},
        },
    }


class Pyramid(nn.Module):
    """What each stage makes is read once more."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList(units(stage, stride) for stage, stride in enumerate(STRIDES))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        found = []
        for stage in self.stages:
            x = stage(x)
            found.append(x)
        return found[1].mean((2, 3)), found[2], torch.relu(x)


def test_others_read_what_stages_make() -> None:
    spec = proved(Pyramid, IMAGE).spec
    assert list(spec["nodes"]) == ["stages", "mean", "relu"]
    assert spec["nodes"]["mean"]["in"] == "stages.1"
    assert spec["nodes"]["relu"] == {"op": "relu", "in": "stages"}
    assert "stages.2" in spec["outputs"].values()


class Named(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer1, self.layer2, self.layer3, self.layer4, self.layer5 = (
            units(*pair) for pair in enumerate(STRIDES[:5])
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layer5(self.layer4(self.layer3(self.layer2(self.layer1(x)))))
        return out


def test_stages_that_somebody_named_have_a_line_each() -> None:
    nodes = proved(Named, IMAGE).spec["nodes"]
    assert {"layer2", "layer3", "layer4", "layer5"} <= set(nodes), "layer1 holds a single unit"
    assert "stage" not in nodes


class Levels(nn.Module):
    """A level whose number is that of a unit of another level."""

    def __init__(self) -> None:
        super().__init__()
        first, second = Unit(8, 8, 1, 0.5), Unit(8, 16, 2, 0.25)
        self.levels = nn.ModuleList([nn.Sequential(first), nn.Sequential(second), units(2, 1)])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        middle = self.levels[1](self.levels[0](x))
        last = self.levels[2](middle)
        return middle.relu(), last.mean((2, 3))


def test_a_group_hands_out_its_values_under_names_of_their_own() -> None:
    levels = proved(Levels, IMAGE).spec["nodes"]["levels"]
    assert levels["outputs"] == {"unit_2": "unit_2", "unit_2_2": "2"}

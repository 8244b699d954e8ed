"""Stages of a family: as many as each network has, of one module or of several, with a constant middle."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

import archgraph as ag

SIZES = {"x": "N,3,H,W"}


def written(family: Mapping[str, Callable[[], nn.Module]]) -> dict[str, Any]:
    """The spec of a family, of which each preset was proved."""
    spec = ag.from_torch(dict(family), SIZES, name="net")[next(iter(family))].info.written
    return dict(spec)


class Unit(nn.Module):
    """A convolution with a stride, and a gate."""

    def __init__(self, before: int, channels: int, stride: int = 1):
        super().__init__()
        self.conv = nn.Conv2d(before, channels, 3, stride, 1)
        self.gate = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return x + self.gate(x).relu()


class Wide(Unit):
    """A unit that squares its gate."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return x + self.gate(x).square()


class Net(nn.Module):
    """Stages, of which the first unit of each halves the image."""

    def __init__(
        self, depths: tuple[int, ...], widths: tuple[int, ...], last: type[Unit] = Unit, read: int | None = None
    ):
        super().__init__()
        self.stem = nn.Conv2d(3, widths[0], 3, padding=1)
        pairs = list(pairwise((widths[0], *widths)))
        classes = [*[Unit] * (len(depths) - 1), last]
        self.stages = nn.ModuleList(
            nn.Sequential(*(made(width if place else before, width, 1 if place else 2) for place in range(depth)))
            for made, depth, (before, width) in zip(classes, depths, pairs, strict=True)
        )
        self.head = nn.Linear(widths[-1], 10)
        self.read = read

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        extra = 0
        for place, stage in enumerate(self.stages):
            x = stage(x)
            if place == self.read:
                extra = x.mean()
        return self.head(x.mean((2, 3))) + extra


def test_networks_with_more_stages_walk_longer_lists() -> None:
    family = {
        "three": lambda: Net((1, 2, 3), (8, 16, 32)),
        "two": lambda: Net((2, 2), (16, 16)),
        "four": lambda: Net((2, 2, 3, 1), (16, 16, 24, 40)),
    }
    spec = written(family)
    assert spec["nodes"]["stages"] == {
        "for": {"depth": "=depths", "channels": "=widths"},
        "path": "stages.{i}",
        "nodes": {
            "unit": {
                "op": "unit",
                "repeat": "=depth",
                "channels": "=channels",
                "stride": "=2 if first else 1",
                "path": "{i}",
            }
        },
    }
    assert spec["params"] == {"depths": [1, 2, 3], "widths": [8, 16, 32]}
    assert spec["presets"]["four"] == {"depths": [2, 2, 3, 1], "widths": [16, 16, 24, 40]}


def test_a_stage_of_another_class_is_no_stage_of_the_list() -> None:
    family = {
        "three": lambda: Net((2, 2, 2), (8, 16, 32), Wide),
        "four": lambda: Net((2, 2, 2, 3), (8, 16, 24, 32), Wide),
    }
    spec = written(family)
    assert "wide" in str(spec["nodes"]), "the last stage stays apart"
    assert "wide" in spec["blocks"]


def test_a_stage_that_others_read_in_one_network_keeps_its_place() -> None:
    plain, read = Net((2, 2, 2), (8, 16, 32), read=0), Net((2, 3), (8, 16), read=0)
    spec = written({"three": lambda: plain, "two": lambda: read})
    assert "mean" in spec["nodes"]


def test_stages_of_one_module_are_as_many_copies_as_their_count() -> None:
    family = {"small": lambda: Net((1, 3, 2), (8, 8, 16)), "large": lambda: Net((1, 2, 4), (16, 24, 32))}
    spec = written(family)
    stages = spec["nodes"]["stages"]["nodes"]
    assert list(stages) == ["0", "1", "2"]
    assert stages["0"] == {
        "op": "unit",
        "repeat": "=depths[0]",
        "channels": "=widths[0]",
        "stride": "=2 if first else 1",
    }
    assert spec["presets"]["large"] == {"depths": [1, 2, 4], "widths": [16, 24, 32]}
    deeper = ag.load({**spec, "presets": {"deeper": {"depths": [2, 3, 2]}}}, "deeper")
    strides = [node.op.stride for node in deeper.nodes.values() if node.op.name == "conv2d"]  # type: ignore[attr-defined]
    assert sum(stride == (2, 2) for stride in strides) == 3, "a second unit of the first stage halves nothing"


class Middle(nn.Module):
    """Units of growing widths, many of one width, and two that end the list."""

    def __init__(self, middle: int, width: int = 24):
        super().__init__()
        widths = (3, 8, 16, *[width] * (middle + 1), 32, 48)
        strides = (2, 2, 2, *[1] * middle, 2, 1)
        self.blocks = nn.Sequential(
            *(Unit(*pair, stride) for pair, stride in zip(pairwise(widths), strides, strict=True))
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.blocks(x)
        return out


def test_a_constant_middle_is_counted() -> None:
    spec = written({"short": lambda: Middle(4), "long": lambda: Middle(7)})
    assert (spec["params"], spec["presets"]["long"]) == ({"width": 24, "middle": 4}, {"middle": 7})
    begin, middle, *end = spec["nodes"]["blocks"]["nodes"].values()
    assert begin == {
        "op": "unit",
        "for": {"channels": [8, 16, 24]},
        "channels": "=channels",
        "stride": 2,
        "path": "{i}",
    }
    assert middle == {"op": "unit", "repeat": "=middle", "channels": "=width", "path": "{i + 3}"}
    assert [one["path"] for one in end] == ["{middle + 3}", "{middle + 4}"]


def test_a_middle_that_differs_between_networks_is_no_middle() -> None:
    spec = written({"short": lambda: Middle(4), "long": lambda: Middle(7, 40)})
    assert "for" in spec["nodes"]["blocks"], "all units walk lists"


class Tokens(nn.Module):
    """A stage: some convolutions, then one unit of another class."""

    def __init__(self, before: int, width: int, depth: int):
        super().__init__()
        self.down = nn.Conv2d(before, width, 2, 2)
        self.blocks = nn.Sequential(*(Unit(width, width) for _ in range(depth)), Wide(width, width))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.blocks(self.down(x)))


class Mixed(nn.Module):
    def __init__(self, dims: Sequence[int], layers: Sequence[int]):
        super().__init__()
        self.stages = nn.Sequential(
            *(Tokens(*pair, depth) for pair, depth in zip(pairwise((3, *dims)), layers, strict=True))
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.stages(x)
        return out


def test_what_follows_a_run_inside_of_a_stage_stands_behind_its_count() -> None:
    family = {"small": lambda: Mixed((8, 16, 24), (2, 4, 3)), "large": lambda: Mixed((16, 24, 32), (3, 2, 5))}
    spec = written(family)
    assert spec["nodes"]["stages"]["for"].keys() >= {"width", "depth"}
    nodes = spec["blocks"]["tokens"]["nodes"]["blocks"]["nodes"]
    assert [one.get("path") for one in nodes.values()] == ["{i}", "{depth}"]


def test_lists_among_the_arguments_are_no_counts() -> None:
    depths = [2, 2, 2]
    family = {"small": lambda: Mixed([8, 16, 24], depths), "large": lambda: Mixed([16, 24, 32], depths)}
    assert written(family)["presets"]["large"] == {"dims": [16, 24, 32]}

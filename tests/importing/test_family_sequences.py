"""Families whose stages are plain sequences: as many modules and stages as each network has, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import archgraph as ag
from archgraph.errors import ImportingError

SIZES = {"x": "N,3,H,W"}


def written(family: Mapping[str, Callable[[], nn.Module]]) -> dict[str, Any]:
    """The spec of a family, of which each preset was proved."""
    return dict(ag.from_torch(dict(family), SIZES, name="net")[next(iter(family))].info.written)


class Mix(nn.Module):
    """A gated convolution with a shortcut."""

    def __init__(self, width: int):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)
        self.gate = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.gate(torch.relu(self.conv(x)))


class Other(Mix):
    """One that takes products."""

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(torch.sigmoid(self.conv(x)))


class Net(nn.Module):
    """Stages that are plain sequences: what halves the image, some mixes, and what may end them."""

    def __init__(
        self,
        depths: Sequence[int],
        widths: Sequence[int],
        mixes: Sequence[type[Mix]] = (Mix, Mix, Mix, Mix),
        tail: bool = False,
    ):
        super().__init__()
        self.stem = nn.Conv2d(3, widths[0], 3, padding=1)
        self.stages = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(before, width, 3, 2, 1),
                *(mix(width) for _ in range(depth)),
                *((nn.BatchNorm2d(width), nn.ReLU()) if tail else ()),
            )
            for depth, mix, (before, width) in zip(depths, mixes, pairwise((widths[0], *widths)), strict=False)
        )
        self.head = nn.Linear(widths[-1], 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
        out: Tensor = self.head(x.mean((2, 3)))
        return out


@pytest.mark.parametrize(
    ("small", "large"),
    [
        (((2, 2), (8, 16)), ((2, 3), (8, 16))),
        (((1, 2), (8, 16)), ((3, 2), (16, 24))),
        (((2, 2), (8, 16)), ((2, 3, 2), (8, 16, 24))),
        (((1, 1), (8, 16)), ((3, 1, 2), (16, 24, 32))),
    ],
)
def test_plain_sequences_walk_depths_and_widths(small: Any, large: Any) -> None:
    spec = written({"small": lambda: Net(*small), "large": lambda: Net(*large)})
    stages = spec["nodes"]["stages"]
    (width,) = {*stages["for"]} - {"depth"}
    assert stages["for"] == {width: "=widths", "depth": "=depths"}
    assert stages["nodes"]["0"]["out_channels"] == f"={width}"
    assert spec["params"] == {"depths": [*small[0]], "widths": [*small[1]]}
    pairs = zip(("depths", "widths"), small, large, strict=True)
    different = {name: [*two] for name, one, two in pairs if one != two}
    assert spec["presets"] == {"small": {}, "large": different}
    assert stages["nodes"]["1"] == {"op": "mix", "repeat": "=depth", "path": "{i + 1}"}


def test_what_ends_a_sequence_stands_behind_its_count() -> None:
    spec = written({"small": lambda: Net((1, 2), (8, 16), tail=True), "large": lambda: Net((3, 2), (8, 24), tail=True)})
    nodes = spec["nodes"]["stages"]["nodes"]
    assert [one.get("path") for one in nodes.values() if isinstance(one, dict)] == [None, "{i + 1}", "{depth + 1}"]
    deeper = ag.load({**spec, "presets": {"deeper": {"depths": [2, 1]}}}, "deeper")
    keys = set(ag.to_torch(deeper).state_dict())
    assert keys == set(Net((2, 1), (8, 16), tail=True).state_dict())


class Apart(Net):
    """Sequences that are only mixes, the convolutions between them in a list of their own."""

    def __init__(self, depths: Sequence[int], widths: Sequence[int]):
        super().__init__(depths, widths)
        self.downs = nn.ModuleList(stage[0] for stage in self.stages)
        self.stages = nn.ModuleList(nn.Sequential(*[*stage][1:]) for stage in self.stages)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for down, stage in zip(self.downs, self.stages, strict=True):
            x = stage(down(x))
        out: Tensor = self.head(x.mean((2, 3)))
        return out


def test_sequences_of_which_some_are_equally_long_are_counted_too() -> None:
    spec = written({"small": lambda: Apart((1, 2, 2), (8, 16, 16)), "large": lambda: Apart((3, 2, 1), (16, 24, 32))})
    assert spec["nodes"]["stage"]["for"] == {"out_channels": "=widths", "depth": "=depths"}
    assert spec["presets"]["large"] == {"depths": [3, 2, 1], "widths": [16, 24, 32]}


class Joined(Net):
    """What all stages make, joined."""

    def forward(self, x: Tensor) -> Tensor:
        x, found = self.stem(x), []
        for stage in self.stages:
            x = stage(x)
            found.append(x.mean((2, 3)))
        return torch.cat(found, 1)


class Plain(nn.Module):
    """Sequences of layers alone."""

    def __init__(self, depths: Sequence[int], widths: Sequence[int]):
        super().__init__()
        made = []
        for depth, (before, width) in zip(depths, pairwise((3, *widths)), strict=True):
            steps = [(nn.Conv2d(before if not place else width, width, 3, 1, 1), nn.ReLU()) for place in range(depth)]
            made.append(nn.Sequential(*(layer for step in steps for layer in step), nn.MaxPool2d(2)))
        self.stages = nn.Sequential(*made)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.stages(x)
        return out


@pytest.mark.parametrize(
    ("one", "other", "expected", "received"),
    [
        (
            lambda: Net((2, 2), (8, 16)),
            lambda: Net((2, 3), (8, 16), (Mix, Other)),
            "stages.1.1: Mix",
            "stages.1.1: Other",
        ),
        (
            lambda: Joined((2, 2), (8, 16)),
            lambda: Joined((2, 3, 1), (8, 16, 24)),
            "concat of 2 values in forward",
            "concat of 3 values in forward",
        ),
        (
            lambda: Plain((1, 2, 2), (8, 16, 16)),
            lambda: Plain((3, 2, 1), (16, 24, 32)),
            "stages.0: 1 conv2d",
            "stages.0: 3 conv2d",
        ),
    ],
)
def test_networks_that_are_no_family_are_told_by_their_authors_names(
    one: Callable[[], nn.Module], other: Callable[[], nn.Module], expected: str, received: str
) -> None:
    with pytest.raises(ImportingError) as caught:
        ag.from_torch({"one": one, "other": other}, SIZES, verify=False)
    assert str(caught.value) == (
        "error: other differs from one in more than numbers and parts that it lacks\n"
        f"  expected: {expected}\n"
        f"  received: {received}\n"
        "  hint: import it by itself, or with those that are built alike"
    )

"""Runs of alike blocks: those that alternate, those of which one stage has a single one, lists of their arguments."""

from __future__ import annotations

from typing import Any

import pytest
from proved_imports import proved
from torch import Tensor, nn

from archgraph.importing.sources.input_descriptions import InputDescription
from archgraph.importing.writing.copies.copied_arguments import WAYS, argument_of, tells, told_as, values_told
from archgraph.structure.terms import Term, number

IMAGE = {"x": InputDescription(("N", 4, "H", "W"))}


class Gate(nn.Module):
    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.reduce, self.expand = nn.Conv2d(channels, hidden, 1), nn.Conv2d(hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.expand(self.reduce(x.mean((2, 3), keepdim=True)).relu()).sigmoid()


class Unit(nn.Module):
    """Weighs its channels where `hidden` says how."""

    def __init__(self, channels: int, hidden: int = 0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.gate = Gate(channels, hidden) if hidden else nn.Identity()
        self.mix = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.mix(self.gate(self.conv(x)).relu())


class Stage(nn.Module):
    def __init__(self, before: int, channels: int, depth: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(before, channels, 2, 2) if before != channels else nn.Identity()
        self.blocks = nn.Sequential(*(Unit(channels, channels // 4 if at % 2 == 0 else 0) for at in range(depth)))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.blocks(self.down(x))
        return out


class Stages(nn.Module):
    def __init__(self, *depths: int) -> None:
        super().__init__()
        widths = [4 * 2**place for place in range(len(depths))]
        self.stages = nn.Sequential(*map(Stage, [4, *widths], widths, depths))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.stages(x)
        return out


@pytest.mark.parametrize("depths", [(2, 2, 6, 2), (1, 2, 4, 2)])
def test_blocks_that_alternate_are_one_repeat_in_stages_of_any_depth(depths: tuple[int, ...]) -> None:
    spec = proved(lambda: Stages(*depths), IMAGE).spec
    assert set(spec["blocks"]) == {"unit"}
    blocks = spec["nodes"]["stages"]["nodes"]["blocks"]
    assert blocks == {
        "op": "unit", "repeat": "=depth", "hidden": "=channels // 4 if i % 2 == 0 else 0"
    }  # fmt: skip


def test_stages_with_a_single_block_are_a_list_of_depths() -> None:
    stages = proved(lambda: Stages(1, 2, 4, 2), IMAGE).spec["nodes"]["stages"]
    assert stages["for"] == {"channels": [4, 8, 16, 32], "depth": [1, 2, 4, 2]}
    assert [*stages["nodes"]] == ["down", "blocks"]
    assert stages["nodes"]["down"]["when"] == "=not first"


class Longer(nn.Module):
    """A gate, and so many units behind it."""

    def __init__(self, before: int, channels: int, more: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(before, channels, 2, 2)
        self.blocks = nn.Sequential(Gate(channels, 2), *(Unit(channels) for _ in range(more)))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.blocks(self.down(x).tanh())
        return out


def test_stages_that_lack_copies_have_none_of_them() -> None:
    """A count of nothing would be no number of times."""
    stages = lambda: nn.Sequential(*map(Longer, (4, 4, 8, 16), (4, 8, 16, 32), (0, 1, 2, 0)))  # noqa: E731
    spec = proved(stages, {"input": IMAGE["x"]}).spec
    lists = [row for one in spec["nodes"].values() for row in one.get("for", {}).values()]
    assert [0, 1, 2, 0] in lists
    assert not any(None in row for row in lists)


def _arguments(values: tuple[Any, ...]) -> list[Term]:
    return [Term("argument", "width", (number("width", value),), value=()) for value in values]


@pytest.mark.parametrize(
    ("values", "way"),
    [
        ((3,), "argument"),
        ((3, 3, 3), "argument"),
        ((3, 1), "first"),
        ((3, 1, 1), "first"),
        ((1, 1, 3), "last"),
        ((1, 3, 1), "each"),
        ((1, 3, 1, 3), "turns"),
        ((1, None, 1, None, 1), "turns"),
        ((True, 1, 1), "first"),
        ((1, 2, 3, 2), "each"),
    ],
)
def test_arguments_of_copies_are_told_in_the_simplest_way(values: tuple[Any, ...], way: str) -> None:
    found = argument_of(_arguments(values))
    assert found.kind == way
    for other in WAYS:
        if tells(other, values):
            told = told_as(other, found, values)
            assert repr(values_told(told, len(values))) == repr(values), "whatever the way is, it tells these values"

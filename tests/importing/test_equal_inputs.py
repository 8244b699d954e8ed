"""Modules that read a list of values of which two may be the same one."""

from __future__ import annotations

import torch
from proved_imports import proved
from torch import Tensor, nn

from archgraph.importing.sources.input_descriptions import InputDescription

IMAGE = {"x": InputDescription(("N", 8, "H", "W"))}


class Joining(nn.Module):
    """Reads the first of two values, and puts both beside each other; `is_first` reads one alone."""

    def __init__(self, channels: int, is_first: bool = False) -> None:
        super().__init__()
        self.is_first = is_first
        self.one, self.two = nn.Conv2d(channels, channels, 3, 1, 1), nn.Conv2d(channels, channels, 1)
        self.last = nn.Conv2d(channels if is_first else 2 * channels, channels, 1)

    def forward(self, x: list[Tensor]) -> list[Tensor]:
        y = self.two(self.one(x[0]).relu())
        if self.is_first:
            y = self.last(y.tanh())
            return [y, y]
        return [self.last(torch.cat([y, x[1]], 1)), x[1]]


class Stages(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        kinds = (True, False, False, True, False, False)
        self.blocks = nn.ModuleList(Joining(8, kind) for kind in kinds)

    def forward(self, x: Tensor) -> Tensor:
        values = [x]
        for block in self.blocks:
            values = block(values if len(values) > 1 else values * 2)
        return values[0]


def test_a_list_of_one_value_twice_is_read_twice() -> None:
    spec = proved(Stages, IMAGE).spec
    assert set(spec["blocks"]) == {"joining_first", "joining"}
    assert len(spec["blocks"]["joining"]["inputs"]) == 2
    assert spec["nodes"]["blocks"]["nodes"]["1"]["in"] == ["0", "0"]


class Comparing(nn.Module):
    """Two inputs that are no list: attention to others, or to itself."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, query: Tensor, key: Tensor) -> Tensor:
        return (self.query(query) * self.key(key)).tanh()


class Attending(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.own, self.again = Comparing(), Comparing()
        self.other, self.further = Comparing(), Comparing()

    def forward(self, x: Tensor) -> Tensor:
        y = self.again(*[self.own(x, x)] * 2)
        out: Tensor = self.further(self.other(y, x), x)
        return out


def test_inputs_with_names_of_their_own_stay() -> None:
    blocks = proved(Attending, IMAGE).spec["blocks"]
    assert sorted(len(block["inputs"]) for block in blocks.values()) == [1, 2]


class Signed(Joining):
    """What reads one value twice subtracts where others add."""

    def forward(self, x: list[Tensor]) -> list[Tensor]:
        y = self.two(self.one(x[0]).relu())
        joined = torch.cat([y, x[1]], 1)
        return [self.last(joined.tanh() if x[0] is x[1] else joined.sigmoid().exp()), x[1]]


class Mixed(Stages):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Signed(8) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        values = [x, x]
        for block in self.blocks:
            values = block(values)
            values = values if block is not self.blocks[1] else [values[0], values[0]]
        return values[0]


def test_what_does_something_else_stays_a_class() -> None:
    assert len(proved(Mixed, IMAGE).spec["blocks"]) == 2

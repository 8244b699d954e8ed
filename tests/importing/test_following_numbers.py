"""Numbers that follow from others are expressions; those that are related by accident are not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import nn

import archgraph as ag
from archgraph.importing.writing.numbers.following_numbers import (
    KnownNumber,
    following,
    following_size,
    list_of_ratios,
    with_one_division,
)
from archgraph.importing.writing.numbers.values import expression_text
from archgraph.structure.expressions import Arithmetic, ConstantNumber, ParameterName, evaluated

SIZES = {"x": "N,3,H,W"}


def known(name: str, *values: Any, whole: bool = False) -> KnownNumber:
    return KnownNumber(ParameterName(name), values, whole)


@pytest.mark.parametrize(
    ("values", "sources", "text"),
    [
        ([32, 48], [known("p", 64, 96)], "p // 2"),
        ([192, 288], [known("p", 64, 96)], "3 * p"),
        ([48, 40], [known("c", 64, 96, whole=True), known("p", 16, 56)], "c - p"),
        ([96, 128, 80], [known("p", 64, 96, 48)], "p + 32"),
        ([32, 64, 16], [known("p", 64, 96, 48)], "p - 32"),
        ([128, 224, 312], [known("c", 128, 224, 308)], "(c + 4) // 8 * 8"),
        ([12, 20, 32], [known("c", 48, 76, 126)], "(c // 4 + 2) // 4 * 4"),
        ([486, 648], [known("num_heads", 6, 8)], "81 * num_heads"),
        ([256, 512, 1536], [known("c", 48, 96, 288, whole=True)], "16 * c // 3"),
    ],
)
def test_the_simplest_relation_that_holds_everywhere(
    values: Sequence[int], sources: Sequence[KnownNumber], text: str
) -> None:
    found = following(values, sources)
    assert found is not None
    assert expression_text(found) == text
    for place, value in enumerate(values):
        arguments = {str(expression_text(one.expression)): one.values[place] for one in sources}
        assert evaluated(found, arguments) == value


@pytest.mark.parametrize(
    ("values", "sources"),
    [
        ([32, 32], [known("p", 64, 64)]),
        ([32, 32, 32], [known("p", 64, 64, 64)]),
        ([32, 64], [known("p", 64, 96)]),
        ([96, 128], [known("p", 64, 96)]),
        ([48, 40], [known("c", 64, 96), known("p", 16, 56)]),
        ([128, 312], [known("c", 128, 308)]),
        ([486, 648], [known("groups", 6, 8)]),
        ([65, 97, 49], [known("p", 64, 96, 48)]),
        ([256, 512], [known("c", 48, 96, whole=True)]),
        ([256, 512, 1536], [known("p", 48, 96, 288)]),
    ],
    ids=[
        "one",
        "one thrice",
        "no ratio",
        "sum of two",
        "rest of no size",
        "rounded of two",
        "no heads",
        "one more",
        "thirds of two",
        "thirds of no size",
    ],
)
def test_what_may_be_an_accident_is_none(values: Sequence[int], sources: Sequence[KnownNumber]) -> None:
    assert following(values, sources) is None


def test_lists_are_multiples_and_parts_of_one_number() -> None:
    found = list_of_ratios([(64, 32), (96, 48)], [known("k", 3, 5), known("m", 64, 96)])
    assert found is not None
    assert [*map(expression_text, found)] == ["m", "m // 2"]
    assert list_of_ratios([(64, 32), (96, 40)], [known("m", 64, 96)]) is None
    assert list_of_ratios([(64, 32), (64, 32)], [known("m", 64, 64)]) is None


def test_sizes_are_told_by_those_of_what_is_read() -> None:
    rows = [[known("H", 14, 21), known("W", 14, 21)]]
    texts = [expression_text(found) for values in ([14, 21], [196, 441]) if (found := following_size(values, rows, []))]
    assert texts == ["H", "H * W"]
    assert following_size([196, 196], [[known("H", 14, 14), known("W", 14, 14)]], []) is None


class Parted(nn.Module):
    """Works on a part of the channels, on as many more, and leaves the rest."""

    def __init__(self, dim: int, partial: int, more: int):
        super().__init__()
        self.part = partial
        self.conv = nn.Conv2d(partial, partial + more, 1)
        self.back = nn.Conv2d(partial + more, partial, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        one, rest = torch.split(x, [self.part, x.shape[1] - self.part], 1)
        return torch.cat([self.back(torch.relu(self.conv(one))), rest], 1)


class PartedNet(nn.Module):
    """Units of one class on the widths of a network."""

    def __init__(self, widths: list[int], partial: list[int], more: int, stem: int = 16, drop_rate: float = 0.2):
        super().__init__()
        self.stem = nn.Conv2d(3, stem, 3, padding=1)
        self.first = nn.Conv2d(stem, widths[0], 1)
        self.unit1 = Parted(widths[0], partial[0], more)
        self.second = nn.Conv2d(widths[0], widths[1], 1)
        self.unit2 = Parted(widths[1], partial[1], more)
        self.dropout = nn.Dropout(drop_rate)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.unit1(self.first(torch.relu(self.stem(x))))
        return self.dropout(self.unit2(self.second(torch.relu(x))))


def written(**members: Any) -> Any:
    return next(iter(ag.from_torch(members, SIZES, name="net").values())).info.written


def test_what_is_left_of_the_width_and_some_more_are_no_parameters() -> None:
    spec = written(
        one=lambda: PartedNet([24, 40], [8, 12], 32),
        two=lambda: PartedNet([32, 48], [10, 14], 32),
    )
    block = spec["blocks"]["parted"]
    assert [*block["params"]] == ["partial"]
    assert block["nodes"]["split"]["split_size"] == ["=partial", "=C - partial"]
    assert block["nodes"]["conv"]["out_channels"] == "=partial + 32"


def test_rates_of_dropout_are_the_argument_that_all_networks_have() -> None:
    spec = written(
        one=lambda: PartedNet([24, 40], [8, 12], 32),
        two=lambda: PartedNet([32, 48], [10, 14], 32),
    )
    assert spec["params"]["drop_rate"] == 0.2
    assert spec["nodes"]["dropout"]["p"] == "=drop_rate"


class Bare(nn.Module):
    """A stem and a stage, whose widths no argument says."""

    def __init__(self, scale: int, stem: int):
        super().__init__()
        own, width = [16, 20, 24][stem], [32, 48][scale]
        self.stem = nn.Conv2d(3, own, 3, padding=1)
        self.conv = nn.Conv2d(own, width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(torch.relu(self.stem(x)))


@pytest.mark.parametrize(
    ("stems", "texts"),
    [
        ((0, 2), ("=out_channels", "=out_channels * 2")),
        ((0, 1), ("=out_channels", "=conv_out_channels")),
        ((0, 0), (16, "=out_channels")),
    ],
    ids=["half in both", "half in one", "one number"],
)
def test_a_width_follows_from_another_where_two_networks_show_it(stems: tuple[int, int], texts: Any) -> None:
    spec = written(one=lambda: Bare(0, stems[0]), two=lambda: Bare(1, stems[1]))
    assert tuple(spec["nodes"][name]["out_channels"] for name in ("stem", "conv")) == texts


class Runs(nn.Module):
    """Blocks of two classes in one list, of which one argument says how long it is, and another the first run."""

    def __init__(self, width: int, depth: int = 5, local_layers: int = 3):
        super().__init__()
        self.stem = nn.Conv2d(3, width, 1)
        local = [Local(width) for _ in range(local_layers)]
        self.blocks = nn.ModuleList([*local, *(Plain(width) for _ in range(depth - local_layers))])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return x


class Local(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.norm = nn.BatchNorm2d(width)
        self.conv = nn.Conv2d(width, width, 3, padding=1, groups=width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv(self.norm(x))


class Plain(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.norm = nn.BatchNorm2d(width)
        self.fc1 = nn.Conv2d(width, 2 * width, 1)
        self.fc2 = nn.Conv2d(2 * width, width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.fc2(torch.relu(self.fc1(self.norm(x))))


def test_runs_of_a_list_are_as_long_as_arguments_say() -> None:
    graphs = ag.from_torch({"one": lambda: Runs(8), "two": lambda: Runs(12)}, SIZES, name="runs")
    spec = graphs["one"].info.written
    nodes = spec["nodes"]["blocks"]["nodes"].values() if "blocks" in spec["nodes"] else spec["nodes"].values()
    counts = [node["repeat"] for node in nodes if isinstance(node, dict) and "repeat" in node]
    assert counts == ["=local_layers", "=depth - local_layers"]
    longer = ag.load(spec, "two", depth=7, local_layers=4)
    assert [one.key for one in _weights(longer)] == list(Runs(12, 7, 4).state_dict())


def _weights(graph: Any) -> Any:
    from archgraph.graph.keys import weights

    return weights(graph)


@pytest.mark.parametrize("width", [1, 2, 3, 48, 50, 97])
def test_two_divisions_are_one(width: int) -> None:
    name = ParameterName("c")
    thirds = Arithmetic("//", Arithmetic("*", ConstantNumber(16), name), ConstantNumber(3))
    both = Arithmetic("//", thirds, ConstantNumber(2))
    assert expression_text(with_one_division(both)) == "8 * c // 3"
    assert evaluated(with_one_division(both), {"c": width}) == evaluated(both, {"c": width})


@pytest.mark.parametrize("factor", [3, 5])
def test_a_factor_that_is_no_multiple_stays(factor: int) -> None:
    thirds = Arithmetic("//", Arithmetic("*", ConstantNumber(factor), ParameterName("c")), ConstantNumber(4))
    both = Arithmetic("//", thirds, ConstantNumber(2))
    assert with_one_division(both) == both


class Counted(nn.Module):
    """A width that is half of the first one of the stages, which have as many units as that takes parts."""

    def __init__(self, depths: Sequence[int], heads: Sequence[int], dims: Sequence[int]):
        super().__init__()
        self.stem = nn.Conv2d(3, dims[0] // 2, 1)
        self.wide = nn.Conv2d(dims[0] // 2, dims[0] * heads[0], 1)
        units, before = [], dims[0] * heads[0]
        for depth, dim in zip(depths, dims, strict=True):
            units += [nn.Conv2d(before if not place else dim, dim, 1) for place in range(depth)]
            before = dim
        self.units = nn.Sequential(*units)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.units(self.wide(self.stem(x)))


def test_counts_of_copies_make_and_divide_no_widths() -> None:
    made = {"one": lambda: Counted((2, 2), (2, 4), (32, 48)), "two": lambda: Counted((2, 3), (2, 3), (48, 64))}
    spec = ag.from_torch(made, SIZES)["two"].info.written
    assert spec["nodes"]["stem"]["out_channels"] == "=dims[0] // 2"
    assert "depths" not in str(spec["nodes"]["wide"]["out_channels"])

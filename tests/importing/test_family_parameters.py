"""Parameters of families: their names, their order, and the entries of lists that are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import archgraph as ag
from archgraph.importing.writing.classes.network_sources import NetworkSources
from archgraph.importing.writing.plain_data.parameter_order import with_parameters_in_order
from archgraph.importing.writing.plain_data.read_entries import with_read_entries
from archgraph.structure.class_parameters import Candidates
from archgraph.structure.expressions import Expression, ParameterName
from archgraph.structure.naming import Naming
from archgraph.structure.number_kinds import whole_ratio
from archgraph.structure.parameters import ParameterInference
from archgraph.structure.unification import ABSENT

PICTURES = {"x": "N,3,H,W"}


def written(networks: Mapping[str, Callable[[], nn.Module]], name: str = "net") -> dict[str, Any]:
    """The spec of networks, of which each is proved equal to its preset."""
    graphs = ag.from_torch(dict(networks), PICTURES, name=name)
    return dict(next(iter(graphs.values())).info.written)


def spec_of(params: dict[str, Any], presets: dict[str, Any], *numbers: str) -> dict[str, Any]:
    nodes = {f"n{place}": {"op": "linear", "out_features": text} for place, text in enumerate(numbers)}
    return {"params": params, "presets": presets, "inputs": {"x": ["N", "=side"]}, "nodes": nodes}


def test_parameters_stand_in_the_order_in_which_they_are_read() -> None:
    params = {"classes": 9, "unread": 1, "width": 2, "side": 4}
    made = with_parameters_in_order(spec_of(params, {"one": {"classes": 3, "width": 5}}, "=width * 2", "=classes"))
    assert [*made["params"]] == ["side", "width", "classes", "unread"]
    assert [*made["presets"]["one"]] == ["width", "classes"]


def test_parameters_that_others_are_made_of_stay_in_their_order() -> None:
    params = {"classes": 9, "width": "=classes * 2", "side": 4}
    assert [*with_parameters_in_order(spec_of(params, {}, "=width", "=classes"))["params"]] == [*params]


def test_entries_that_nobody_reads_are_left_out() -> None:
    params, presets = {"side": 1, "heads": [6, 12, 12, 12]}, {"one": {}, "two": {"heads": [8, 16, 16, 16]}}
    made = with_read_entries(spec_of(params, presets, "=heads[0]", "=heads[3] * 2", "=heads[1]"))
    assert made["params"]["heads"] == [6, 12]
    assert made["presets"] == {"one": {}, "two": {"heads": [8, 16]}}
    assert [node["out_features"] for node in made["nodes"].values()] == ["=heads[0]", "=heads[1] * 2", "=heads[1]"]


@pytest.mark.parametrize(
    ("heads", "numbers"),
    [
        ([[6, 12, 12], [8, 16, 16]], ["=heads[0]", "=heads[1]", "=heads[2]"]),
        ([[6, 12, 12], [8, 16, 24]], ["=heads[0]", "=heads[2]"]),
        ([[6, 12, 12], [8, 16, 16]], ["=heads[0]", "=heads[2]", "=sum(heads)"]),
        ([[6, 12, 12], [8, 16, 16]], ["=heads[0]", "=heads[-1]"]),
    ],
    ids=["all are read", "other entries", "read as a whole", "counted from the end"],
)
def test_other_entries_stay(heads: list[list[int]], numbers: list[str]) -> None:
    spec = spec_of({"side": 1, "heads": heads[0]}, {"one": {}, "two": {"heads": heads[1]}}, *numbers)
    assert with_read_entries(spec) == spec


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("mlp_ratio", [3.0, 4], [3, 4]),
        ("mlp_ratio", [3.0, 2.5], [3.0, 2.5]),
        ("drop_rate", [1.0, 2.0], [1.0, 2.0]),
        ("mlp_ratio", [0.0, 2.0], [0.0, 2.0]),
    ],
)
def test_whole_ratios_are_whole_numbers(name: str, values: list[float], expected: list[float]) -> None:
    assert [(type(one), one) for one in whole_ratio(name, values)] == [(type(one), one) for one in expected]


class Widened(nn.Module):
    """A feed-forward network over channels, as wide as a ratio says."""

    def __init__(self, dim: int, mlp_ratio: float):
        super().__init__()
        self.up, self.down = nn.Conv2d(dim, int(dim * mlp_ratio), 1), nn.Conv2d(int(dim * mlp_ratio), dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.down(self.up(x).relu())


class Inner(nn.Module):
    """Attention's stand-in: works on a part of the channels."""

    def __init__(self, dim: int, part: int):
        super().__init__()
        self.part, self.proj = part, nn.Conv2d(part, dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.proj(x.split([self.part, x.shape[1] - self.part], dim=1)[0])
        return out


class Residual(nn.Module):
    def __init__(self, m: nn.Module):
        super().__init__()
        self.m = m

    def forward(self, x: Tensor) -> Tensor:
        return x + self.m(x)


class Stage(nn.Module):
    """A convolution, and in all stages but the first what works on a part of the channels."""

    def __init__(self, dim: int, part: int, mixes: bool):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(dim, dim, 3, 1, 1), nn.BatchNorm2d(dim)
        self.point = Residual(nn.Conv2d(dim, dim, 1))
        self.mixer = Residual(Inner(dim, part)) if mixes else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.mixer(self.point(self.norm(self.conv(x))))
        return out


class Transformer(Stage):
    """A class that is called as a standard block."""


class Bottleneck3(nn.Module):
    """Whose author calls the width that it makes out_chs, and that inside nothing."""

    def __init__(self, in_chs: int, out_chs: int, ratio: float):
        super().__init__()
        self.one = nn.Conv2d(in_chs, int(out_chs * ratio), 1)
        self.two = nn.Conv2d(int(out_chs * ratio), int(out_chs * ratio), 3, 1, 1)
        self.three = nn.Conv2d(int(out_chs * ratio), out_chs, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.three(self.two(self.one(x)).relu())
        return out


class Network(nn.Module):
    """A stem of layers in a list and stages; `extra` says whether the list at the end has a third layer."""

    def __init__(self, dims: list[int], parts: list[int], extra: bool = False, stage: type[Stage] = Stage):
        super().__init__()
        self.stem = nn.Conv2d(3, dims[0], 3, 2, 1)
        self.stages = nn.Sequential(*(stage(dims[0], part, place > 0) for place, part in enumerate(parts)))
        self.tail = nn.Sequential(nn.Conv2d(dims[0], dims[1], 1, bias=False), nn.ReLU())
        if extra:
            self.tail.append(nn.BatchNorm2d(dims[1]))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.tail(self.stages(self.stem(x)))
        return out


def test_a_list_of_layers_is_no_standard_block_where_another_network_has_more() -> None:
    spec = written(
        {"small": lambda: Network([16, 8], [2, 3, 5]), "large": lambda: Network([24, 12], [4, 7, 11], extra=True)}
    )
    tail = spec["nodes"]["tail"]["nodes"]
    assert [*tail] == ["0", "1", "2"]
    assert tail["2"]["when"] == "=extra"


SPLIT = "split_size as a width"


def parameter_for(values: list[Any], arguments: list[int], inner: list[int]) -> tuple[Expression, list[Any]]:
    """What a number of a split is called, and its values, where the author's `part` and an inner `share` are these."""
    instances = [
        Candidates({"C": 512, "part": part}, {}, frozenset({"C"}), {"share": share})
        for part, share in zip(arguments, inner, strict=True)
    ]
    inference = ParameterInference(instances, Naming(str.isidentifier, authors=True))
    found = inference.resolve(SPLIT, "split", values)
    return found, inference.parameters[0].values


def test_a_number_that_only_some_instances_have_is_called_as_the_argument_that_it_is() -> None:
    values = [ABSENT, 48, 68, 96]
    assert parameter_for(values, [32, 48, 68, 96], [1, 1, 1, 1]) == (ParameterName("part"), values)


def test_a_number_of_a_class_inside_is_called_as_there() -> None:
    values = [48, 68, 96, 48]
    assert parameter_for(values, [1, 2, 3, 4], values) == (ParameterName("share"), values)


@pytest.mark.parametrize(
    ("values", "arguments"),
    [([ABSENT, 48, 48, 68], [32, 48, 48, 68]), ([ABSENT, 48, 68, 96], [32, 48, 68, 97])],
    ids=["two numbers", "one differs"],
)
def test_other_numbers_are_called_after_what_reads_them(values: list[Any], arguments: list[int]) -> None:
    assert parameter_for(values, arguments, [1, 2, 3, 4]) == (ParameterName("split_size"), values)


@pytest.mark.parametrize(
    ("lists", "name"),
    [
        ([(32, 48, 68), (48, 66, 96)], "parts"),
        ([(32, 48, 68), (48, 66, 97)], None),
        ([(32, 48), (48, 66)], None),
    ],
)
def test_a_list_with_gaps_is_the_argument_that_has_its_entries(lists: list[tuple[int, ...]], name: str | None) -> None:
    sources = NetworkSources([{"parts": one} for one in lists])
    found = sources.add_with_gaps("split_size", [(None, 48, 68), (None, 66, 96)])
    assert (found and found.name) == name
    assert [one.name for one in sources.used] == ([name] if name else [])


def test_a_block_of_a_family_hides_no_standard_block() -> None:
    spec = written(
        {
            "small": lambda: Network([16, 8], [2, 3, 5], stage=Transformer),
            "large": lambda: Network([24, 12], [4, 7, 11], stage=Transformer),
        },
        "mine",
    )
    assert "mine_transformer" in spec["blocks"]
    assert "transformer" not in spec["blocks"]


class Chain(nn.Module):
    """Blocks of which each has another width inside, and feed-forward networks of another ratio."""

    def __init__(self, widths: list[int], ratios: list[float], mlp_ratios: list[float]):
        super().__init__()
        self.stem = nn.Conv2d(3, widths[0], 1)
        pairs = zip(widths[:-1], widths[1:], ratios, strict=True)
        self.blocks = nn.Sequential(*(Bottleneck3(before, after, ratio) for before, after, ratio in pairs))
        self.mlps = nn.Sequential(*(Widened(widths[-1], ratio) for ratio in mlp_ratios))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.mlps(self.blocks(self.stem(x)))
        return out


def test_a_width_inside_is_called_after_the_one_that_is_made_and_a_ratio_is_a_factor() -> None:
    spec = written(
        {
            "small": lambda: Chain([8, 12, 20, 16], [0.5, 0.25, 3.0], [2.0, 4.0]),
            "large": lambda: Chain([16, 24, 32, 40], [0.25, 2.0, 0.5], [3.0, 4]),
        }
    )
    block = spec["blocks"]["bottleneck3"]
    assert [*block["params"]] == ["out_chs", "mid_chs"]
    assert block["nodes"]["two"]["out_channels"] == "=mid_chs"
    widened = spec["blocks"]["widened"]
    assert widened["params"] == {"mlp_ratio": "int"}
    assert widened["nodes"]["up"]["out_channels"] == "=C * mlp_ratio"


def test_a_ratio_that_is_no_whole_number_is_no_factor() -> None:
    spec = written(
        {
            "small": lambda: Chain([8, 12, 20, 16], [0.5, 0.25, 3.0], [2.5, 4.0]),
            "large": lambda: Chain([16, 24, 32, 40], [0.25, 2.0, 0.5], [3.0, 4.0]),
        }
    )
    assert "mlp_ratio" not in spec["blocks"]["widened"]["params"]


class Separable(nn.Module):
    """One convolution of channels, or two that are added, and one of 1×1."""

    def __init__(self, channels: int, out: int, use_rep: bool):
        super().__init__()
        self.use_rep = use_rep
        if use_rep:
            self.large, self.small = (nn.Conv2d(channels, channels, size, padding=size // 2) for size in (5, 3))
            self.scale = nn.Parameter(torch.ones(channels, 1, 1))
        else:
            self.norm, self.deep = nn.BatchNorm2d(channels), nn.Conv2d(channels, channels, 3, padding=1)
        self.point = nn.Conv2d(channels, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = (self.large(x) + self.small(x)) * self.scale if self.use_rep else self.deep(self.norm(x).relu()).tanh()
        out: Tensor = self.point(y)
        return out


class RepSeparable(Separable):
    pass


class Both(nn.Module):
    def __init__(self, dims: list[int], block: type[Separable]):
        super().__init__()
        places = [(3, dims[0], False), (dims[0], dims[1], False), (dims[1], dims[2], True), (dims[2], dims[3], True)]
        self.blocks = nn.Sequential(*(block(before, out, rep) for before, out, rep in places))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.blocks(x)
        return out


@pytest.mark.parametrize(
    ("block", "names"),
    [(RepSeparable, {"rep_separable", "separable"}), (Separable, {"separable", "separable2"})],
    ids=["the option is in its name", "another name"],
)
def test_a_class_without_the_option_in_its_name_is_called_without_it(block: type[Separable], names: set[str]) -> None:
    spec = written({"small": lambda: Both([8, 12, 16, 24], block), "large": lambda: Both([9, 14, 20, 28], block)})
    assert set(spec["blocks"]) == names

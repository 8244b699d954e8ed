"""Networks of one class become one spec with presets, each proved equal to its own module."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import references
import torch
from torch import nn

import archgraph as ag
from archgraph.cli import main
from archgraph.errors import ImportingError
from archgraph.graph.keys import weights
from archgraph.graph.types import Graph
from archgraph.importing.certificate import recheck
from archgraph.importing.writing.family_data import family_data
from archgraph.importing.writing.standard.canonical_form import body_form
from archgraph.importing.writing.standard.form_numbers import FormNumbers

SIZES = {"x": "N,3,H,W"}


class Unit(nn.Module):
    """A convolution with its norm, added to what it reads."""

    def __init__(self, width: int, kernel: int = 3):
        super().__init__()
        self.conv = nn.Conv2d(width, width, kernel, padding=kernel // 2)
        self.norm = nn.BatchNorm2d(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.relu(self.norm(self.conv(x)))


class Stages(nn.Module):
    """Stages of units, each of half the size of the one before."""

    def __init__(self, depths: list[int], widths: list[int], num_classes: int = 10, pooled: bool = False):
        super().__init__()
        self.stem = nn.Conv2d(3, widths[0], 3, padding=1)
        self.stage1 = nn.Sequential(*[Unit(widths[0]) for _ in range(depths[0])])
        self.down = nn.Conv2d(widths[0], widths[1], 2, stride=2)
        self.stage2 = nn.Sequential(*[Unit(widths[1]) for _ in range(depths[1])])
        self.pool = nn.MaxPool2d(2) if pooled else nn.Identity()
        self.head = nn.Linear(widths[1], num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool(self.stage2(self.down(self.stage1(self.stem(x)))))
        return self.head(x.mean((2, 3)))


def small() -> nn.Module:
    return Stages([1, 2], [8, 16])


def large() -> nn.Module:
    return Stages([2, 3], [16, 32])


def pooled() -> nn.Module:
    return Stages([2, 3], [8, 16], pooled=True)


@pytest.fixture(scope="module")
def family() -> dict[str, Graph]:
    return ag.from_torch({"small": small, "large": large}, SIZES, name="stages")


def test_what_differs_are_parameters_under_the_authors_names(family: dict[str, Graph]) -> None:
    spec = family["small"].info.written
    assert spec["params"] == {"widths": [8, 16], "depths": [1, 2], "num_classes": 10}
    assert spec["presets"] == {"small": {}, "large": {"depths": [2, 3], "widths": [16, 32]}}
    assert spec["nodes"]["stage2"] == {"op": "unit", "repeat": "=depths[1]"}
    assert family["large"].spec() == family["small"].spec()


@pytest.mark.parametrize("factory", [small, large])
def test_a_preset_is_what_its_network_is_alone(family: dict[str, Graph], factory: Any) -> None:
    alone = ag.from_torch(factory, SIZES, verify=False)
    preset = family[factory.__name__]
    assert preset.title == f"stages@{factory.__name__}"
    assert [one.key for one in weights(preset)] == list(factory().state_dict())
    numbers = FormNumbers()
    assert body_form(preset, numbers) == body_form(alone, numbers)


def test_parts_that_some_lack_have_a_condition() -> None:
    graphs = ag.from_torch({"plain": large, "pooled": pooled}, SIZES)
    spec = graphs["plain"].info.written
    assert spec["presets"]["pooled"] == {"widths": [8, 16], "pooled": True}
    assert spec["nodes"]["pool"]["when"] == "=pooled"


class Wide(Unit):
    """A unit that works on more channels than it reads."""

    def __init__(self, width: int, factor: int = 2):
        super().__init__(width)
        self.conv = nn.Sequential(nn.Conv2d(width, factor * width, 1), nn.Conv2d(factor * width, width, 1))


class Listed(nn.Module):
    """All blocks in one list, with a wide one before the second stage."""

    def __init__(self, depths: list[int]):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        first, second = ([Unit(8) for _ in range(count)] for count in depths)
        self.blocks = nn.ModuleList([*first, Wide(8, 4), *second])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return x


def test_runs_in_one_list_begin_where_those_before_them_end() -> None:
    graphs = ag.from_torch({"short": lambda: Listed([2, 3]), "long": lambda: Listed([4, 5])}, SIZES)
    nodes = graphs["short"].info.written["nodes"]["blocks"]["nodes"]
    assert list(nodes.values()) == [
        {"op": "unit", "repeat": "=depths[0]", "path": "{i}"},
        {"op": "wide", "path": "{depths[0]}"},
        {"op": "unit", "repeat": "=depths[1]", "path": "{i + depths[0] + 1}"},
    ]


class Activated(nn.Module):
    """A convolution with an activation of its own."""

    def __init__(self, width: int, kernel: int, activation: type[nn.Module]):
        super().__init__()
        self.conv = nn.Conv2d(width, width, kernel, padding=kernel // 2)
        self.act = activation()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.act(self.conv(x))


class Configured(nn.Module):
    """Units that differ one by one, and other layers behind them in the same list."""

    def __init__(self, rows: list[tuple[int, type[nn.Module]]]):
        super().__init__()
        units = [Activated(8, kernel, activation) for kernel, activation in rows]
        self.blocks = nn.Sequential(nn.Conv2d(3, 8, 1), *units, nn.MaxPool2d(2), Wide(8), nn.Conv2d(8, 4, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.blocks(x)


def test_what_stands_behind_copies_that_walk_lists_begins_where_the_lists_end() -> None:
    short = [(3, nn.ReLU), (5, nn.SiLU), (3, nn.SiLU)]
    long = [(3, nn.ReLU), (3, nn.ReLU), (5, nn.SiLU), (7, nn.SiLU), (3, nn.ReLU)]
    graphs = ag.from_torch({"short": lambda: Configured(short), "long": lambda: Configured(long)}, SIZES)
    spec = graphs["short"].info.written
    assert spec["params"]["activation"] == {"type": "[str]", "default": ["relu", "silu", "silu"]}
    assert spec["presets"]["long"]["activation"] == ["relu", "relu", "silu", "silu", "relu"]
    _, units, _, wide, last = spec["nodes"]["blocks"]["nodes"].values()
    assert units["path"] == "{i + 1}"
    assert (wide["op"], wide["path"]) == ("wide", "{len(kernel) + 2}")
    assert (last["op"], last["path"]) == ("conv2d", "{len(kernel) + 3}")


class Chosen(nn.Module):
    """Blocks of the class that the caller chooses."""

    def __init__(self, block: type[nn.Module], depth: int, **given: int):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.blocks = nn.Sequential(*[block(8, **given) for _ in range(depth)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.blocks(self.stem(x))


def test_a_block_that_differs_is_a_parameter() -> None:
    family = {
        "plain": lambda: Chosen(Unit, 2),
        "wide": lambda: Chosen(Wide, 3),
        "wider": lambda: Chosen(Wide, 3, factor=4),
    }
    spec = ag.from_torch(family, SIZES)["wide"].info.written
    assert spec["nodes"]["blocks"] == {"op": "=block", "repeat": "=depth", "factor": "=factor"}
    assert spec["presets"]["wider"] == {"depth": 3, "block": "wide", "factor": 4}
    assert "factor" in spec["blocks"]["unit"]["params"]


class Deep(nn.Module):
    """Units that are left out more often the deeper they stand."""

    def __init__(self, depths: tuple[int, ...], drop_path_rate: float):
        super().__init__()
        from torchvision.ops import StochasticDepth

        rates = iter([drop_path_rate * place / (sum(depths) - 1) for place in range(sum(depths))])
        self.stages = nn.ModuleList(
            nn.ModuleList(Dropped(StochasticDepth(next(rates), "row")) for _ in range(count)) for count in depths
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for stage in self.stages:
            for unit in stage:
                x = unit(x)
        return x


class Dropped(nn.Module):
    """A convolution that is left out at random."""

    def __init__(self, drop_path: nn.Module):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)
        self.drop_path = drop_path

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.drop_path(self.conv(x))


def test_rates_grow_with_the_depth() -> None:
    references.torchvision()
    graphs = ag.from_torch({"short": lambda: Deep((2, 3), 0.1), "long": lambda: Deep((3, 5), 0.2)}, SIZES)
    spec = graphs["long"].info.written
    assert spec["presets"]["long"] == {"depths": [3, 5], "drop_path_rate": 0.2}
    texts = [node["p"] for node in _all_nodes(spec["nodes"]) if "p" in node]
    assert texts == [
        "=drop_path_rate * i / (sum(depths) - 1)",
        "=drop_path_rate * (depths[0] + i) / (sum(depths) - 1)",
    ]
    rates = [node.op.p for node in graphs["long"].nodes.values() if node.op.name == "stochastic_depth"]
    assert rates == pytest.approx([0.2 * place / 7 for place in range(8)])


def _all_nodes(nodes: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for node in nodes.values():
        if isinstance(node, dict):
            yield node
            yield from _all_nodes(node.get("nodes", {}))


def test_each_network_is_named_where_it_fails() -> None:
    class Wrong(Stages):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x) if x.mean() > 0 else x

    with pytest.raises(ImportingError, match=r"wide: torch\.export cannot trace Wrong"):
        ag.from_torch({"wide": lambda: Wrong([1, 2], [8, 16])}, SIZES, verify=False)


def test_networks_of_other_classes_are_no_family() -> None:
    with pytest.raises(ImportingError) as caught:
        ag.from_torch({"one": small, "two": lambda: nn.Conv2d(3, 4, 3)}, SIZES)
    assert str(caught.value) == (
        "error: the networks are of different classes, so they are no family\n"
        "  expected: Stages, as one is\n"
        "  received: two is Conv2d\n"
        "  hint: import each by itself"
    )


def test_inputs_that_differ_are_told() -> None:
    class Sized(Stages):
        def __init__(self, size: int):
            super().__init__([1, 2], [8, 16])
            self.size = size

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if self.size and x.shape[2:] != (self.size, self.size):
                raise ValueError("another size")
            return super().forward(x)

    image = torch.zeros(2, 3, 64, 64)
    with pytest.raises(ImportingError) as caught:
        ag.from_torch({"free": lambda: Sized(0), "fixed": lambda: Sized(64)}, {"x": image}, verify=False)
    assert str(caught.value) == (
        "error: fixed does not read what free reads\n  expected: x [N, 3, H, W]\n  received: x [N, 3, 64, 64]"
    )


class Placed(nn.Module):
    """Patches with a table of places, for images of one size."""

    def __init__(self, img_size: int, dim: int):
        super().__init__()
        self.proj = nn.Conv2d(3, dim, 8, stride=8)
        self.pos_embed = nn.Parameter(torch.zeros(1, dim, img_size // 8, img_size // 8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.proj(x) + self.pos_embed


def test_sizes_of_inputs_that_differ_are_a_parameter() -> None:
    given = {"small": {"img_size": 32, "dim": 4}, "large": {"img_size": 64, "dim": 8}}
    graphs = {}
    for name, one in given.items():
        image = torch.zeros(2, 3, one["img_size"], one["img_size"])
        with pytest.warns(UserWarning, match="sizes are fixed"):
            graphs[name] = ag.from_torch(Placed(**one), {"x": image}, verify=False)
    spec = family_data(graphs, list(given.values()), "placed")
    assert spec["inputs"] == {"x": ["N", 3, "=img_size", "=img_size"]}
    assert spec["presets"]["large"] == {"img_size": 64, "dim": 8}
    assert str(ag.load(spec, "large").inputs[0].type) == "[N, 3, 64, 64]"


def test_a_preset_that_is_not_equal_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from archgraph.importing import family

    def swapped(*given: Any) -> dict[str, Any]:
        spec = family_data(*given)
        spec["presets"]["large"]["depths"] = [2, 2]
        return spec

    monkeypatch.setattr(family, "family_data", swapped)
    with pytest.raises(ImportingError, match="large: the preset that was written has other weights"):
        ag.from_torch({"small": small, "large": large}, SIZES)


def test_the_command_writes_presets_and_what_was_proved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    given = [f"{Path(__file__).stem}:small", f"big={Path(__file__).stem}:large", "--input", "x=N,3,H,W"]
    path = tmp_path / "stages.yaml"
    with pytest.raises(SystemExit, match="0"):
        main(["import", *given, "-o", str(path), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert (told["name"], [*told["presets"]]) == ("stages", ["small", "big"])
    assert told["presets"]["big"]["proof"]["largest_difference"] < 1e-10
    checked = recheck(path)
    assert [*checked.facts["presets"]] == ["small", "big"]
    assert "big:" in [*checked.lines()]
    with pytest.raises(SystemExit, match="0"):
        main(["verify", str(path)])
    assert "is the spec that was proved" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["torchvision:resnet18", "torchvision:resnet18"], "two networks are called resnet18"),
        (
            ["torchvision:resnet18", "torchvision:resnet34", "--weights", "w.safetensors"],
            "--weights writes the weights",
        ),
        (["a=net:a", "b=net:b", "--config", "config.json"], "--config describes one network"),
    ],
)
def test_what_a_family_does_not_take(given: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["import", *given, "-o", "family.yaml"])
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_copies_that_are_told_unlike_many_arguments_stand_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EfficientViT, whose heads have convolutions with kernels of their own: standard blocks, told only what differs
    from their defaults."""
    references.timm()
    monkeypatch.chdir(tmp_path)
    sources = ["timm:efficientvit_m0", "timm:efficientvit_m5"]
    with pytest.raises(SystemExit, match="0"):
        main(["import", *sources, "--name", "net", "-o", "net.yaml", "--no-verify"])
    graph = ag.load("net.yaml", "efficientvit_m5")
    made = references.timm().create_model("efficientvit_m5")
    assert [weight.key for weight in weights(graph)] == list(made.state_dict())


class Shared(nn.Module):
    """A unit with two branches, of which each has a share of the rate."""

    def __init__(self, drop_path: float, shares: tuple[float, float]):
        super().__init__()
        from torchvision.ops import StochasticDepth

        self.conv1, self.conv2 = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
        self.drops = nn.ModuleList(StochasticDepth(share * drop_path, "row") for share in shares)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.drops[0](self.conv1(x))
        return x + self.drops[1](self.conv2(x))


class Shares(nn.Module):
    """Units whose branches are left out more often the deeper they stand, in two stages with a convolution between."""

    def __init__(self, depths: tuple[int, int], drop_path_rate: float, shares: tuple[float, float] = (1.0, 0.75)):
        super().__init__()
        rates = [drop_path_rate * place / (sum(depths) - 1) for place in range(sum(depths))]
        first = depths[0]
        self.units = nn.ModuleList(Shared(rate, shares) for rate in rates[:first])
        self.conv = nn.Conv2d(3, 3, 1)
        self.more = nn.ModuleList(Shared(rate, shares) for rate in rates[first:])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for unit in self.units:
            x = unit(x)
        x = self.conv(x)
        for unit in self.more:
            x = unit(x)
        return x


def test_branches_have_shares_of_the_rate_of_their_layer() -> None:
    references.torchvision()
    graphs = ag.from_torch({"short": lambda: Shares((2, 3), 0.1), "long": lambda: Shares((3, 5), 0.2)}, SIZES)
    spec = graphs["long"].info.written
    assert spec["params"] == {"drop_path_rate": 0.1, "depths": [2, 3]}
    assert spec["nodes"]["units"]["drop_path"] == "=drop_path_rate * i / (sum(depths) - 1)"
    assert spec["nodes"]["more"]["drop_path"] == "=drop_path_rate * (depths[0] + i) / (sum(depths) - 1)"
    shares = [node["p"] for node in _all_nodes(spec["blocks"]["shared"]["nodes"]) if "p" in node]
    assert shares == ["=drop_path", "=0.75 * drop_path"]


def test_shares_that_nobody_chooses_are_numbers_of_their_own() -> None:
    references.torchvision()
    made = {"short": lambda: Shares((2, 3), 0.1, (1.0, 0.3)), "long": lambda: Shares((3, 5), 0.2, (1.0, 0.3))}
    spec = ag.from_torch(made, SIZES)["long"].info.written
    shares = [node["p"] for node in _all_nodes(spec["blocks"]["shared"]["nodes"]) if "p" in node]
    assert "=0.3 * drop_path" not in shares


def test_networks_that_leave_nothing_out_are_told_as_the_others() -> None:
    references.torchvision()
    spec = ag.from_torch(
        {"plain": lambda: Shares((2, 3), 0.0, (1.0, 0.5)), "dropped": lambda: Shares((2, 3), 0.1, (1.0, 0.5))}, SIZES
    )["dropped"].info.written
    assert spec["presets"]["dropped"] == {"drop_path_rate": 0.1}


class Stem(nn.Module):
    """Two convolutions before stages of some widths, and a residual unit in the first of them."""

    def __init__(self, dims: tuple[int, ...], widths: tuple[int, int]):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, widths[0], 3), nn.Conv2d(widths[0], widths[1], 3)
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in zip((widths[1], *dims), dims, strict=False))
        self.last = nn.Conv2d(dims[-1], 5, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        image = self.conv2(self.conv1(image).relu())
        for conv in self.convs:
            image = conv(image)
        return self.last(image)


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        ((16, 32), ("=dims[0] // 2", "=dims[0]")),
        ((24, 32), (24, "=dims[0]")),
        ((32, 24), (32, 24)),
        ((16, 24), (16, 24)),
    ],
)
def test_the_stem_ends_with_the_first_width(stem: tuple[int, int], expected: tuple[Any, Any]) -> None:
    """A width that some convolution before has is none, unless the last one has it."""
    made = {"one": lambda: Stem((32, 48, 64), stem), "two": lambda: Stem((32, 64, 96), stem)}
    spec = ag.from_torch(made, {"image": "N,3,H,W"})["two"].info.written
    assert spec["presets"]["two"] == {"dims": [32, 64, 96]}
    assert tuple(spec["nodes"][name]["out_channels"] for name in ("conv1", "conv2")) == expected

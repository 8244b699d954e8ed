"""The commands that only read and print."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import archgraph as ag
from archgraph.graph.text import quantity
from archgraph.ops import REGISTRY

SIZES = ("--size", "N=1,H=32,W=32")


def test_summary(archgraph: Any) -> None:
    ran = archgraph("summary", "resnet50", "--size", "N=1,H=224", "--size", "W=224", "--depth", "2")
    assert ran.status == 0
    rows = [line.split() for line in ran.out.splitlines()]
    assert [
        "layer3.1",
        "…",
        "5",
        "×",
        "5",
        "bottleneck",
        "[1,",
        "1024,",
        "14,",
        "14]",
        "1,117,184",
        "218",
        "M",
    ] in rows
    assert ["parameters", "25,557,032"] in rows
    assert ["MACs", "4.09", "G", "(4,089,184,256)"] in rows


def test_summary_opens_as_many_levels_as_stay_readable(archgraph: Any) -> None:
    deep = archgraph("summary", "resnet50").out.splitlines()
    assert len(deep) < 80
    assert any("layer1.0" in line for line in deep)
    whole = archgraph("summary", "resnet50", "--all", "--wide").out
    assert "layer4.2.conv3" in whole
    assert "×" not in whole.partition("\n")[2].split("input ")[0]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """What is printed from then on is read on a screen of so many columns."""

    def of(columns: int) -> None:
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("TERM", "dumb")

    return of


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("name", ["resnet50", "ddpm@cifar10"])
def test_a_table_of_symbolic_sizes_fits_a_terminal(archgraph: Any, terminal: Any, name: str, columns: int) -> None:
    terminal(columns)
    shown = archgraph("summary", name).out.splitlines()
    table = shown[2 : next(i for i, line in enumerate(shown) if line.startswith(("where", "input")))]
    below = " ".join(shown[shown.index(next(line for line in shown if line.startswith("the MACs"))) :])
    assert max(map(len, shown)) <= columns
    paths = {row.split()[0] for row in table[2:] if row.strip() and not row.startswith("   ")}
    assert {"resnet50": {"conv1", "layer3", "fc"}, "ddpm@cifar10": {"conv_in", "mid_block"}}[name] <= paths
    sizes = below.rpartition("--size ")[2]
    assert f"the MACs of the rows are at {sizes.replace(',', ', ')}, " in below
    total = next(line for line in archgraph("summary", name, "--wide").out.splitlines() if line.startswith("MACs "))
    assert total.split(maxsplit=1)[1] == str(ag.summarize(name).cost.macs)


def test_the_rows_have_the_numbers_that_the_named_sizes_give(archgraph: Any, terminal: Any) -> None:
    terminal(120)
    free = archgraph("summary", "ddpm@cifar10", "--depth", 1).out.splitlines()
    numbers = {row.split()[0]: " ".join(row.split()[-2:]) for row in free if row.rstrip().endswith((" M", " G", " k"))}
    fixed = ag.summarize("ddpm@cifar10", {"N": 1, "H": 32, "W": 32}, 1)
    assert numbers == {row.path: quantity(row.cost.macs) for row in fixed.rows if row.cost.macs}
    assert "6.22 G in all" in free[-1]
    assert "--size" not in archgraph("summary", "ddpm@cifar10", *SIZES).out


def test_summary_as_json(archgraph: Any, spec: Path) -> None:
    found = archgraph("summary", spec, "--json", "--size", "H=9").json
    assert found["totals"]["parameters"] == 224
    assert found["outputs"]["features"]["shape"] == ["N", 8, 5, "(W + 1) // 2"]


@pytest.mark.parametrize("size", ["H", "H=x", "H=0", "Q=3", "H=-1"])
def test_wrong_sizes(archgraph: Any, spec: Path, size: str) -> None:
    ran = archgraph("summary", spec, "--size", size)
    assert ran.status == 1
    assert ran.err.startswith("error: ")


def test_a_size_that_the_network_does_not_take(archgraph: Any) -> None:
    ran = archgraph("summary", "ddpm@cifar10", "--size", "H=30")
    assert ran.status == 1
    assert "expected: H must be a multiple of 8" in ran.err


def test_diff(archgraph: Any, spec: Path) -> None:
    ran = archgraph("diff", f"{spec}@narrow", f"{spec}@wide")
    assert ran.status == 0
    assert ran.out.splitlines()[:3] == [
        "--- small@narrow",
        "+++ small@wide",
        "~ conv: attribute out_channels: 4 → 16",
    ]
    assert archgraph("diff", spec, spec).out == "small and small are equal\n"
    assert archgraph("diff", f"{spec}@narrow", f"{spec}@wide", "--json").json["changed"][0]["path"] == "conv"


def test_operations_are_listed_and_documented(archgraph: Any) -> None:
    listed = archgraph("ops").out
    assert all(name in listed for name in REGISTRY)
    one = archgraph("ops", "conv2d").out
    assert one.startswith("conv2d: 2-D convolution")
    for name in REGISTRY["conv2d"].model_fields:
        assert name in one
    assert archgraph("ops", "conv2d", "--json").json["name"] == "conv2d"
    assert {entry["name"] for entry in archgraph("ops", "--json").json} == set(REGISTRY)


def test_blocks_are_listed_and_shown(archgraph: Any) -> None:
    assert "bottleneck" in archgraph("blocks").out
    assert yaml.safe_load(archgraph("blocks", "bottleneck").out)["name"] == "bottleneck"
    (found,) = archgraph("blocks", "bottleneck", "--json").json
    assert "planes" in found["params"]


def test_models_are_listed_and_shown(archgraph: Any) -> None:
    listed = archgraph("models", "--json").json
    assert {"resnet", "ddpm"} <= {entry["name"] for entry in listed}
    assert "resnet50" in archgraph("models").out
    assert yaml.safe_load(archgraph("models", "resnet50").out)["name"] == "resnet"
    found = {model["name"] for model in archgraph("models", "--search", "Segmentation", "--json").json}
    assert {"deeplabv3", "fcn", "lraspp"} <= found < {model["name"] for model in listed}
    both = archgraph("models", "--search", "Wang et al. 2020", "--search", "ecaresnet101d", "--json").json
    assert [model["name"] for model in both] == ["eca_resnet"]
    by_paper = archgraph("models", "--search", "Wide Residual Networks", "--search", "torchvision", "--json").json
    assert [model["name"] for model in by_paper] == ["resnet"]
    assert by_paper[0]["papers"][0]["year"] == 2016
    ran = archgraph("models", "--search", "no such network")
    assert ran.status == 1
    assert "no shipped model has 'no such network'" in ran.err


@pytest.mark.parametrize(
    ("command", "name", "near"),
    [("ops", "conv2", "conv2d"), ("blocks", "bottlneck", "bottleneck"), ("models", "resnet5", "resnet")],
)
def test_unknown_names_get_a_hint(archgraph: Any, command: str, name: str, near: str) -> None:
    ran = archgraph(command, name)
    assert ran.status == 1
    assert f"hint: did you mean '{near}" in ran.err


def test_version(archgraph: Any) -> None:
    assert archgraph("--version").out == f"archgraph {ag.__version__}\n"


def test_help_lists_every_command(archgraph: Any) -> None:
    from archgraph.cli.app import COMMANDS

    ran = archgraph("--help")
    assert ran.status == 0
    assert all(f"│ {name} " in ran.out for name in COMMANDS)


def test_the_help_of_each_command_has_an_example(archgraph: Any) -> None:
    from archgraph.cli.app import COMMANDS

    for name in COMMANDS:
        ran = archgraph(name, "--help")
        assert ran.status == 0
        assert f"Example: archgraph {name}" in ran.out


EXTENDED = "archgraph: 1\nname: wider\nextends: ./small.yaml@narrow\nset: {conv: {bias: false}}\n"


def test_show_prints_the_text_and_what_it_stands_for(archgraph: Any, spec: Path) -> None:
    wider = spec.parent / "wider.yaml"
    wider.write_text(EXTENDED)
    assert archgraph("show", wider).out == EXTENDED
    expanded = archgraph("show", wider, "--expanded").out
    assert "extends" not in expanded
    (spec.parent / "printed.yaml").write_text(expanded)
    assert archgraph("diff", wider, spec.parent / "printed.yaml").out == "wider and wider are equal\n"
    assert archgraph("show", wider, "--json").json["name"] == "wider"


def test_show_cites_the_papers_of_a_preset_and_names_its_picture(archgraph: Any) -> None:
    ran = archgraph("show", "resnext50_32x4d")
    papers, reference, picture = ran.err.splitlines()
    title = "Aggregated Residual Transformations for Deep Neural Networks"
    assert papers == f"paper: Xie et al. 2017, {title}, https://arxiv.org/abs/1611.05431"
    assert reference == "reference: torchvision"
    assert Path(picture.removeprefix("picture: ")).read_text(encoding="utf-8").startswith("<?xml")
    assert yaml.safe_load(ran.out)["name"] == "resnet"
    assert "He et al. 2016" in archgraph("show", "resnet").err
    assert "He et al. 2019" in archgraph("show", "resnet_d").err


def test_an_extension_has_no_paper_of_its_base(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("archgraph: 1\nname: mine\nextends: resnet\n", encoding="utf-8")
    meta = ag.load(tmp_path / "mine.yaml", "resnet18").info.meta
    assert meta["task"] == "classification"
    assert meta.keys().isdisjoint({"papers", "reference"})


def test_show_says_where_values_are_from(archgraph: Any, spec: Path) -> None:
    wider = spec.parent / "wider.yaml"
    wider.write_text(EXTENDED)
    conv = next(line for line in archgraph("show", wider, "--resolved").out.splitlines() if "conv:" in line)
    line = 1 + next(at for at, text in enumerate(spec.read_text().splitlines()) if "conv:" in text)
    assert conv.endswith(f"small.yaml:{line}; bias: {_place(conv, 'bias')}")
    assert _place(conv, "bias").endswith("wider.yaml:4")
    values = {one["path"]: one for one in archgraph("show", wider, "--resolved", "--json").json}
    assert values["nodes.conv.bias"] | {"file": ""} == {
        "path": "nodes.conv.bias",
        "value": False,
        "file": "",
        "line": 4,
    }


def _place(line: str, name: str) -> str:
    return line.rpartition(f"{name}: ")[2]


def test_show_refuses_two_forms_and_unknown_presets(archgraph: Any, spec: Path) -> None:
    both = archgraph("show", spec, "--expanded", "--resolved")
    assert both.status == 1
    assert "are two forms of one text" in both.err
    assert "small has no preset 'huge'" in archgraph("show", f"{spec}@huge").err


@pytest.mark.parametrize("option", ["--rules", "-o"])
def test_diff_overwrites_neither_network(option: str, archgraph: Any, spec: Path) -> None:
    other = spec.with_name("other.yaml")
    other.write_text(spec.read_text().replace("  conv:", "  moved:"))
    for kept in (spec, other):
        text = kept.read_text()
        said = archgraph("diff", f"{spec}@narrow", f"{other}@narrow", option, kept)
        assert said.status == 1
        assert "is read by this command, which would overwrite it" in said.err
        assert kept.read_text() == text


def test_diff_of_a_checkpoint_with_a_picture_and_rules(archgraph: Any, spec: Path, tmp_path: Path) -> None:
    ran = archgraph("diff", f"{spec}@narrow", f"{spec}@wide", "-o", tmp_path / "d.dot")
    assert "a checkpoint of small@narrow in small@wide: of its keys" in ran.out
    assert "  ~ conv.weight: [4, 3, " in ran.out
    picture = (tmp_path / "d.dot").read_text()
    assert "against small@narrow" in picture
    assert "#FFF1D6" in picture  # what changed
    refused = archgraph("diff", f"{spec}@narrow", f"{spec}@wide", "--rules", tmp_path / "r.yaml")
    assert refused.status == 1
    assert "no tensor of small@narrow has moved" in refused.err
    assert not (tmp_path / "r.yaml").exists()


def test_diff_draws_what_is_gone_and_writes_renames(archgraph: Any, spec: Path, tmp_path: Path) -> None:
    head = "archgraph: 1\nname: wrapped\nextends: ./small.yaml@narrow\n"
    (spec.parent / "wrapped.yaml").write_text(f"{head}wrap: {{conv: {{op: around}}}}\n{AROUND}")
    ran = archgraph(
        "diff", f"{spec}@narrow", spec.parent / "wrapped.yaml", "--rules", tmp_path / "r.yaml", "-o", tmp_path / "d.dot"
    )
    assert "  > conv.weight → conv.fn.weight" in ran.out
    assert (tmp_path / "r.yaml").read_text() == '- {rename: "conv.*", to: "conv.fn.*"}\n'
    picture = (tmp_path / "d.dot").read_text()
    assert "removed: conv (conv2d)" in picture
    assert "#DFF5E6" in picture  # what is added


AROUND = "blocks: {around: {params: {fn: node}, inputs: {x: [N, C, H, W]}, nodes: {fn: =fn}}}\n"

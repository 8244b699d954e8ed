"""`check`, and what every command does with wrong input: status 1, a place, no traceback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


def test_every_preset_is_checked(archgraph: Any, spec: Path) -> None:
    ran = archgraph("check", spec)
    assert (ran.status, ran.err) == (0, "")
    title, *lines = ran.out.splitlines()
    defaults = "where none is named, other commands take the parameters' defaults"
    assert title == f"{spec}: 2 presets, each checked; {defaults}"
    assert lines == [
        "small@narrow: ok, 112 parameters",
        "  input   image [N, 3, H, W]",
        "  output  features [N, 4, (H + 1) // 2, (W + 1) // 2]",
        "small@wide: ok, 448 parameters",
        "  input   image [N, 3, H, W]",
        "  output  features [N, 16, (H + 1) // 2, (W + 1) // 2]",
    ]


def test_one_preset(archgraph: Any, spec: Path) -> None:
    assert archgraph("check", f"{spec}@wide").out.startswith("small@wide: ok, 448 parameters\n")


def test_constraints_come_with_their_cause(archgraph: Any) -> None:
    lines = archgraph("check", "ddpm@cifar10").out.splitlines()
    at = lines.index("  size    H must be a multiple of 8")
    assert lines[at + 1].startswith("          because of up.1.layer.0.skip (ddpm.yaml:")


def test_parameters_are_set(archgraph: Any, spec: Path) -> None:
    assert "small: ok, 56 parameters" in archgraph("check", spec, "--set", "width=2").out


def test_every_error_of_every_file_is_listed(archgraph: Any, spec: Path, bad: Path) -> None:
    ran = archgraph("check", bad, spec, "nothing.yaml")
    assert ran.status == 1
    assert ran.err.count("error: ") == 3
    assert f"{bad}:8:" in ran.err
    assert "  hint: did you mean 'stride'?" in ran.err
    assert "  hint: did you mean 'silu'?" in ran.err
    assert "there is no file 'nothing.yaml'" in ran.err
    assert "small@wide: ok" in ran.out  # the good one is still checked


def test_errors_point_at_the_place(archgraph: Any, bad: Path) -> None:
    lines = archgraph("check", bad).err.splitlines()
    (caret,) = [i for i, line in enumerate(lines) if "^" in line and "strde" in lines[i - 1]]
    assert lines[caret].index("^") == lines[caret - 1].index("strde")


def test_json_holds_graphs_and_problems(archgraph: Any, spec: Path, bad: Path) -> None:
    ran = archgraph("check", "--json", spec, bad)
    assert ran.status == 1
    good, wrong = ran.json
    assert good["ok"]
    assert [graph["preset"] for graph in good["graphs"]] == ["narrow", "wide"]
    assert good["graphs"][0]["inputs"] == {"image": "[N, 3, H, W]"}
    assert not wrong["ok"]
    assert {problem["line"] for problem in wrong["problems"]} == {8, 9}
    assert all(problem["file"] == str(bad) for problem in wrong["problems"])


def test_warnings_are_printed(archgraph: Any, tmp_path: Path, spec: Path) -> None:
    text = spec.read_text(encoding="utf-8").replace("  act: silu", "  act: silu\n  idle: {op: relu, in: conv}")
    text = text.replace("act: silu", "act: {op: silu, in: conv}")
    spec.write_text(text, encoding="utf-8")
    ran = archgraph("check", spec)
    assert ran.status == 0
    assert ran.err.count("warning: ") == 1
    assert "idle" in ran.err


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("width", "--set takes name=value"),
        ("width=[1", "--set width:1"),
        ("wide=4", "wide"),
        ("width=narrow", "width"),
    ],
)
def test_wrong_settings(archgraph: Any, spec: Path, setting: str, said: str) -> None:
    ran = archgraph("summary", spec, "--set", setting)
    assert ran.status == 1
    assert "error: " in ran.err
    assert said in ran.err


def test_the_same_setting_twice(archgraph: Any, spec: Path) -> None:
    ran = archgraph("check", spec, "--set", "width=1", "--set", "width=2")
    assert (ran.status, ran.err) == (1, "error: --set width is given twice\n")


def test_settings_follow_the_rules_of_spec_files(archgraph: Any, tmp_path: Path) -> None:
    path = tmp_path / "typed.yaml"
    path.write_text(
        "archgraph: 1\nname: typed\nparams: {word: off, rate: 0.5, sizes: [1]}\ninputs: {x: [N, 4]}\n"
        "nodes:\n  fc: {op: linear, out_features: '=sizes[0]', bias: \"=word == 'on'\"}\n"
        "  drop: {op: dropout, p: =rate}\n",
        encoding="utf-8",
    )
    ran = archgraph("check", path, "--set", "word=on", "--set", "rate=1e-3", "--set", "sizes=[7, 8]")
    assert (ran.status, ran.err) == (0, "")
    assert "35 parameters" in ran.out  # 4 · 7 weights and 7 biases


def test_usage_errors_have_status_2(archgraph: Any) -> None:
    for arguments in (
        ("check",),
        ("chek", "resnet18"),
        ("summary", "resnet18", "--deepth", "2"),
        ("sample", "x", "-n", "0"),
    ):
        assert archgraph(*arguments).status == 2


def test_blocks_alone_are_no_network_but_may_be_checked(archgraph: Any, tmp_path: Path) -> None:
    path = tmp_path / "parts.yaml"
    path.write_text(
        "archgraph: 1\nname: parts\nblocks:\n  unit:\n    inputs: {x: [N, C, H, W]}\n    nodes: {act: relu}\n",
        encoding="utf-8",
    )
    assert archgraph("check", path).out == f"{path}: ok, blocks only\n"
    ran = archgraph("summary", path)
    assert ran.status == 1
    assert "parts holds blocks only" in ran.err


def test_a_folder_stands_for_the_specs_in_it(archgraph: Any, spec: Path, bad: Path) -> None:
    folder = spec.parent
    ran = archgraph("check", folder)
    each = archgraph("check", *sorted(folder.glob("*.yaml")))
    assert {spec.name, bad.name} <= {path.name for path in folder.iterdir()}
    assert (ran.status, ran.out, ran.err) == (each.status, each.out, each.err) == (1, ran.out, ran.err)
    Path("plain").mkdir()
    assert "plain holds no spec" in archgraph("check", "plain").err
    Path("pointnet").mkdir()
    assert archgraph("check", "pointnet").out.startswith("pointnet")


def test_a_folder_that_is_no_training_run(archgraph: Any) -> None:
    Path("plain").mkdir()
    ran = archgraph("summary", "plain")
    assert ran.status == 1
    assert "hint: 'plain' is a folder, but no training run: it holds no spec.yaml" in ran.err

"""What `render` is asked of the picture: parts opened and folded, sizes, direction, legend."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


def drawn(archgraph: Any, *options: str) -> str:
    ran = archgraph("render", "resnet18", *options, "-o", "out.dot")
    assert ran.status == 0, ran.err
    return Path("out.dot").read_text(encoding="utf-8")


def test_a_block_is_opened_and_its_neighbours_are_not(archgraph: Any) -> None:
    text = drawn(archgraph, "--open", "layer2.0")
    assert '"layer2.0.conv1" [' in text
    assert '"layer2.1" [' in text
    assert '"layer3" [' in text


def test_a_block_is_folded_at_a_depth_that_opens_it(archgraph: Any) -> None:
    text = drawn(archgraph, "--depth", "9", "--fold", "layer2", "--fold", "layer3")
    assert '"layer4.0.conv1" [' in text
    assert '"layer2" [' in text
    assert '"layer3" [' in text
    assert '"layer2.0.conv1" [' not in text


def test_sizes_stand_in_the_boxes(archgraph: Any) -> None:
    text = drawn(archgraph, "--size", "N=2,H=224", "--size", "W=192")
    assert "[2, 3, 224, 192]" in text
    assert "512 channels · 7×6" in text
    assert "at N = 2, 224 × 192" in text


def test_the_flow_runs_down_or_right(archgraph: Any) -> None:
    assert "rankdir=TB" in drawn(archgraph)
    assert "rankdir=TB" in drawn(archgraph, "--direction", "down")
    assert "rankdir=LR" in drawn(archgraph, "--direction", "right")


def test_the_legend_explains_each_colour_that_is_shown(archgraph: Any) -> None:
    assert "inputs, outputs, joins" not in drawn(archgraph)
    text = drawn(archgraph, "--legend")
    for said in ("convolution", "residual", "resampling", "inputs, outputs, joins"):
        assert f">{said}<" in text
    assert ">attention<" not in text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--open", "layer2.7"), "no block or group 'layer2.7'"),
        (("--fold", "conv1"), "'conv1' is a single operation"),
        (("--direction", "left"), "down or right"),
        (("--size", "Q=1"), "Q"),
    ],
)
def test_what_is_not_there_is_refused_and_nothing_is_written(
    archgraph: Any, options: tuple[str, ...], said: str
) -> None:
    ran = archgraph("render", "resnet18", *options, "-o", "out.svg")
    assert ran.status == 1
    assert said in ran.err
    assert not Path("out.svg").exists()

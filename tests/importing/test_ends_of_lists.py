"""Lists that stages walk and that differ at an end only are conditions; all others stay lists."""

from __future__ import annotations

from typing import Any

import pytest

from archgraph.importing.writing.plain_data.ends_of_lists import with_ends_of_lists
from archgraph.language.load import load


def spec(stride: list[Any]) -> dict[str, Any]:
    conv = {"op": "conv2d", "out_channels": "=width", "kernel_size": 3, "stride": "=stride", "padding": 1}
    stages = {"for": {"width": [8, 8, 12, 16], "stride": stride}, "nodes": {"conv": conv, "act": "relu"}}
    return {"archgraph": 1, "name": "net", "inputs": {"x": ["N", 3, "H", "W"]}, "nodes": {"stages": stages}}


def strides(written: dict[str, Any]) -> list[int]:
    """What the network that a spec describes has."""
    nodes = [item for stage in load(written).items[0].body.items for item in stage.body.items]  # type: ignore[union-attr]
    return [node.op.stride[0] for node in nodes if node.op.name == "conv2d"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("stride", "text"),
    [
        ([1, 2, 2, 2], "=1 if first else 2"),
        ([2, 2, 2, 1], "=1 if last else 2"),
        ([1, 2, 2, 1], ""),
        ([2, 2, 2, 2], ""),
        ([1, 1, 2, 2], ""),
    ],
)
def test_a_list_that_differs_at_an_end_is_a_condition(stride: list[int], text: str) -> None:
    written = with_ends_of_lists(spec(stride))
    stages = written["nodes"]["stages"]
    assert stages.get("let", {}).get("stride", "") == text
    assert ("stride" in stages["for"]) == (not text)
    assert strides(written) == strides(spec(stride)) == stride


def test_counts_of_copies_stay_a_list() -> None:
    stages = {
        "for": {"width": [8, 12, 16], "depth": [1, 2, 2]},
        "nodes": {"conv": {"op": "conv2d", "repeat": "=depth", "out_channels": "=width", "kernel_size": 1}},
    }
    assert with_ends_of_lists({**spec([1, 2, 2, 2]), "nodes": {"stages": stages}})["nodes"]["stages"] == stages


def test_the_only_list_that_stages_walk_stays_one() -> None:
    alone = spec([1, 2, 2, 2])
    stages = {"for": {"stride": [1, 2, 2, 2]}, "let": {"width": 8}, "nodes": alone["nodes"]["stages"]["nodes"]}
    assert with_ends_of_lists({**alone, "nodes": {"stages": stages}})["nodes"]["stages"] == stages

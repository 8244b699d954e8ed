"""What a group norm for CUDA takes in, and where it must not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import pytest
from export_cases import random_weights

import archgraph as ag
from archgraph.export import export
from archgraph.graph.types import Graph

INPUTS = {"x": ["N", 8, "H", "W"], "e": ["N", 8]}
NODES: dict[str, Any] = {
    "wide": {"op": "unsqueeze", "in": "e", "dim": [-1, -1]},
    "sum": {"op": "add", "in": ["x", "wide"]},
    "norm": {"op": "group_norm", "in": "sum", "num_groups": 2},
    "act": {"op": "silu", "in": "norm"},
}


def spec(outputs: dict[str, str], inputs: dict[str, Any] = INPUTS, **nodes: Any) -> Graph:
    return ag.load({"archgraph": 1, "name": "m", "inputs": inputs, "nodes": NODES | nodes, "outputs": outputs})


def written(graph: Graph, folder: Path, profile: str = "cuda") -> list[str]:
    export(graph, random_weights(graph), folder / "m.onnx", profile)
    return [node.op_type for node in onnx.load(folder / "m.onnx").graph.node]


WHOLE = ["Transpose", "SkipGroupNorm", "Transpose"]
APART = ["Sigmoid", "Mul"]
SUM = ["Unsqueeze", "Add", "Transpose", "GroupNorm", "Transpose"]


@pytest.mark.parametrize(
    ("graph", "kinds"),
    [
        (spec({"y": "act"}), WHOLE),
        (spec({"y": "act"}, sum={"op": "add", "in": ["wide", "x"]}), WHOLE),
        (spec({"y": "act", "z": "norm"}), [*WHOLE, *APART]),
        (spec({"y": "act", "z": "sum"}), SUM),
        (spec({"y": "act"}, INPUTS | {"e": [1, 8]}), SUM),  # one vector for all samples
        (spec({"y": "act"}, INPUTS | {"e": ["N", 8, "H"]}, wide={"op": "unsqueeze", "in": "e", "dim": -1}), SUM),
        (spec({"y": "more"}, more={"op": "mul", "in": ["act", "norm"]}), [*WHOLE, *APART, "Mul"]),
    ],
    ids=["all", "exchanged", "norm seen", "sum seen", "one for all", "not over space", "norm read again"],
)
def test_nothing_is_taken_in_that_others_read(graph: Graph, kinds: list[str], tmp_path: Path) -> None:
    assert written(graph, tmp_path) == kinds


@pytest.mark.parametrize(
    ("shape", "groups", "has_kernel"),
    [
        (["N", 6, "H", "W"], 2, False),  # three channels a group: they are read in pairs
        (["N", 1024, "H", "W"], 2, True),
        (["N", 1028, "H", "W"], 2, False),  # 514 are too many
        (["N", 8, "L"], 2, False),  # no image
    ],
)
def test_what_has_no_kernel_keeps_its_form(shape: list[Any], groups: int, has_kernel: bool, tmp_path: Path) -> None:
    nodes = {"norm": {"op": "group_norm", "num_groups": groups}}
    graph = ag.load({"archgraph": 1, "name": "m", "inputs": {"x": shape}, "nodes": nodes, "outputs": {"y": "norm"}})
    assert ("GroupNorm" in written(graph, tmp_path)) == has_kernel


def test_norms_without_weights_and_of_single_channels_are_as_in_portable_files(tmp_path: Path) -> None:
    """One pass is all they take already."""
    for how in ({"affine": False}, {"num_groups": 8}):
        norm = {"op": "group_norm", "in": "sum", "num_groups": 2, **how}
        graph = spec({"y": "norm"}, norm=norm)
        assert written(graph, tmp_path, "cpu") == written(graph, tmp_path, "portable")

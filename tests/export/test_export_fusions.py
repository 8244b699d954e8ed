"""What a group norm for CUDA takes in, and where it must not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import pytest
from export_cases import random_weights

import archgraph as ag
from archgraph.export import ExportOptions, export
from archgraph.graph.fixed_sizes import fixed
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


def written(graph: Graph, folder: Path, profile: str = "cuda", dtype: str = "float32") -> list[str]:
    export(graph, random_weights(graph), folder / "m.onnx", ExportOptions(profile, dtype=dtype))
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


def test_a_vector_that_is_cast_is_cast_before_it_is_spread(tmp_path: Path) -> None:
    """An embedding that stays in float32 in a float16 file is the norm's `skip` too."""
    nodes = {"embed": {"op": "linear", "in": "e", "out_features": 8}, **NODES}
    nodes["wide"] = NODES["wide"] | {"in": "embed"}
    graph = ag.load({"archgraph": 1, "name": "m", "inputs": INPUTS, "nodes": nodes, "outputs": {"y": "act"}})
    options = ExportOptions("cuda", dtype="float16", keep=("embed",))
    export(graph, random_weights(graph), tmp_path / "m.onnx", options)
    found = onnx.load(tmp_path / "m.onnx").graph.node
    assert [node.op_type for node in found] == ["Gemm", "Cast", "Cast", *WHOLE, "Cast"]
    (norm,) = (node for node in found if node.op_type == "SkipGroupNorm")
    assert norm.input[3] in [node.output[0] for node in found if node.op_type == "Cast" and "embed" in node.input]


def test_the_norm_says_that_the_channels_are_last(tmp_path: Path) -> None:
    """`channels_last` is 1 for NHWC and `activation` 0 for none: com.microsoft.GroupNorm of ONNX Runtime."""
    graph = spec({"y": "norm"}, sum={"op": "add", "in": ["x", "x"]}, norm=NORM)
    assert written(graph, tmp_path)[-2:] == ["GroupNorm", "Transpose"]
    (norm,) = (node for node in onnx.load(tmp_path / "m.onnx").graph.node if node.op_type == "GroupNorm")
    found = {each.name: onnx.helper.get_attribute_value(each) for each in norm.attribute}
    assert found == {"activation": 0, "channels_last": 1, "epsilon": pytest.approx(1e-5), "groups": 2}


TOKENS: dict[str, Any] = {
    "rows": {"op": "flatten", "in": "norm", "start_dim": 2},
    "tokens": {"op": "transpose", "dim0": 1, "dim1": 2},
    "work": {"op": "linear", "out_features": 8},
    "columns": {"op": "transpose", "dim0": 1, "dim1": 2},
    "image": {"op": "reshape", "shape": ["=N", 8, "=H", "=W"]},
}
NORM = {"op": "group_norm", "in": "x", "num_groups": 2}
NORMED, LINEAR = ["Transpose", "GroupNorm"], ["MatMul", "Add"]
WIDER = {"work": {"op": "linear", "out_features": 16}, "image": {"op": "reshape", "shape": ["=N", 16, "=H", "=W"]}}
COMPUTED = ["Shape", "Concat", "Reshape", "Transpose"]


@pytest.mark.parametrize(
    ("nodes", "outputs", "sizes", "kinds"),
    [
        ({}, {"y": "image"}, {}, [*NORMED, "Reshape", *LINEAR, "Shape", "Reshape", "Transpose"]),
        ({}, {"y": "image"}, {"H": 6}, [*NORMED, "Reshape", *LINEAR, "Reshape", "Transpose"]),
        ({}, {"y": "image"}, {"W": 6}, [*NORMED, "Reshape", *LINEAR, "Reshape", "Transpose"]),
        (WIDER, {"y": "image"}, {}, [*NORMED, "Reshape", *LINEAR, *COMPUTED]),
        (
            {},
            {"y": "image", "z": "rows"},
            {"H": 6},
            [*NORMED, "Transpose", "Reshape", "Transpose", *LINEAR, "Reshape", "Transpose"],
        ),
        (
            {"columns": {"op": "relu"}, "image": {"op": "relu"}},
            {"y": "image"},
            {},
            [*NORMED, "Reshape", *LINEAR, *["Relu"] * 2],
        ),
    ],
    ids=["free sizes", "rows known", "columns known", "other channels", "rows seen", "no image"],
)
def test_tokens_of_images_keep_their_channels_last(
    nodes: dict[str, Any], outputs: dict[str, str], sizes: dict[str, int], kinds: list[str], tmp_path: Path
) -> None:
    """No other transposes than those that cancel, and sizes that are read from a tensor where one has them all."""
    every = {"norm": NORM} | TOKENS | nodes
    inputs = {"x": ["N", 8, "H", "W"]}
    graph = ag.load({"archgraph": 1, "name": "m", "inputs": inputs, "nodes": every, "outputs": outputs})
    assert written(fixed(graph, sizes), tmp_path) == kinds
    assert ag.to_onnx(graph, tmp_path / "proved.onnx", profile="cuda", sizes=sizes).certificate


def test_norms_without_weights_and_of_single_channels_are_as_in_portable_files(tmp_path: Path) -> None:
    """One pass is all they take already."""
    for how in ({"affine": False}, {"num_groups": 8}):
        norm = {"op": "group_norm", "in": "sum", "num_groups": 2, **how}
        graph = spec({"y": "norm"}, norm=norm)
        assert written(graph, tmp_path, "cpu") == written(graph, tmp_path, "portable")


@pytest.mark.parametrize(
    ("dtype", "to_tokens", "to_image"),
    [
        ("float16", ["Transpose", "Reshape"], ["Reshape", "Transpose"]),
        ("float32", ["Reshape", "Transpose"], ["Concat", "Reshape"]),
    ],
)
def test_tokens_of_images_without_norms(dtype: str, to_tokens: list[str], to_image: list[str], tmp_path: Path) -> None:
    """With the channels last in float16 only, whose convolutions gain by it."""
    nodes = {"norm": {"op": "silu", "in": "x"}, **TOKENS}
    graph = ag.load(
        {"archgraph": 1, "name": "m", "inputs": {"x": ["N", 8, "H", "W"]}, "nodes": nodes, "outputs": {"y": "image"}}
    )
    kinds = [kind for kind in written(graph, tmp_path, dtype=dtype) if kind != "Cast"]
    assert kinds[: 2 + len(to_tokens)] == ["Sigmoid", "Mul", *to_tokens]
    assert kinds[-2:] == to_image

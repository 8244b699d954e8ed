"""Linear layers over tokens: torch's values, and in which form they are written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from export_cases import network, random_weights, require_torchs

import archgraph
from archgraph.export import ExportOptions, export

ROWS = Counter(Gemm=1, Reshape=2)
TOKENS = Counter(MatMul=1, Add=1)


def exported(nodes: Mapping[str, Any], shape: list[Any], folder: Path, options: ExportOptions) -> onnx.GraphProto:
    graph = network(nodes, {"x": shape})
    export(graph, random_weights(graph), folder / "it.onnx", options)
    return onnx.load(folder / "it.onnx").graph


def layers(found: onnx.GraphProto) -> Counter[str]:
    return Counter(node.op_type for node in found.node if node.op_type in ("Gemm", "MatMul", "Add", "Reshape"))


@pytest.mark.parametrize(
    ("shape", "out", "expected"),
    [
        (["N", "L", 16], 32, ROWS),
        (["N", "H", "W", 16], 32, ROWS),
        ([2, 300, 16], 32, ROWS),
        (["N", 300, 128], 128, ROWS),
        (["N", "L", 128], 129, TOKENS),  # the product takes long enough
        (["N", 49, 16], 32, TOKENS),  # few tokens
        ([1, 49, 16], 32, TOKENS),
        ([8, 49, 16], 32, ROWS),
    ],
    ids=str,
)
def test_small_matrices_are_applied_to_rows(shape: list[Any], out: int, expected: Counter[str], tmp_path: Path) -> None:
    nodes = {"it": {"op": "linear", "out_features": out}}
    assert layers(exported(nodes, shape, tmp_path, ExportOptions("cpu"))) == expected
    assert layers(exported(nodes, shape, tmp_path, ExportOptions("portable"))) == TOKENS
    assert layers(exported(nodes, shape, tmp_path, ExportOptions("cuda"))) == TOKENS


@pytest.mark.parametrize(("windows", "expected"), [(4, ROWS), (2, TOKENS)])
def test_windows_are_counted(windows: int, expected: Counter[str], tmp_path: Path) -> None:
    """So many in each element of the batch, of 49 tokens each."""
    nodes = {
        "apart": {"op": "reshape", "shape": [f"={windows} * N", 49, 16]},
        "it": {"op": "linear", "out_features": 32},
    }
    found = layers(exported(nodes, ["N", windows * 49, 16], tmp_path, ExportOptions("cpu")))
    assert found == expected + Counter(Reshape=1)


def test_without_a_bias_there_is_nothing_to_gain(tmp_path: Path) -> None:
    nodes = {"it": {"op": "linear", "out_features": 8, "bias": False}}
    assert layers(exported(nodes, ["N", "L", 8], tmp_path, ExportOptions("cpu"))) == Counter(MatMul=1)


def test_low_types_keep_the_product(tmp_path: Path) -> None:
    """No kernel of a CPU is known to begin a product of theirs with the bias."""
    nodes = {"it": {"op": "linear", "out_features": 8}}
    assert layers(exported(nodes, ["N", "L", 8], tmp_path, ExportOptions("cpu", dtype="float16"))) == TOKENS


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 5, 3), (3, 40, 7)], ids=str)
def test_what_reads_one_value_shares_its_rows(shape: tuple[int, int, int], tmp_path: Path) -> None:
    """Layers over the tokens of an image of any size, with a tied and with a parametrized matrix."""
    nodes = {
        "query": {"op": "linear", "in": "x", "out_features": 24},
        "key": {"op": "linear", "in": "x", "out_features": 24, "weight_norm": {"dim": 0}},
        "value": {"op": "linear", "in": "x", "out_features": 24, "tie": {"weight": "query.weight"}},
        "sum": {"op": "add", "in": ["query", "key"]},
        "gelu": {"op": "gelu", "in": "sum"},
        "add": {"op": "add", "in": ["gelu", "value"]},
        "back": {"op": "linear", "in": "add", "out_features": 16},
        "skip": {"op": "add", "in": ["back", "x"]},
        "norm": "layer_norm",
    }
    graph = network(nodes, {"x": ["N", "H", "W", 16]})
    x = np.random.default_rng(0).standard_normal((*shape, 16)).astype(np.float32)
    require_torchs(graph, tmp_path, [{"x": x}])
    found = layers(onnx.load(tmp_path / "cpu.onnx").graph)
    assert found["Gemm"] == 4
    assert found["Reshape"] == 2 + 4


def test_in_the_body_of_a_scan(tmp_path: Path) -> None:
    """The layer that is the same in every step reads its tokens once, outside."""
    block = {
        "inputs": {"x": ["N", "L", "C"], "h": ["N", "L", "C"], "same": ["N", "L", "C"]},
        "nodes": {
            "of_input": {"op": "linear", "in": "x", "out_features": "=C"},
            "of_state": {"op": "linear", "in": "h", "out_features": "=C"},
            "of_same": {"op": "linear", "in": "same", "out_features": "=C"},
            "sum": {"op": "add", "in": ["of_input", "of_state"]},
            "all": {"op": "add", "in": ["sum", "of_same"]},
            "new": "tanh",
        },
        "outputs": {"h": "new"},
    }
    step = {"op": "step", "scan": {"x": 1}, "chain": ["h"], "in": {"x": "x", "h": "start", "same": "start"}}
    spec = {
        "archgraph": 1,
        "name": "n",
        "inputs": {"x": ["N", "T", "L", 8], "start": ["N", "L", 8]},
        "nodes": {"it": step},
        "outputs": {"h": "it"},
        "blocks": {"step": block},
    }
    graph = archgraph.load(spec)
    draw = np.random.default_rng(0)
    given = [
        {
            "x": draw.standard_normal((2, steps, tokens, 8)).astype(np.float32),
            "start": draw.standard_normal((2, tokens, 8)).astype(np.float32),
        }
        for steps, tokens in ((1, 1), (4, 9))
    ]
    require_torchs(graph, tmp_path, given)

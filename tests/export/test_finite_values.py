"""Rows of a mask that leave no token are looked for only where the mask may be infinite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from export_cases import network, require_torchs

from archgraph.export import ExportOptions, export

N, L = 2, 5
Bias = tuple[dict[str, Any], dict[str, Any]]
MASK: dict[str, Any] = {"m": [L, L]}

FINITE: dict[str, Bias] = {
    "a table": (
        {
            "table": {"op": "parameter", "shape": [9, 2], "init": "normal"},
            "rows": {"op": "index_select", "in": ["table", "places"], "dim": 0},
            "turned": {"op": "transpose", "dim0": 0, "dim1": 1},
            "bias": {"op": "reshape", "shape": [2, L, L]},
        },
        {"places": {"shape": [L * L], "dtype": "int64"}},
    ),
    "of the queries": (
        {
            "wide": {"op": "linear", "in": "x", "out_features": 2 * L},
            "heads": {"op": "unflatten", "dim": 2, "sizes": [2, L]},
            "bias": {"op": "transpose", "dim0": 1, "dim1": 2},
        },
        {},
    ),
    "whole numbers": (
        {"numbers": {"op": "to", "in": "m", "dtype": "float32"}, "bias": {"op": "mul", "value": -0.5}},
        {"m": {"shape": [L, L], "dtype": "int64"}},
    ),
    "with a moderate constant": (
        {
            "numbers": {"op": "to", "in": "m", "dtype": "float32"},
            "bias": {"op": "masked_fill", "in": ["numbers", "hidden"], "value": -100.0},
        },
        {"m": {"shape": [L, L], "dtype": "int64"}, "hidden": {"shape": [L, L], "dtype": "bool"}},
    ),
}
INFINITE: dict[str, Bias] = {
    "an input": ({"bias": {"op": "mul", "in": "m", "value": 2.0}}, MASK),
    "a choice": (
        {
            "zero": {"op": "zeros", "shape": [L, L]},
            "bias": {"op": "masked_fill", "in": ["zero", "hidden"], "value": float("-inf")},
        },
        {"hidden": {"shape": [L, L], "dtype": "bool"}},
    ),
    "a logarithm": ({"seen": {"op": "sigmoid", "in": "m"}, "bias": {"op": "log", "in": "seen"}}, MASK),
    "the lowest number, twice": (
        {
            "number": {"op": "to", "in": "hidden", "dtype": "float32"},
            "low": {"op": "mul", "value": -3e38},
            "bias": {"op": "add", "in": ["low", "low"]},
        },
        {"hidden": {"shape": [L, L], "dtype": "bool"}},
    ),
    "a buffer": ({"bias": {"op": "buffer", "shape": [L, L]}}, {}),
}


def biased(bias: Bias) -> Any:
    """Attention whose mask is the node `bias`."""
    nodes, inputs = bias
    last = {"op": "scaled_dot_product_attention", "num_heads": 2, "in": ["x", "x", "x", "bias"]}
    return network({**nodes, "a": last}, {"x": [N, L, 8], **inputs})


def given(graph: Any) -> dict[str, Any]:
    """Numbers, and masks that hide all of the first row."""
    rng = np.random.default_rng(0)
    found: dict[str, Any] = {}
    for value in graph.inputs:
        shape, dtype = [int(size) for size in value.type.shape], value.type.dtype
        if dtype == "float32":
            found[value.name] = rng.standard_normal(shape).astype(np.float32)
        else:
            found[value.name] = rng.integers(0, 9 if dtype == "int64" else 2, shape).astype(dtype)
    if "m" in found and found["m"].dtype == np.float32:
        found["m"][0] = -np.inf
    if "hidden" in found:
        found["hidden"][0] = True
    return found


def looks_for_empty_rows(path: Path) -> bool:
    return any(node.op_type == "ReduceMin" for node in onnx.load(path).graph.node)


@pytest.mark.parametrize("kind", FINITE)
def test_finite(kind: str, tmp_path: Path) -> None:
    graph = biased(FINITE[kind])
    require_torchs(graph, tmp_path, [given(graph)])
    assert not looks_for_empty_rows(tmp_path / "portable.onnx")


@pytest.mark.parametrize("kind", INFINITE)
def test_infinite(kind: str, tmp_path: Path) -> None:
    graph = biased(INFINITE[kind])
    require_torchs(graph, tmp_path, [given(graph)])
    assert looks_for_empty_rows(tmp_path / "portable.onnx")


def test_a_sum_of_low_numbers_in_half_precision(tmp_path: Path) -> None:
    """-60,000 is finite, and twice that is not."""
    nodes, inputs = INFINITE["the lowest number, twice"]
    graph = biased(({**nodes, "low": {"op": "mul", "value": -6e4}}, inputs))
    export(graph, {}, tmp_path / "m.onnx", ExportOptions(dtype="float16"))
    assert looks_for_empty_rows(tmp_path / "m.onnx")

"""Pooling whose last window would start in the padding: torch drops it, ONNX's inference of shapes keeps it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from export_cases import run

from archgraph.export import ExportOptions, export
from archgraph.language.load import load

WINDOWS = {"kernel_size": [3, 2], "stride": [3, 4], "padding": 1, "dilation": [1, 2], "ceil_mode": True}


def test_the_largest_of_windows_rounded_up_with_wide_strides(tmp_path: Path) -> None:
    """The one column that torch has is added to five: two would not fit."""
    x = torch.randn(1, 2, 6, 3)
    pooled = torch.nn.functional.max_pool2d(x, **WINDOWS)
    nodes = {
        "largest": {"op": "max_pool2d", "in": "x", **WINDOWS},
        "numbers": {"op": "buffer", "shape": [5], "init": "arange", "dtype": "int64"},
        "sum": {"op": "add", "in": ["largest", "numbers"]},
    }
    graph = load({"archgraph": 1, "name": "net", "inputs": {"x": list(x.shape)}, "nodes": nodes})
    numbers = np.arange(5)
    export(graph, {"numbers": numbers}, tmp_path / "m.onnx", ExportOptions())
    (answer,) = run(tmp_path / "m.onnx", {"x": x.numpy()})
    np.testing.assert_array_equal(answer, pooled.numpy() + numbers.astype(np.float32))


def test_the_places_of_the_largest_where_windows_are_dilated_and_rounded_up(tmp_path: Path) -> None:
    """ONNX Runtime refuses padding as wide as its kernel, and padding in front of it would count among the places."""
    pool = {"op": "max_pool2d", "kernel_size": 3, "padding": 1, "dilation": [2, 1], "ceil_mode": True}
    nodes = {"pool": {**pool, "return_indices": True}}
    outputs = {"values": "pool.values", "places": "pool.indices"}
    graph = load(
        {"archgraph": 1, "name": "net", "inputs": {"x": ["N", 2, "H", "W"]}, "nodes": nodes, "outputs": outputs}
    )
    export(graph, {}, tmp_path / "m.onnx", ExportOptions())
    for height, width in ((6, 6), (7, 8), (8, 5), (11, 13)):
        x = torch.randn(2, 2, height, width)
        wanted = torch.nn.functional.max_pool2d(x, 3, padding=1, dilation=(2, 1), ceil_mode=True, return_indices=True)
        found = run(tmp_path / "m.onnx", {"x": x.numpy()})
        for one, other in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(one, other.numpy())

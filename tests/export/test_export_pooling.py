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

"""A network that ONNX Runtime has something to optimise in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def deep_network(path: Path, scale: float = 1, dtype: Any = np.float32) -> Path:
    """Convolution, batch norm, ReLU, convolution, mean: [N, 3, H, W] → logits [N, 8]. One weight is 0.625."""
    draw = np.random.default_rng(0)
    weights: dict[str, Any] = {
        "first": scale * draw.normal(size=(8, 3, 3, 3)),
        "second": draw.normal(size=(8, 8, 3, 3)),
        "gain": np.full(8, 0.625),
        "shift": np.zeros(8),
        "mean": draw.normal(size=8),
        "var": np.ones(8),
    }
    nodes = [
        helper.make_node("Conv", ["image", "first"], ["a"], "stem/Conv", pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["a", "gain", "shift", "mean", "var"], ["b"], "stem/BatchNormalization"),
        helper.make_node("Relu", ["b"], ["c"], "stem/Relu"),
        helper.make_node("Conv", ["c", "second"], ["d"], "body/Conv", pads=[1, 1, 1, 1]),
        helper.make_node("GlobalAveragePool", ["d"], ["e"], "pool"),
        helper.make_node("Flatten", ["e"], ["logits"], "flat"),
    ]
    kind, name = (TensorProto.FLOAT16, "float16") if dtype is np.float16 else (TensorProto.FLOAT, "float32")
    ports = {"image": ["N", 3, "H", "W"], "logits": ["N", 8]}
    image, logits = (helper.make_tensor_value_info(port, kind, shape) for port, shape in ports.items())
    tensors = [numpy_helper.from_array(np.asarray(array, dtype), key) for key, array in weights.items()]
    graph = helper.make_graph(nodes, "deep", [image], [logits], initializer=tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    told = {port: f'{{"{port}": {{"shape": {shape}, "dtype": "{name}"}}}}' for port, shape in ports.items()}
    entries = {"version": "1", "generator": '"0.1.0"', "name": "deep"}
    entries |= {"inputs": told["image"].replace("'", '"'), "outputs": told["logits"].replace("'", '"')}
    helper.set_model_props(model, {f"archgraph.{key}": value for key, value in entries.items()})
    onnx.save(model, path)
    return path


def with_data_beside(path: Path) -> Path:
    """Moves the weights into a second file, and gives its path."""
    model = onnx.load(path)
    beside = path.with_name("deep.weights")
    onnx.save(model, path, save_as_external_data=True, location=beside.name, size_threshold=0)
    return beside

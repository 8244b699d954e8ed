"""Small float32 files to quantise: the shipped classifier, and a narrow diffusion network of random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx

import archgraph
from archgraph.graph.types import Graph

DENOISER: dict[str, Any] = {
    "archgraph": 1,
    "name": "narrow",
    "inputs": {"x": ["N", 1, "H", "W"], "t": {"shape": ["N"], "dtype": "int64"}},
    "nodes": {
        "time": {"op": "sinusoidal_embedding", "in": "t", "dim": 8},
        "mlp": {"op": "linear", "out_features": 8, "in": "time"},
        "conv_in": {"op": "conv2d", "out_channels": 8, "kernel_size": 3, "padding": 1, "in": "x"},
        "norm": {"op": "group_norm", "num_groups": 2, "in": "conv_in"},
        "act": "silu",
        "wide": {"op": "conv2d", "out_channels": 16, "kernel_size": 3, "padding": 1},
        "narrow": {"op": "conv2d", "out_channels": 8, "kernel_size": 1},
        "over_space": {"op": "unsqueeze", "dim": [2, 3], "in": "mlp"},
        "shift": {"op": "add", "in": ["narrow", "over_space"]},
        "conv_out": {"op": "conv2d", "out_channels": 1, "kernel_size": 3, "padding": 1, "in": "shift"},
    },
    "outputs": {"noise": "conv_out"},
    "meta": {"diffusion": {"schedule": "linear", "size": 8, "channels": 1}},
}
LABELLED: dict[str, Any] = {
    **DENOISER,
    "inputs": {**DENOISER["inputs"], "y": {"shape": ["N"], "dtype": "int64"}},
    "nodes": {
        "time": DENOISER["nodes"]["time"],
        "mlp": DENOISER["nodes"]["mlp"],
        "name": {"op": "embedding", "num_embeddings": 4, "embedding_dim": 8, "in": "y"},
        "both": {"op": "add", "in": ["mlp", "name"]},
        **DENOISER["nodes"],
        "over_space": {"op": "unsqueeze", "dim": [2, 3], "in": "both"},
    },
    "meta": {"diffusion": {**DENOISER["meta"]["diffusion"], "classes": 3, "null_label": 3}},
}
"""The same network, told a class besides the time; the last one stands for none."""


def exported(network: Graph | dict[str, Any] | str, path: Path, profile: str = "portable", **how: Any) -> Path:
    """A float32 file, with trained weights where the network has some."""
    graph = network if isinstance(network, Graph) else archgraph.load(network)
    weights = how.pop("weights", None) or archgraph.trained_weights(graph)
    archgraph.to_onnx(graph, path, weights=weights, profile=profile, verify=False, **how)
    return path


def initializers(path: Path) -> dict[str, Any]:
    """What a file stores, by name."""
    return {item.name: onnx.numpy_helper.to_array(item) for item in onnx.load(path).graph.initializer}

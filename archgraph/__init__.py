"""archgraph: describe a neural network once, as a graph of named blocks; prove, draw, build, export and run it.

    import archgraph as ag
    graph = ag.load("resnet50")
    model = ag.to_torch(graph)
    ag.to_onnx(model, "resnet50.onnx")

Nothing heavy is imported here: each verb loads what it needs when it is called.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archgraph import runtime
    from archgraph.graph.types import Graph
    from archgraph.verbs.importing import from_torch
    from archgraph.verbs.inspection import code, diff, render, summarize
    from archgraph.verbs.int8_files import to_int8, verify_int8
    from archgraph.verbs.measurement import bench, profile
    from archgraph.verbs.modules import load_weights, to_torch, trained_weights
    from archgraph.verbs.networks import check, load
    from archgraph.verbs.onnx_files import to_onnx
    from archgraph.verbs.plugins import try_plugin, use_plugin
    from archgraph.verbs.training import train
    from archgraph.verbs.weight_files import convert_weights
    from archgraph.weights.requests import WeightsRequest

__version__ = "0.1.0"

__all__ = [
    "Graph",
    "WeightsRequest",
    "bench",
    "check",
    "code",
    "convert_weights",
    "diff",
    "from_torch",
    "load",
    "load_weights",
    "profile",
    "render",
    "runtime",
    "summarize",
    "to_int8",
    "to_onnx",
    "to_torch",
    "train",
    "trained_weights",
    "try_plugin",
    "use_plugin",
    "verify_int8",
]

_MODULES = {
    "Graph": "archgraph.graph.types",
    "WeightsRequest": "archgraph.weights.requests",
    **dict.fromkeys(("code", "diff", "render", "summarize"), "archgraph.verbs.inspection"),
    "from_torch": "archgraph.verbs.importing",
    **dict.fromkeys(("to_int8", "verify_int8"), "archgraph.verbs.int8_files"),
    **dict.fromkeys(("bench", "profile"), "archgraph.verbs.measurement"),
    **dict.fromkeys(("load_weights", "to_torch", "trained_weights"), "archgraph.verbs.modules"),
    **dict.fromkeys(("check", "load"), "archgraph.verbs.networks"),
    "to_onnx": "archgraph.verbs.onnx_files",
    **dict.fromkeys(("try_plugin", "use_plugin"), "archgraph.verbs.plugins"),
    "train": "archgraph.verbs.training",
    "convert_weights": "archgraph.verbs.weight_files",
}
"""Where each name is defined; its module is imported when the name is first read."""


def __getattr__(name: str) -> Any:
    if name == "runtime":
        return importlib.import_module("archgraph.runtime")
    if name in _MODULES:
        return getattr(importlib.import_module(_MODULES[name]), name)
    raise AttributeError(f"module 'archgraph' has no attribute '{name}'")


def __dir__() -> list[str]:
    """What is documented, and nothing else."""
    return sorted(__all__)

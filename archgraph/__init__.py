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
    from archgraph.verbs import (
        bench,
        check,
        code,
        diff,
        load,
        profile,
        render,
        summarize,
        to_int8,
        to_onnx,
        to_torch,
        trained_weights,
        verify_int8,
    )

__version__ = "0.1.0"

__all__ = [
    "Graph",
    "bench",
    "check",
    "code",
    "diff",
    "load",
    "profile",
    "render",
    "runtime",
    "summarize",
    "to_int8",
    "to_onnx",
    "to_torch",
    "trained_weights",
    "verify_int8",
]

_HOMES = {"Graph": "archgraph.graph.types"}


def __getattr__(name: str) -> Any:
    if name == "runtime":
        return importlib.import_module("archgraph.runtime")
    if name in __all__:
        return getattr(importlib.import_module(_HOMES.get(name, "archgraph.verbs")), name)
    raise AttributeError(f"module 'archgraph' has no attribute '{name}'")


def __dir__() -> list[str]:
    """What is documented, and nothing else."""
    return sorted(__all__)

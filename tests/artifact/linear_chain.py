"""Three layers and their weights, for processes that are killed: this file imports neither torch nor ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from archgraph.dims import symbol
from archgraph.graph.builder import Builder
from archgraph.graph.types import Graph
from archgraph.ops import REGISTRY, make

N = symbol("N")
FOLDER = str(Path(__file__).parent)
"""Where processes that are killed find this file."""


def network() -> Graph:
    build = Builder("m")
    value = build.input("x", (N, 32))
    for i in range(3):
        value = build.apply(f"fc{i}", make(REGISTRY["linear"], {"out_features": 32}), value).output
    return build.finish({"y": value})


def state(seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    shapes = {f"fc{i}.{name}": shape for i in range(3) for name, shape in (("weight", (32, 32)), ("bias", (32,)))}
    return {key: rng.standard_normal(shape).astype(np.float32) for key, shape in shapes.items()}


class Source:
    """A source of which one tensor fails when its values are read."""

    def __init__(self) -> None:
        self.held = state(1)

    def keys(self) -> Any:
        return self.held.keys()

    def shape(self, key: str) -> Any:
        return self.held[key].shape

    def dtype(self, key: str) -> str:
        return "float32"

    def array(self, key: str) -> Any:
        if key == "fc2.weight":
            raise OSError(5, "Input/output error")
        return self.held[key]

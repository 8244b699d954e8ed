"""Three layers and their weights, for processes that are killed: this file imports neither torch nor ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from archgraph.dims import symbol
from archgraph.graph.builder import Builder
from archgraph.graph.types import Graph
from archgraph.ops import REGISTRY, make
from archgraph.weights.tensors import LazyTensor

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


def with_action(key: str, action: Callable[[], object]) -> dict[str, LazyTensor]:
    """Weights of which one does something, such as to fail, when it is read."""

    def read(name: str, values: Any) -> Any:
        if name == key:
            action()
        return values

    return {name: LazyTensor("float32", values.shape, partial(read, name, values)) for name, values in state(1).items()}

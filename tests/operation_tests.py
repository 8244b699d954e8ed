"""What the tests of operations hold for those of the targets: torch's side, random applications, graphs of one."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from archgraph.graph.builder import Builder
from archgraph.graph.types import Graph, Node
from archgraph.ops import REGISTRY, Operation, TensorType

FOLDER = Path(__file__).parent / "ops"


def operation_tests(name: str) -> ModuleType:
    """A file of the operations' tests, under a name of its own: each room has a `conftest`."""
    unique = f"operations_{name}"
    if unique not in sys.modules:
        spec = importlib.util.spec_from_file_location(unique, FOLDER / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[unique] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[unique])
    return sys.modules[unique]


def examples() -> Iterator[Any]:
    """A parameter for each example of each operation, but of those in tables: test_operation_tables.py has all rows of
    a table in one file, and test_spatial_operations.py those over one and three dimensions."""
    for name, kind in sorted(REGISTRY.items()):
        if getattr(kind, "axes", 0) == 2 or not hasattr(kind, "row"):
            yield from (pytest.param(name, each, id=f"{name}-{i}") for i, each in enumerate(kind.examples))


def fitted(graph: Graph, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Arrays for the inputs of a graph, with indices within their range, and in order where the contract asks it."""
    made = dict(arrays)
    for node in graph.items:
        for port in node.op.ports if isinstance(node, Node) else ():
            name = f"in_{port.name}"
            if name in made and port.name in node.op.indices:
                low, high = (int(end) for end in node.op.index_range(port.name, node.types))
                made[name] = (low + made[name] % (high - low + 1)).astype(made[name].dtype)
            if name in made and port.role == "sorted":
                made[name] = np.sort(made[name], axis=-1)
    return made


def single(operation: Operation, types: Mapping[str, TensorType], name: str = "it") -> Graph:
    """A graph of one application; its outputs are `y0`, `y1` …"""
    build = Builder("single")
    values = {port: build.input(f"in_{port.replace('.', '_')}", kind.shape, kind.dtype) for port, kind in types.items()}
    node = build.apply(name, operation, values)
    return build.finish({f"y{i}": value for i, value in enumerate(node.outputs)})

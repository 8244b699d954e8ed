"""Graphs of whole tables of operations, the edges of each element type, and torch beside ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import archgraph as ag
from archgraph.dims import Dim, symbol
from archgraph.errors import ArchgraphError
from archgraph.export import ExportOptions, export
from archgraph.graph.builder import Builder
from archgraph.graph.types import Graph, Value
from archgraph.ops import REGISTRY, make
from archgraph.ops.contract import FLOAT_TYPES
from archgraph.ops.tables import Row
from archgraph.verify.operator_definitions import runnable

MATRICES: tuple[tuple[Dim, ...], ...] = ((symbol("N"), symbol("M")), (symbol("M"),))
SHAPES = ((1, 1), (3, 5), (2, 32))
FLOATS = (0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 3.0, 1e-3, -1e-7, 20.0, -20.0, 0.99, 300.0, 1e-30)
LOW = ("float16", "bfloat16")
SPECIAL = (float("inf"), float("-inf"), float("nan"))
WHOLE = (0, 1, 2, 3, 7, 100, 255, -1, -2, -3, -100)


def edges(dtype: str, shape: tuple[int, ...], start: int = 0) -> Tensor:
    """The edges of an element type in turn, from one of them on."""
    numbers = (*SPECIAL, *FLOATS) if dtype in FLOAT_TYPES else WHOLE[:7] if dtype == "uint8" else WHOLE
    count = int(np.prod(shape))
    turned = [numbers[(start + i) % len(numbers)] for i in range(count)]
    kind = torch.float64 if dtype in FLOAT_TYPES else torch.int64
    return torch.tensor(turned, dtype=kind).to(getattr(torch, dtype)).reshape(shape)


class Applied:
    """A graph of all rows that read an element type, or two, the second of which is broadcast. Inputs in bfloat16 are
    cast from float32, and so are results: numpy has no such type."""

    def __init__(self, *dtypes: str, shapes: Sequence[tuple[Dim, ...]] = MATRICES):
        self.build = Builder("table")
        self.inputs: list[Value] = []
        for name, dtype, shape in zip("xyzuvwabcd", dtypes, shapes, strict=False):
            self.inputs.append(self.read(name, shape, dtype))
        self.outputs: dict[str, Value] = {}

    def read(self, name: str, shape: tuple[Dim, ...], dtype: str) -> Value:
        """A new input of the graph, in an element type."""
        value = self.build.input(name, shape, "float32" if dtype == "bfloat16" else dtype)
        return self.cast(value, dtype, f"{name}_low") if dtype == "bfloat16" else value

    def cast(self, value: Value, dtype: str, name: str) -> Value:
        return self.build.apply(name, make(REGISTRY["to"], {"dtype": dtype}), value).output

    def add(self, row: Row) -> None:
        for number, attributes in enumerate(row.examples):
            name = f"{row.name}_{number}"
            self.outputs[name] = self.wide(row.name, attributes, self.inputs, name)

    def wide(self, operation: str, attributes: Mapping[str, Any], values: list[Value], name: str) -> Value:
        """The result of an operation, in a type that numpy has."""
        return self.every(operation, attributes, values, name)[0]

    def every(self, operation: str, attributes: Mapping[str, Any], values: list[Value], name: str) -> list[Value]:
        """All results of an operation, in types that numpy has."""
        made = self.build.apply(name, make(REGISTRY[operation], attributes), values).outputs
        return [
            self.cast(each, "float32", f"{name}_wide{i}") if each.dtype == "bfloat16" else each
            for i, each in enumerate(made)
        ]

    def show(self, operation: str, attributes: Mapping[str, Any], values: list[Value]) -> None:
        """All results of an operation as outputs."""
        name = f"{operation}_{len(self.outputs)}"
        found = self.every(operation, attributes, values, name)
        self.outputs.update({f"{name}_{i}": each for i, each in enumerate(found)})

    def try_to_add(self, name: str, attributes: dict[str, Any]) -> None:
        """An operation, where it reads these element types."""
        try:
            made = self.build.apply(
                name,
                make(
                    REGISTRY[name.partition("_floor")[0].partition("_trunc")[0] if name.startswith("div_") else name],
                    attributes,
                ),
                self.inputs,
            ).output
        except ArchgraphError:
            return
        self.outputs[name] = self.cast(made, "float32", f"{name}_wide") if made.dtype == "bfloat16" else made

    def graph(self) -> Graph:
        return self.build.finish(self.outputs)


def array(tensor: Tensor) -> Any:
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()


def require_torchs(
    graph: Graph, given: list[list[Tensor]], folder: Path, profile: str, tolerance: float | None = None
) -> None:
    """The file computes what torch does, with the same element types, up to few roundings or a tolerance."""
    module = ag.to_torch(graph).eval()
    export(graph, {}, folder / "it.onnx", ExportOptions(profile))
    with runnable(folder / "it.onnx") as path:
        session = opened(path)
    wrong: dict[str, str] = {}
    for tensors in given:
        arrays = {value.name: array(tensor) for value, tensor in zip(graph.inputs, tensors, strict=True)}
        found = module(*(torch.from_numpy(each) for each in arrays.values()))
        expected = [each.numpy() for each in (found if isinstance(found, tuple) else (found,))]
        for name, ours, torchs in zip(graph.outputs, session.run(None, arrays), expected, strict=True):
            if (ours.shape, ours.dtype) != (torchs.shape, torchs.dtype) or not near(
                ours, torchs, tensors[0].dtype, tolerance
            ):
                wrong[name] = f"{ours} for {torchs} of {list(arrays.values())}"
    assert not wrong, "\n".join(f"{name}: {text}" for name, text in wrong.items())


def near(ours: Any, torchs: Any, dtype: torch.dtype, tolerance: float | None = None) -> bool:
    """Whole numbers and truth values are equal, others within few roundings or a tolerance: torch's kernels for
    bfloat16 round between the steps of a function too."""
    if torchs.dtype.kind in "iub":
        return np.array_equal(ours, torchs)
    if tolerance is not None:
        return np.allclose(ours, torchs, rtol=tolerance, atol=tolerance, equal_nan=True)
    relative, absolute = {torch.float16: (2e-3, 5e-4), torch.bfloat16: (8e-3, 4e-3)}.get(dtype, (2e-5, 1e-6))
    return np.allclose(ours, torchs, rtol=relative, atol=absolute, equal_nan=True)


def opened(path: Path | bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        path if isinstance(path, bytes) else str(path), options, providers=["CPUExecutionProvider"]
    )

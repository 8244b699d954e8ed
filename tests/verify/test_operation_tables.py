"""Every row of every table against torch, all rows of a table in one file: at the edges of each element type, at sizes
of 1, odd and symbolic, in every profile, with all of ONNX Runtime's optimisations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import archgraph as ag
from archgraph.dims import symbol
from archgraph.export import ExportOptions, export
from archgraph.graph.builder import Builder
from archgraph.graph.types import Graph, Value
from archgraph.ops import REGISTRY, make
from archgraph.ops.contract import DTYPES, FLOAT_TYPES
from archgraph.ops.tables import Row
from archgraph.ops.unary import TABLE as UNARY
from archgraph.verify.operator_definitions import runnable

SHAPES = ((1, 1), (3, 5), (2, 32))
FLOATS = (0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 3.0, 1e-3, -1e-7, 20.0, -20.0, 0.99, 300.0, 1e-30)
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
    """A graph of all rows that read an element type. Inputs in bfloat16 are cast from float32, and so are results:
    numpy has no such type."""

    def __init__(self, *dtypes: str):
        self.build = Builder("table")
        shape = (symbol("N"), symbol("M"))
        self.inputs: list[Value] = []
        for name, dtype in zip("xy", dtypes, strict=False):
            value = self.build.input(name, shape, "float32" if dtype == "bfloat16" else dtype)
            self.inputs.append(self.cast(value, dtype, f"{name}_low") if dtype == "bfloat16" else value)
        self.outputs: dict[str, Value] = {}

    def cast(self, value: Value, dtype: str, name: str) -> Value:
        return self.build.apply(name, make(REGISTRY["to"], {"dtype": dtype}), value).output

    def add(self, row: Row) -> None:
        for number, attributes in enumerate(row.examples):
            name = f"{row.name}_{number}"
            made = self.build.apply(name, make(REGISTRY[row.name], attributes), self.inputs).output
            self.outputs[name] = self.cast(made, "float32", f"{name}_wide") if made.dtype == "bfloat16" else made

    def graph(self) -> Graph:
        return self.build.finish(self.outputs)


def array(tensor: Tensor) -> Any:
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()


def require_torchs(graph: Graph, given: list[list[Tensor]], folder: Path, profile: str) -> None:
    """The file computes what torch does, with the same element types."""
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
            if (ours.shape, ours.dtype) != (torchs.shape, torchs.dtype) or not near(ours, torchs, tensors[0].dtype):
                wrong[name] = f"{ours} for {torchs} of {list(arrays.values())}"
    assert not wrong, "\n".join(f"{name}: {text}" for name, text in wrong.items())


def near(ours: Any, torchs: Any, dtype: torch.dtype) -> bool:
    """Within few roundings: torch's kernels for bfloat16 round between the steps of a function too."""
    tolerance = {torch.float16: 2e-3, torch.bfloat16: 8e-3}.get(dtype, 2e-5)
    return np.allclose(ours, torchs, rtol=tolerance, atol=1e-6, equal_nan=True)


def opened(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("profile", ["portable", "cpu", "cuda"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_functions_of_each_element_are_torchs(dtype: str, profile: str, tmp_path: Path) -> None:
    applied = Applied(dtype)
    for row in UNARY.rows.values():
        if dtype in row.types.reads:
            applied.add(row)
    given = [[edges(dtype, shape, start)] for start, shape in enumerate(SHAPES)]
    require_torchs(applied.graph(), given, tmp_path, profile)


@pytest.mark.parametrize("name", sorted(UNARY.rows))
def test_element_types_are_torchs(name: str) -> None:
    """Each type is read or refused as torch does, and the result has torch's type."""
    row = UNARY.rows[name]
    for dtype in DTYPES:
        try:
            made = getattr(torch, name)(torch.ones(2, dtype=getattr(torch, dtype))).dtype
        except (RuntimeError, TypeError):
            assert dtype not in row.types.reads
        else:
            assert f"torch.{row.types.gives(dtype)}" == str(made)

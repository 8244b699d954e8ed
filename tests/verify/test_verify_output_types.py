"""Outputs that a spec declares in another element type, in files of any type."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
import torch

import archgraph
from archgraph.errors import VerificationError
from archgraph.verify import verify

SPEC = """
archgraph: 1
name: converted
inputs: {x: [N, 6]}
nodes:
  y: {op: linear, out_features: 4}
  narrow: {op: to, dtype: float16, in: y}
  wide: {op: to, dtype: float64, in: y}
  ones: {op: ones_like, dtype: float64, in: y}
outputs: {y: y, narrow: narrow, wide: wide, ones: ones}
"""
DECLARED = {"y": "FLOAT", "narrow": "FLOAT16", "wide": "DOUBLE", "ones": "DOUBLE"}


def exported(folder: Path, dtype: str) -> tuple[torch.nn.Module, Path]:
    """The module and its proved file."""
    (folder / "spec.yaml").write_text(SPEC)
    module = archgraph.to_torch(folder / "spec.yaml", seed=0)
    archgraph.to_onnx(module, folder / "m.onnx", profile="cpu", dtype=dtype)
    return module, folder / "m.onnx"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_outputs_keep_their_declared_types_in_low_files(dtype: str, tmp_path: Path) -> None:
    _, path = exported(tmp_path, dtype)
    found = {item.name: item.type.tensor_type.elem_type for item in onnx.load(path).graph.output}
    assert {name: onnx.TensorProto.DataType.Name(kind) for name, kind in found.items()} == DECLARED


def test_an_output_in_another_type_is_found(tmp_path: Path) -> None:
    """By the type in the file: copies that a CPU can run have others."""
    module, path = exported(tmp_path, "float32")
    model = onnx.load(path)
    (node,) = [node for node in model.graph.node if "wide" in node.output]
    node.attribute[0].i = onnx.TensorProto.FLOAT
    next(item for item in model.graph.output if item.name == "wide").type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    onnx.save(model, path)
    with pytest.raises(VerificationError, match="the output 'wide' of the file has another element type"):
        verify(module, path)

"""Networks whose inputs are declared in other floating-point types: proved in those types, or refused with a reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from archgraph import to_torch
from archgraph.errors import VerificationError
from archgraph.language.load import load
from archgraph.verify.verified_export import export_verified, verify


def network(dtype: str, nodes: Any) -> Any:
    inputs = {"x": {"shape": ["N", 3, 4], "dtype": dtype}, "z": ["N", 3, 4]}
    outputs = {"a": "a", "b": "b"}
    layer = {"op": "conv1d", "out_channels": 3, "kernel_size": 1, "in": "z"}
    return {"archgraph": 1, "name": "net", "inputs": inputs, "nodes": {**nodes, "b": layer}, "outputs": outputs}


SOFTMAX = {"a": {"op": "softmax", "dim": 1, "in": "x"}}


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_inputs_stay_in_their_declared_type(tmp_path: Path, dtype: str) -> None:
    graph, path = load(network(dtype, SOFTMAX)), tmp_path / "net.onnx"
    export = export_verified(graph, path)
    assert export.certificate is not None
    assert export.certificate.equal
    x = np.random.default_rng(0).standard_normal((2, 3, 4))
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found, other = session.run(["a", "b"], {"x": x.astype(dtype), "z": x.astype(np.float32)})
    assert (found.dtype, other.dtype) == (np.dtype(dtype), np.dtype(np.float32))
    wanted = np.exp(x.astype(dtype).astype(np.float64))
    wanted /= wanted.sum(axis=1, keepdims=True)
    assert np.abs(found - wanted).max() < {"float16": 2**-10, "float64": 1e-14}[dtype]


def test_a_wrong_file_in_float64_is_found(tmp_path: Path) -> None:
    right, wrong = ({"a": {"op": "mul", "value": value, "in": "x"}} for value in (1.0, 1.001))
    path = tmp_path / "net.onnx"
    export_verified(load(network("float64", wrong)), path, verify=False)
    with pytest.raises(VerificationError):
        verify(load(network("float64", right)), path)


def test_bfloat16_is_refused_at_its_line(tmp_path: Path) -> None:
    spec = tmp_path / "net.yaml"
    spec.write_text("archgraph: 1\nname: net\ninputs: {x: {shape: [N, 4], dtype: bfloat16}}\nnodes: {a: relu}\n")
    with pytest.raises(VerificationError) as caught:
        export_verified(load(spec), tmp_path / "net.onnx")
    assert str(caught.value).replace(f"{tmp_path}/", "") == (
        "net.yaml:3:10: error: x: the input 'x' is in bfloat16, and ONNX Runtime on a CPU has no kernels to prove"
        " a file in it\n"
        "    3 | inputs: {x: {shape: [N, 4], dtype: bfloat16}}\n"
        "                 ^\n"
        "  expected: float32, float16 or float64\n"
        "  hint: declare it as float32, and `export --dtype bfloat16` computes in bfloat16; or --no-verify"
    )
    assert not (tmp_path / "net.onnx").exists()


def test_what_is_made_of_whole_numbers_is_in_float64_too(tmp_path: Path) -> None:
    """As slopes of positions in ALiBi, which are multiplied with a matrix: that takes no two types."""
    nodes = {
        "bias": {"op": "alibi", "in": {"position": "position"}, "heads": 2},
        "matrix": {"op": "parameter", "shape": [2, 3]},
        "product": {"op": "linear", "out_features": 2, "bias": False, "in": {"input": "bias", "weight": "matrix"}},
    }
    inputs = {"position": {"shape": [3], "dtype": "int64"}}
    module = to_torch(load({"archgraph": 1, "name": "net", "inputs": inputs, "nodes": nodes}))
    certificate = export_verified(module, tmp_path / "m.onnx").certificate
    assert certificate is not None
    assert certificate.equal

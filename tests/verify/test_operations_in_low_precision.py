"""Every example of every operation in float16 and bfloat16: as near to float64 as torch in that type, and, without the
roundings, as near as torch in float32. The file is one that onnx admits, of the type that was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
import pytest
from operation_tests import examples

import archgraph
from archgraph.graph.builder import Builder
from archgraph.ops import REGISTRY, Example, make

LOW = ("float16", "bfloat16")


def applications() -> Iterator[Any]:
    """The first example of each operation in both types, the others in the one and the other by turns."""
    for param in examples():
        name, example = param.values
        number = REGISTRY[name].examples.index(example)
        for dtype in LOW if number == 0 else (LOW[number % 2],):
            yield pytest.param(name, example, dtype, id=f"{param.id}-{dtype}")


@pytest.mark.parametrize(("name", "example", "dtype"), list(applications()))
def test_an_operation_is_as_near_as_torch_in_that_type(name: str, example: Example, dtype: str, tmp_path: Path) -> None:
    build = Builder("single")
    ports = {
        port: build.input(f"in_{port.replace('.', '_')}", kind.shape, kind.dtype)
        for port, kind in example.inputs.items()
    }
    node = build.apply("it", make(REGISTRY[name], example.attributes), ports)
    graph = build.finish({f"y{i}": value for i, value in enumerate(node.outputs)})
    found = archgraph.to_onnx(graph, tmp_path / "it.onnx", dtype=dtype)
    assert found.certificate is not None
    assert found.certificate.equal
    assert found.report.dtype == dtype
    onnx.checker.check_model(str(tmp_path / "it.onnx"), full_check=True)
    outputs = {value.name: value.type.tensor_type.elem_type for value in onnx.load(tmp_path / "it.onnx").graph.output}
    kinds = {
        "float32": onnx.TensorProto.FLOAT,
        "int64": onnx.TensorProto.INT64,
        "int32": onnx.TensorProto.INT32,
        "bool": onnx.TensorProto.BOOL,
    }
    assert outputs == {f"y{i}": kinds[value.dtype] for i, value in enumerate(node.outputs)}

"""Every example of every operation in float16 and bfloat16: as near to float64 as torch in that type, and, without the
roundings, as near as torch in float32. The file is one that onnx admits, of the type that was asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import onnx
import pytest
from operation_tests import examples

import archgraph
from archgraph.graph.builder import Builder
from archgraph.graph.types import Graph
from archgraph.ops import REGISTRY, Example, make

LOW = ("float16", "bfloat16")
TOGETHER = 12
"""So many examples stand in one file: to open its sessions takes longer than to run its nodes. Each output is compared
separately, and a problem names the node."""
KINDS = {
    "float32": onnx.TensorProto.FLOAT,
    "int64": onnx.TensorProto.INT64,
    "int32": onnx.TensorProto.INT32,
    "bool": onnx.TensorProto.BOOL,
}

Numbered = tuple[str, int, Example]


def chosen(dtype: str) -> Iterator[Numbered]:
    """The first example of each operation in both types, the others in the one and the other by turns."""
    for param in examples():
        name, example = param.values
        number = REGISTRY[name].examples.index(example)
        if number == 0 or LOW[number % 2] == dtype:
            yield name, number, example


def files() -> Iterator[Any]:
    """A parameter for each file."""
    for dtype in LOW:
        found = list(chosen(dtype))
        for start in range(0, len(found), TOGETHER):
            group = found[start : start + TOGETHER]
            yield pytest.param(group, dtype, id=f"{group[0][0]} to {group[-1][0]}-{dtype}")


def applied(group: Sequence[Numbered]) -> Graph:
    """The examples next to each other, in a network that casts nothing to a low type itself: its file would not be
    compared without roundings."""
    build, outputs = Builder("examples"), {}
    for name, number, example in group:
        key = f"{name}{number}"
        ports = {
            port: build.input(f"{key}_{port.replace('.', '_')}", kind.shape, kind.dtype)
            for port, kind in example.inputs.items()
        }
        node = build.apply(key, make(REGISTRY[name], example.attributes), ports)
        assert not {value.dtype for value in node.outputs} & set(LOW)
        outputs |= {f"{key}_y{i}": value for i, value in enumerate(node.outputs)}
    return build.finish(outputs)


@pytest.mark.parametrize(("group", "dtype"), list(files()))
def test_operations_are_as_near_as_torch_in_that_type(group: Sequence[Numbered], dtype: str, tmp_path: Path) -> None:
    graph = applied(group)
    found = archgraph.to_onnx(graph, tmp_path / "it.onnx", dtype=dtype)
    assert found.certificate is not None
    assert found.certificate.equal
    assert found.report.dtype == dtype
    onnx.checker.check_model(str(tmp_path / "it.onnx"), full_check=True)
    outputs = {value.name: value.type.tensor_type.elem_type for value in onnx.load(tmp_path / "it.onnx").graph.output}
    assert outputs == {name: KINDS[value.dtype] for name, value in graph.outputs.items()}

"""Batch norms become part of the layer before them, in float64, and only where nothing else sees that layer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from export_cases import random_inputs, random_weights, run

from archgraph.dims import symbol
from archgraph.export import ExportOptions, export
from archgraph.graph.builder import Builder
from archgraph.graph.types import Graph
from archgraph.ops import REGISTRY, Operation, make

N, H, W = symbol("N"), symbol("H"), symbol("W")


def op(kind: str, **attributes: Any) -> Operation:
    return make(REGISTRY[kind], attributes)


def pair(bias: bool = True, affine: bool = True, both: bool = False) -> Graph:
    build = Builder("m")
    x = build.input("x", (N, 4, H, W))
    conv = build.apply("conv", op("conv2d", out_channels=6, kernel_size=3, groups=2, bias=bias), x)
    norm = build.apply("bn", op("batch_norm2d", eps=1e-3, affine=affine), conv.output)
    return build.finish({"y": norm.output, **({"z": conv.output} if both else {})})


def in_torch(state: dict[str, Any], x: Any, bias: bool, affine: bool) -> Any:
    conv = torch.nn.Conv2d(4, 6, 3, groups=2, bias=bias)
    norm = torch.nn.BatchNorm2d(6, 1e-3, affine=affine)
    for name, layer in (("conv", conv), ("bn", norm)):
        layer.load_state_dict({k.split(".")[1]: torch.as_tensor(v) for k, v in state.items() if k.startswith(name)})
    with torch.no_grad():
        return norm.double().eval()(conv.double()(torch.from_numpy(x).double()))


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("affine", [False, True])
def test_a_folded_norm_computes_the_same(bias: bool, affine: bool, tmp_path: Path) -> None:
    graph = pair(bias, affine)
    state = random_weights(graph)
    report = export(graph, state, tmp_path / "m.onnx")
    assert [node.op_type for node in onnx.load(tmp_path / "m.onnx").graph.node] == ["Conv"]
    inputs = random_inputs(graph, {"N": 2, "H": 7, "W": 9})
    found = run(tmp_path / "m.onnx", inputs)[0]
    np.testing.assert_allclose(found, in_torch(state, inputs["x"], bias, affine), rtol=1e-5, atol=1e-5)
    assert report.folded == {"bn": "conv"}
    assert report.values == {"bn": "y"}


def test_what_was_folded_is_said(tmp_path: Path) -> None:
    graph = pair()
    report = export(graph, random_weights(graph), tmp_path / "m.onnx")
    item = report.weight_map["conv.weight/folded"]
    assert (item.transform, item.shape) == ("fold", (6, 2, 3, 3))
    assert item.keys == ("conv.weight", "conv.bias", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var")
    kept = {entry.key: entry.value for entry in onnx.load(tmp_path / "m.onnx").metadata_props}
    assert json.loads(kept["archgraph.folded"]) == {"bn": "conv"}


def test_a_layer_that_is_read_twice_keeps_its_norm_apart(tmp_path: Path) -> None:
    graph = pair(both=True)
    report = export(graph, random_weights(graph), tmp_path / "m.onnx")
    assert report.folded == {}
    assert [node.op_type for node in onnx.load(tmp_path / "m.onnx").graph.node] == ["Conv", "BatchNormalization"]


def test_a_kernel_that_is_used_twice_is_not_folded(tmp_path: Path) -> None:
    build = Builder("m")
    x = build.input("x", (N, 4, H, W))
    conv = build.apply("conv", op("conv2d", out_channels=4, kernel_size=1), x)
    norm = build.apply("bn", op("batch_norm2d"), conv.output)
    again = build.apply("again", op("conv2d", out_channels=4, kernel_size=1), norm.output, shares=conv)
    graph = build.finish({"y": again.output})
    assert export(graph, random_weights(graph), tmp_path / "m.onnx").folded == {}


def test_folding_can_be_declined(tmp_path: Path) -> None:
    graph = pair()
    state = random_weights(graph)
    assert export(graph, state, tmp_path / "m.onnx", ExportOptions(fold=False)).folded == {}
    inputs = random_inputs(graph, {"N": 2, "H": 7, "W": 9})
    expected = in_torch(state, inputs["x"], True, True)
    np.testing.assert_allclose(run(tmp_path / "m.onnx", inputs)[0], expected, rtol=1e-4, atol=1e-5)

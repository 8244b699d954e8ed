"""A convolution and the batch norm that is multiplied into it: each weight of the file is held against both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx import numpy_helper
from tiny_network import altered

import archgraph
from archgraph.errors import VerificationError
from archgraph.export import ExportOptions, export
from archgraph.verify import export_verified, verify

NODES = {"conv": {"op": "conv2d", "out_channels": 4, "kernel_size": 3}, "norm": "batch_norm2d"}


def made(path: Path, dtype: str = "float32", **statistics: list[float]) -> torch.nn.Module:
    """An unverified file of a network whose norm has other statistics than it starts with."""
    graph = archgraph.load({"archgraph": 1, "name": "net", "inputs": {"x": ["N", 3, "H", "W"]}, "nodes": NODES})
    module = archgraph.to_torch(graph, seed=0)
    with torch.no_grad():
        for name, values in statistics.items():
            getattr(module.get_submodule("norm"), name).copy_(torch.tensor(values))
    export(graph, module, path, ExportOptions(dtype=dtype))
    return module


def moved(weight: str, channel: int, factor: float) -> Any:
    def change(graph: Any, nodes: dict[str, Any]) -> None:
        (tensor,) = (item for item in graph.initializer if item.name == f"conv.{weight}/folded")
        values = numpy_helper.to_array(tensor).copy()
        values[channel] *= np.asarray(factor, values.dtype)
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))

    return change


@pytest.mark.parametrize("weight", ["weight", "bias"])
def test_a_wrong_weight_of_a_channel_that_is_far_smaller_than_others_is_named(weight: str, tmp_path: Path) -> None:
    """A variance of 1e14 leaves 1e-7 of a channel: its weights are wrong by a tenth of that, not of the largest."""
    path = tmp_path / "m.onnx"
    module = made(path, running_var=[1.0, 1e14, 1.0, 1.0])
    assert verify(module, path).equal
    altered(path, moved(weight, 1, 1.1))
    with pytest.raises(VerificationError, match=rf"the weight conv.{weight}/folded has other values than the module's"):
        verify(module, path)


def test_an_infinite_weight_does_not_excuse_the_others(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    module = made(path, bias=[0.0, float("inf"), 0.0, 0.0])
    altered(path, moved("bias", 2, 3.0))
    with pytest.raises(VerificationError, match=r"the weight conv.bias/folded has other values.*\n.*at \[2\]"):
        verify(module, path)


def test_a_norm_that_holds_no_numbers_is_in_the_file_as_it_is_in_the_network(tmp_path: Path) -> None:
    """Its channel is no number in torch, and none in the file."""
    module = made(tmp_path / "unverified.onnx", running_mean=[0.0, float("nan"), 0.0, 0.0])
    certificate = export_verified(module, tmp_path / "m.onnx").certificate
    assert certificate is not None
    assert certificate.equal
    assert certificate.not_finite == ("norm.running_mean",)


def test_weights_that_float16_rounds_to_nothing_are_equal(tmp_path: Path) -> None:
    """1e-7 of a weight is one of float16's smallest steps, 6e-8, or two."""
    path = tmp_path / "m.onnx"
    assert verify(made(path, dtype="float16", running_var=[1.0, 1e14, 1.0, 1.0]), path).equal

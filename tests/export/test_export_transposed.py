"""Transposed convolutions where output padding reaches the stride, in the forms that both kernels take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from export_cases import random_inputs, random_weights, run
from operation_tests import single
from torch import nn

from archgraph.export import ExportOptions, export
from archgraph.ops import REGISTRY, TensorType, make

IMAGE = TensorType((2, 3, 5, 4))
STRIDED = {"out_channels": 4, "kernel_size": 3, "stride": 2}
DILATED = {"out_channels": 4, "kernel_size": 3, "stride": 2, "dilation": 3}


@pytest.mark.parametrize("profile", ["portable", "cuda"])
@pytest.mark.parametrize(
    ("attributes", "alike"),
    [
        ({**STRIDED, "padding": 1, "output_padding": 1}, True),
        ({**STRIDED, "padding": [1, 0], "output_padding": [0, 1]}, True),
        ({**DILATED, "padding": 1, "output_padding": 1}, True),
        ({**DILATED, "padding": 2, "output_padding": 2}, False),
        ({**DILATED, "padding": 1, "output_padding": [1, 2]}, False),
        ({**DILATED, "padding": 0, "output_padding": 2}, False),
        ({**DILATED, "padding": 1, "output_padding": 2, "bias": False}, False),
    ],
)
def test_output_padding_up_to_the_stride_and_beyond(
    attributes: dict[str, Any], alike: bool, profile: str, tmp_path: Path
) -> None:
    """CUDA's kernel gets the same padding at both ends, which is all it takes."""
    graph = single(make(REGISTRY["conv_transpose2d"], attributes), {"input": IMAGE})
    weights = random_weights(graph)
    export(graph, weights, tmp_path / "m.onnx", ExportOptions(profile=profile))
    model = onnx.load(tmp_path / "m.onnx")
    (node,) = [node for node in model.graph.node if node.op_type == "ConvTranspose"]
    found = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
    if profile == "cuda":
        assert found["pads"][:2] == found["pads"][2:]
        assert alike or model.graph.node[-1].op_type != "ConvTranspose"
    assert all(extra < 2 for extra in found["output_padding"])
    layer = nn.ConvTranspose2d(3, **attributes)
    layer.load_state_dict({key.rpartition(".")[2]: torch.from_numpy(value) for key, value in weights.items()})
    x = random_inputs(graph)
    (given,) = x.values()
    wanted = layer(torch.from_numpy(given)).detach().numpy()
    (answer,) = run(tmp_path / "m.onnx", x)
    np.testing.assert_allclose(answer, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("profile", ["portable", "cuda"])
def test_padding_that_leaves_nothing_before_output_padding_is_added(profile: str, tmp_path: Path) -> None:
    """One row, of which the padding at both ends would take away more than there is."""
    attributes = {"out_channels": 4, "kernel_size": 1, "padding": [1, 0], "output_padding": 2, "dilation": 3}
    graph = single(make(REGISTRY["conv_transpose2d"], attributes), {"input": TensorType((2, 3, 1, 7))})
    weights = random_weights(graph)
    export(graph, weights, tmp_path / "m.onnx", ExportOptions(profile=profile))
    layer = nn.ConvTranspose2d(3, **attributes)
    layer.load_state_dict({key.rpartition(".")[2]: torch.from_numpy(value) for key, value in weights.items()})
    x = random_inputs(graph)
    (given,) = x.values()
    (answer,) = run(tmp_path / "m.onnx", x)
    np.testing.assert_allclose(answer, layer(torch.from_numpy(given)).detach().numpy(), rtol=1e-4, atol=1e-5)

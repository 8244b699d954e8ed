"""Weight norm and spectral norm: modules as torch's users write them, keys of both forms, and proved files."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from parity import assert_same_keys
from tiny_network import altered
from torch import Tensor, nn
from torch.nn.utils import parametrizations

import archgraph as ag
from archgraph.errors import ArchgraphError, VerificationError
from archgraph.export import export
from archgraph.graph.text import graph_text
from archgraph.verify import verify

OLD = {"parametrize": False}
NODES: dict[str, Any] = {
    "conv": {"op": "conv2d", "out_channels": 6, "kernel_size": 3, "padding": 1, "groups": 2, "weight_norm": True},
    "old_conv": {"op": "conv2d", "out_channels": 6, "kernel_size": 1, "weight_norm": {"dim": 1, **OLD}},
    "up": {"op": "conv_transpose2d", "out_channels": 4, "kernel_size": 2, "stride": 2, "spectral_norm": True},
    "old_up": {"op": "conv_transpose2d", "out_channels": 4, "kernel_size": 2, "spectral_norm": OLD},
    "mix": {"op": "linear", "out_features": 5, "weight_norm": {"dim": None}},
    "fc": {"op": "linear", "out_features": 5, "spectral_norm": {"n_power_iterations": 2, "eps": 1e-3}},
    "again": {"share": "fc"},
}


def network(nodes: dict[str, Any] = NODES, **more: Any) -> Any:
    return ag.load({"archgraph": 1, "name": "net", "inputs": {"x": ["N", 4, 6, 5]}, "nodes": nodes, **more})


class Reference(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = parametrizations.weight_norm(nn.Conv2d(4, 6, 3, padding=1, groups=2))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            self.old_conv = nn.utils.weight_norm(nn.Conv2d(6, 6, 1), dim=1)
        self.up = parametrizations.spectral_norm(nn.ConvTranspose2d(6, 4, 2, stride=2))
        self.old_up = nn.utils.spectral_norm(nn.ConvTranspose2d(4, 4, 2))
        self.mix = parametrizations.weight_norm(nn.Linear(11, 5), dim=None)
        self.fc = parametrizations.spectral_norm(nn.Linear(5, 5), n_power_iterations=2, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.fc(self.mix(self.old_up(self.up(self.old_conv(self.conv(x)))))))


def twins() -> tuple[nn.Module, nn.Module]:
    """A network and the reference, with equal weights that training has moved."""
    torch.manual_seed(0)
    reference, net = Reference().double(), ag.to_torch(network()).double()
    with torch.no_grad():
        for parameter in reference.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    net.load_state_dict(reference.state_dict(), strict=True)
    return net, reference


def test_keys_are_torchs() -> None:
    assert_same_keys(network(), Reference())


@pytest.mark.parametrize("training", [False, True])
def test_outputs_gradients_and_power_iterations_in_float64(training: bool) -> None:
    net, reference = twins()
    x = torch.randn(2, 4, 6, 5, dtype=torch.float64, requires_grad=True)
    states = []
    for module in (net.train(training), reference.train(training)):
        out = module(x)
        gradients = torch.autograd.grad(out.square().sum(), [x, *module.parameters()])
        states.append([out, *gradients, *module.state_dict().values()])
    for ours, theirs in zip(*states, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_a_module_can_be_copied_after_it_ran() -> None:
    """torch's older forms keep the computed weight with its gradient, which no copy can hold."""
    net, _ = twins()
    x = torch.randn(2, 4, 6, 5, dtype=torch.float64)
    found = net.eval()(x)
    torch.testing.assert_close(copy.deepcopy(net)(x), found)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_file_is_proved_and_holds_plain_kernels(dtype: str, tmp_path: Path) -> None:
    """Each kernel is a weight of the file that its operator reads, as int8 quantisation and runtimes want it."""
    path = tmp_path / "net.onnx"
    assert ag.to_onnx(network(), path, dtype=dtype).certificate is not None
    model = onnx.load(path).graph
    held = {item.name: tuple(item.dims) for item in model.initializer}
    read = [held[node.input[1]] for node in model.node if node.op_type in ("Conv", "ConvTranspose", "MatMul")]
    assert read == [(6, 2, 3, 3), (6, 6, 1, 1), (6, 4, 2, 2), (4, 4, 2, 2), (11, 5), (5, 5), (5, 5)]


@pytest.mark.parametrize("name", ["conv", "up"])
def test_a_wrong_kernel_is_found(name: str, tmp_path: Path) -> None:
    module = ag.to_torch(network({name: NODES[name]}))
    path = tmp_path / "net.onnx"
    export(network({name: NODES[name]}), module, path)
    assert verify(module, path).equal

    def scaled(graph: Any, nodes: dict[str, Any]) -> None:
        tensor = next(item for item in graph.initializer if item.dims and len(item.dims) == 4)
        values = numpy_helper.to_array(tensor) * np.float32(1.001)
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))

    altered(path, scaled)
    with pytest.raises(VerificationError, match="has other values than the module's"):
        verify(module, path)


def test_text_plain_data_and_picture_say_it(tmp_path: Path) -> None:
    graph = network()
    assert "weight_norm={dim: 1, parametrize: false}" in graph_text(graph)
    assert "weight_norm=true" in graph_text(graph)
    assert graph.to_dict()["nodes"][4]["attributes"]["weight_norm"] == {"dim": None, "parametrize": True}
    picture = tmp_path / "net.dot"
    ag.render(graph, picture)
    assert "conv 3×3, 2 groups, weight norm" in picture.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("node", "words"),
    [
        ({"weight_norm": {"dims": 1}}, "weight_norm.*it has no 'dims', but dim, parametrize"),
        ({"weight_norm": {"dim": -1}}, "'dim' must be a whole number of at least 0, or null"),
        ({"weight_norm": {"dim": 4}}, "weight_norm: the weight has no dimension 4"),
        ({"weight_norm": 1}, "true or false, or {dim, parametrize}"),
        ({"spectral_norm": {"eps": 0}}, "'eps' must be a number greater than 0"),
        ({"spectral_norm": {"n_power_iterations": True}}, "must be a whole number of at least 1"),
        ({"spectral_norm": True, "weight_norm": True}, "stand for one weight: give one of them"),
        ({"spectral_norm": {"parametrize": 0}}, "must be true or false"),
    ],
)
def test_what_is_refused(node: dict[str, Any], words: str) -> None:
    with pytest.raises(ArchgraphError, match=words):
        network({"conv": {"op": "conv2d", "out_channels": 6, "kernel_size": 3, **node}})


@pytest.mark.parametrize("name", ["weight", "bias"])
def test_a_weight_from_outside_is_refused(name: str) -> None:
    conv = {"op": "conv2d", "in": {"input": "x", name: "w"}, "out_channels": 6, "kernel_size": 3, "weight_norm": True}
    with pytest.raises(ArchgraphError, match="conv2d with weight_norm owns its weights"):
        network({"w": {"op": "parameter", "shape": [6]}, "conv": conv})


def test_options_are_expressions_and_false_is_none() -> None:
    conv = {"op": "conv2d", "out_channels": 6, "kernel_size": 3}
    nodes = {"a": {**conv, "weight_norm": {"dim": "=axis"}}, "b": {**conv, "weight_norm": "=axis == 0"}}
    keys = [item.key for item in ag.graph.weights(network(nodes, params={"axis": 1}))]
    assert keys[1:] == [f"a.parametrizations.weight.original{i}" for i in (0, 1)] + ["b.weight", "b.bias"]

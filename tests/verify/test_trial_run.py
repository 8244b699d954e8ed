"""One run of a module shows shapes that differ from the inferred ones, and its weights are written."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

import archgraph as ag
from archgraph.errors import CompileError, WeightsError
from archgraph.graph import Graph
from archgraph.verify.shape_check import save_weights, try_once

SPEC = {
    "archgraph": 1,
    "name": "pair",
    "inputs": {"image": ["N", 3, "H", "W"]},
    "nodes": {
        "conv": {"op": "conv2d", "out_channels": 4, "kernel_size": 3, "stride": 2, "padding": 1},
        "act": {"op": "relu", "in": "conv"},
        "gate": {"op": "sigmoid", "in": "conv"},
    },
    "outputs": {"active": "act", "gated": "gate"},
    "meta": {"size": {"H": 9}},
}


class Pair(nn.Module):
    def __init__(self, stride: int = 2, upside_down: bool = False):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, stride, 1)
        self.upside_down = upside_down
        self.modes: list[bool] = []

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        self.modes.append(self.training)
        h = self.conv(image)
        return torch.relu(h), torch.sigmoid(h.mT if self.upside_down else h)


@pytest.fixture
def graph() -> Graph:
    return ag.load(SPEC)


def test_a_module_that_fits(graph: Graph) -> None:
    module = Pair()
    found = try_once(module, graph, {"W": 12})
    assert found.sizes == {"N": 2, "H": 9, "W": 12}
    assert {name: kind.shape for name, kind in found.inputs.items()} == {"image": (2, 3, 9, 12)}
    assert {name: kind.shape for name, kind in found.outputs.items()} == {"active": (2, 4, 5, 6), "gated": (2, 4, 5, 6)}
    assert found.modules == 1
    assert "output  gated [2, 4, 5, 6]" in found.text().splitlines()
    assert found.to_json()["outputs"]["active"] == [2, 4, 5, 6]
    assert module.modes == [False]
    assert module.training  # as it was before
    assert not module.conv._forward_hooks


def test_another_shape_in_the_middle_is_named(graph: Graph) -> None:
    with pytest.raises(CompileError) as caught:
        try_once(Pair(stride=1), graph, {"W": 12})
    first = caught.value.problems[0]
    assert (first.path, first.expected, first.received) == ("conv", "(2, 4, 5, 6)", "(2, 4, 9, 12)")


def test_another_shape_at_the_end_is_named(graph: Graph) -> None:
    with pytest.raises(CompileError) as caught:
        try_once(Pair(upside_down=True), graph, {"W": 12})
    assert [problem.path for problem in caught.value.problems] == ["output gated"]


def test_modules_that_are_applied_again_are_left_out() -> None:
    graph = ag.load(
        {
            "archgraph": 1,
            "name": "twice",
            "inputs": {"x": ["N", 4]},
            "nodes": {"fc": {"op": "linear", "out_features": 4}, "act": "relu", "again": {"share": "fc"}},
        }
    )

    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.fc(torch.relu(self.fc(x)))

    assert try_once(Twice(), graph).modules == 0


def test_weights_are_written_under_all_keys(tmp_path: Path) -> None:
    module = nn.ModuleDict({"a": nn.Linear(3, 3), "b": nn.Linear(3, 3, bias=False), "norm": nn.BatchNorm1d(3)})
    module["b"].weight = module["a"].weight
    save_weights(module, tmp_path / "w.safetensors")
    loaded = load_file(tmp_path / "w.safetensors")
    assert loaded.keys() == module.state_dict().keys()
    assert all(torch.equal(loaded[key], tensor) for key, tensor in module.state_dict().items())
    assert [path.name for path in tmp_path.iterdir()] == ["w.safetensors"]


def test_weights_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot be written"):
        save_weights(nn.Linear(1, 1), tmp_path / "none" / "w.safetensors")

"""Imports read like specs by hand: standard blocks, plain operations, no detours; the same bytes in every process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import references
import torch
from torch import Tensor, nn

import archgraph as ag
from archgraph.graph import Graph
from archgraph.graph.spec_text import spec_text
from archgraph.importing.api import import_module
from archgraph.importing.sources.input_descriptions import InputDescription
from archgraph.importing.writing.numbers.usual_values import with_usual_defaults
from archgraph.importing.writing.standard.canonical_form import body_form
from archgraph.importing.writing.standard.form_numbers import FormNumbers
from archgraph.structure.class_parameters import MISSING, ClassParameter

IMAGE = {"x": InputDescription(("N", 3, "H", "W"))}


def written(module: Any, inputs: Mapping[str, InputDescription] = IMAGE, verify: bool = True) -> Mapping[str, Any]:
    return import_module(module, inputs, verify=verify).spec


def resnet() -> nn.Module:
    """torchvision's ResNet with bottlenecks, narrow."""
    models = references.torchvision().models.resnet
    return models.ResNet(models.Bottleneck, [1, 2, 1, 1], width_per_group=8)


@pytest.mark.slow
def test_bottlenecks_of_torchvision_are_the_standard_block() -> None:
    spec = written(resnet)
    assert spec["nodes"]["layer2"] == {
        "op": "bottleneck", "repeat": 2, "planes": 128, "stride": "=2 if first else 1", "base_width": 8,
    }  # fmt: skip
    assert "blocks" not in spec


class Unit(nn.Module):
    """A bottleneck of torchvision. `eps` is that of its last norm."""

    def __init__(self, eps: float = 1e-5) -> None:
        super().__init__()
        self.unit = references.torchvision().models.resnet.Bottleneck(64, 16)
        self.unit.bn3.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return self.unit(x)


def test_what_differs_in_one_number_is_no_standard_block() -> None:
    inputs = {"x": InputDescription(("N", 64, "H", "W"))}
    assert written(Unit, inputs, verify=False)["nodes"] == {"unit": {"op": "bottleneck", "planes": 16}}
    other = spec_text(written(lambda: Unit(1e-4), inputs, verify=False))
    assert "op: bottleneck" not in other
    assert "eps: 0.0001" in other


@pytest.mark.slow
def test_dense_blocks_with_lists_of_inputs_are_the_standard_block() -> None:
    module = references.torchvision().models.DenseNet(4, (3, 2), 8, num_classes=5)
    nodes = written(module)["nodes"]["features"]["nodes"]
    assert nodes["denseblock1"] == {"op": "dense_block", "num_layers": 3, "growth_rate": 4}


class Detours(nn.Module):
    """What people write where the language has one operation, or nothing at all."""

    def __init__(self) -> None:
        super().__init__()
        self.drop = nn.Dropout(0.0)
        self.norm = RootMeanSquare()
        self.fc = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        h = self.fc(self.drop(self.norm(x)) * 1 + 0)
        return 0.5 * h * (1 + torch.tanh(0.7978845608028654 * (h + 0.044715 * torch.pow(h, 3.0))))


class RootMeanSquare(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(8))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))


def test_steps_that_are_one_operation_become_that_operation() -> None:
    nodes = written(Detours, {"x": InputDescription(("N", "L", 8))})["nodes"]
    assert list(nodes.values()) == [
        {"op": "rms_norm", "eps": 1e-6},
        {"op": "linear", "out_features": 8},
        {"op": "gelu", "approximate": "tanh"},
    ]


class Times(nn.Module):
    """The embedding of times of diffusers, and attention in one head that is parted all the same."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v = nn.Linear(16, 16), nn.Linear(16, 16), nn.Linear(16, 16)

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        rates = torch.exp(-9.210340371976184 * torch.arange(0, 8, dtype=torch.float32) / (8 - 0))
        angle = t[:, None].float() * rates[None, :]
        both = torch.cat([torch.sin(angle), torch.cos(angle)], dim=-1)
        both = torch.cat([both[:, 8:], both[:, :8]], dim=-1)
        x = x + both[:, None]
        parts = [one(x).unflatten(2, (1, 16)).transpose(1, 2) for one in (self.q, self.k, self.v)]
        return nn.functional.scaled_dot_product_attention(*parts).transpose(1, 2).flatten(2)


def test_embeddings_of_times_and_attention_in_one_head() -> None:
    inputs = {"t": InputDescription(("N",), "int64"), "x": InputDescription(("N", "L", 16))}
    nodes = list(written(Times, inputs)["nodes"].values())
    assert {"op": "sinusoidal_embedding", "dim": 16, "flip_sin_to_cos": True, "freq_shift": 0.0} in nodes
    assert nodes[-1] == {"op": "scaled_dot_product_attention", "in": ["q", "k", "v"]}


def nodes_of(body: Mapping[str, Any]) -> int:
    """The nodes of a spec's data, at every depth and in blocks."""
    inner = (node for node in body.get("nodes", {}).values() if isinstance(node, dict) and "nodes" in node)
    return len(body.get("nodes", {})) + sum(map(nodes_of, [*inner, *body.get("blocks", {}).values()]))


NARROW: Mapping[str, Mapping[str, Any]] = {
    "resnet18": {"depths": [1, 2, 1, 1]},
    "vit": {"image_size": 32, "dim": 16, "depth": 2, "heads": 2},
    "convnext": {"depths": [1, 2, 1, 1], "channels": [8, 16, 24, 32], "classes": 5},
    "gpt2": {"depth": 2, "dim": 16, "heads": 2, "vocab": 50},
}
SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in NARROW if name != "convnext"]


@pytest.mark.parametrize("name", ["convnext", *SLOW])
def test_what_code_writes_comes_back(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = ag.load(name, **NARROW[name])
    again = imported_code(graph, tmp_path, monkeypatch)
    numbers = FormNumbers()
    assert body_form(again, numbers) == body_form(graph, numbers)
    assert nodes_of(again.info.spec) <= 1.3 * nodes_of(graph.info.spec)


def imported_code(graph: Graph, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Graph:
    """What is imported from the module that `archgraph code` writes."""
    path = folder / f"written_{graph.name}.py"
    path.write_text(ag.code(graph), encoding="utf-8")
    monkeypatch.syspath_prepend(folder)
    module = __import__(path.stem)
    classes = [one for one in vars(module).values() if isinstance(one, type) and one.__module__ == path.stem]
    inputs = {
        value.name: InputDescription(tuple(s if isinstance(s, int) else str(s) for s in value.shape), value.dtype)
        for value in graph.inputs
    }
    return import_module(classes[-1], inputs, verify=False).graph


SCRIPT = """
import sys
import torch
sys.path.insert(0, {tests!r})
from small_networks import UNet
from archgraph.graph.spec_text import spec_text
from archgraph.importing.api import import_module
from archgraph.importing.sources.input_descriptions import InputDescription
inputs = {{"x": InputDescription(("N", 3, "H", "W")), "t": InputDescription(("N",))}}
print(spec_text(import_module(UNet, inputs, verify=False).spec))
"""


@pytest.mark.slow
def test_two_processes_write_the_same_bytes() -> None:
    script = SCRIPT.format(tests=str(Path(__file__).parents[1]))
    texts = [
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert texts[0] == texts[1]
    assert b"residual" in texts[0]


def test_usual_values_are_defaults() -> None:
    width = ClassParameter("width", "out_channels", [8, 8, 16, 32], wide=True)
    kernel = ClassParameter("kernel", "kernel_size", [3, 1, 3, 5])
    step = ClassParameter("step", "step", [1, 2, 3, 4])
    made = with_usual_defaults([kernel, width, step])
    assert [(one.name, one.default) for one in made] == [("width", MISSING), ("step", MISSING), ("kernel", 3)]

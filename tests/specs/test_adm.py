"""The ablated diffusion model against a module written from the paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import references
import torch
from guided_diffusion_reference import UNet
from parity import assert_equal_runs, assert_same_keys

import archgraph as ag
from archgraph.graph import parameter_count

SHARED = {"head_channels": 64, "heads_first": True, "layers": 2, "channels": 256}
LEVELS = {"multipliers": [1, 1, 2, 2, 4, 4], "attention": [False, False, False, True, True, True]}
PRESETS: dict[str, dict[str, Any]] = {
    "adm@imagenet256": {**SHARED, **LEVELS, "classes": 0},
    "adm@imagenet64": {
        **SHARED,
        "multipliers": [1, 2, 3, 4],
        "attention": [False, True, True, True],
        "channels": 192,
        "layers": 3,
        "heads_first": False,
        "classes": 1000,
    },
}
PUBLISHED = {"adm@imagenet256": 552_814_086}


@pytest.mark.parity("keys")
@pytest.mark.parametrize("name", ["adm@imagenet256", pytest.param("adm@imagenet64", marks=pytest.mark.slow)])
def test_keys_and_shapes_in_order(name: str) -> None:
    with torch.device("meta"):
        reference = UNet(**PRESETS[name])
    graph = ag.load(name)
    assert_same_keys(graph, reference)
    counted = sum(tensor.numel() for tensor in reference.parameters())
    assert parameter_count(graph) == counted == PUBLISHED.get(name, counted)


NARROW = {"channels": 32, "multipliers": [1, 2], "attention": [False, True], "layers": 1, "head_channels": 16}


@pytest.mark.parity("outputs", "gradients")
@pytest.mark.parametrize("more", [{"heads_first": True, "classes": 0}, {"heads_first": False, "classes": 5}])
def test_outputs_and_input_gradients(more: dict[str, Any]) -> None:
    reference = references.randomised(UNet(**NARROW, **more))
    model = ag.to_torch(ag.load("adm", **NARROW, **more)).eval()
    model.load_state_dict(reference.state_dict(), strict=True)
    labels = [torch.tensor([4, 1])] * (more["classes"] > 0)
    assert_equal_runs(model, reference, [(2, 3, 8, 12)], torch.tensor([7, 931]), *labels)


@pytest.mark.parity("file")
@pytest.mark.slow  # its residual blocks and attention are proved in the U-Nets of diffusers
def test_the_file_is_proved_equal(tmp_path: Path) -> None:
    graph = ag.load("adm", **NARROW | {"multipliers": [1, 1], "attention": [False, False]}, classes=5)
    assert ag.to_onnx(ag.to_torch(graph), tmp_path / "adm.onnx").certificate is not None

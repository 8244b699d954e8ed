"""The ablated diffusion model against a module written from the paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import references
import torch
from guided_diffusion_reference import UNet

import archgraph as ag
from archgraph.graph import parameter_count, weights

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


@pytest.mark.parametrize("name", PRESETS)
def test_keys_and_shapes_in_order(name: str) -> None:
    with torch.device("meta"):
        reference = UNet(**PRESETS[name])
    theirs = [(key, tuple(tensor.shape)) for key, tensor in reference.state_dict().items()]
    graph = ag.load(name)
    assert [(item.key, item.weight.shape) for item in weights(graph)] == theirs
    counted = sum(tensor.numel() for tensor in reference.parameters())
    assert parameter_count(graph) == counted == PUBLISHED.get(name, counted)


NARROW = {"channels": 32, "multipliers": [1, 2], "attention": [False, True], "layers": 1, "head_channels": 16}


@pytest.mark.parametrize("more", [{"heads_first": True, "classes": 0}, {"heads_first": False, "classes": 5}])
def test_outputs_and_input_gradients(more: dict[str, Any]) -> None:
    reference = references.randomised(UNet(**NARROW, **more))
    model = ag.to_torch(ag.load("adm", **NARROW, **more)).eval()
    model.load_state_dict(reference.state_dict(), strict=True)
    for ours, theirs in zip(run(model, more["classes"]), run(reference, more["classes"]), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4 * float(theirs.abs().max()))


def run(module: torch.nn.Module, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The output, and the gradient of a weighted sum of it."""
    generator = torch.Generator().manual_seed(3)
    image = torch.randn((2, 3, 8, 12), generator=generator, requires_grad=True)
    labels = [torch.tensor([4, 1])] * (classes > 0)
    found = module(image, torch.tensor([7, 931]), *labels)
    weight = torch.randn(found.shape, generator=generator)
    (gradient,) = torch.autograd.grad((found * weight).sum(), image)
    return found.detach(), gradient


def test_the_file_is_proved_equal(tmp_path: Path) -> None:
    graph = ag.load("adm", **NARROW, classes=5)
    assert ag.to_onnx(ag.to_torch(graph), tmp_path / "adm.onnx").certificate is not None

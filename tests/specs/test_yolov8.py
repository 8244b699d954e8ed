"""YOLOv8 against a module written from its published architecture."""

from __future__ import annotations

from pathlib import Path

import pytest
import references
import torch
from yolov8_reference import YoloV8

import archgraph as ag
from archgraph.graph import parameter_count, weights

PRESETS = {
    "yolov8n": (0.33, 0.25, 1024),
    "yolov8s": (0.33, 0.5, 1024),
    "yolov8m": (0.67, 0.75, 768),
    "yolov8l": (1.0, 1.0, 512),
    "yolov8x": (1.0, 1.25, 512),
}
NARROW = {"depth": 0.33, "width": 0.125, "most_channels": 256, "classes": 5}


@pytest.mark.parametrize("name", PRESETS)
def test_keys_and_shapes_in_order(name: str) -> None:
    with torch.device("meta"):
        reference = YoloV8(*PRESETS[name])
    theirs = [(key, tuple(tensor.shape)) for key, tensor in reference.state_dict().items()]
    graph = ag.load(name)
    assert [(item.key, item.weight.shape) for item in weights(graph)] == theirs
    trained = sum(tensor.numel() for tensor in reference.parameters()) - 16  # the bins of the distances stay
    assert graph.info.spec["assert"]["parameters"][name] == parameter_count(graph) == trained


@pytest.mark.parametrize("training", [False, True])
def test_outputs_and_input_gradients(training: bool) -> None:
    reference = references.randomised(YoloV8(0.33, 0.125, 256, 5)).train(training)
    model = ag.to_torch(ag.load("yolov8", **NARROW)).train(training)
    model.load_state_dict(reference.state_dict(), strict=True)
    for ours, theirs in zip(run(model), run(reference), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4 * float(theirs.abs().max()))
    for ours, theirs in zip(model.state_dict().values(), reference.state_dict().values(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def run(module: torch.nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    """The predictions, and the gradient of a weighted sum of them."""
    generator = torch.Generator().manual_seed(3)
    image = torch.randn((2, 3, 64, 96), generator=generator, requires_grad=True)
    found = module(image)
    weight = torch.randn(found.shape, generator=generator)
    (gradient,) = torch.autograd.grad((found * weight).sum(), image)
    return found.detach(), gradient


def test_a_place_that_sees_nothing_predicts_the_mean_of_all_distances() -> None:
    """All weights zero: each side is the mean of 0 to 15, and the places of the first level are 8 pixels apart."""
    model = ag.to_torch(ag.load("yolov8", **NARROW)).eval()
    for tensor in model.parameters():
        tensor.data.zero_()
    found = model(torch.zeros(1, 3, 32, 64))[0]
    assert found[:, 0].tolist() == [4.0, 4.0, 120.0, 120.0, *[0.5] * 5]
    assert found[:2, 9].tolist() == [12.0, 12.0]  # the second of the second row of eight
    assert found[:4, -1].tolist() == [48.0, 16.0, 480.0, 480.0]


def test_the_file_is_proved_equal(tmp_path: Path) -> None:
    graph = ag.load("yolov8", **NARROW)
    assert ag.to_onnx(ag.to_torch(graph), tmp_path / "yolov8.onnx").certificate is not None

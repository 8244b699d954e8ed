"""YOLOv8 against a module written from its published architecture."""

from __future__ import annotations

from pathlib import Path

import pytest
import references
import torch
from parity import assert_equal_runs, assert_same_keys
from yolov8_reference import YoloV8

import archgraph as ag
from archgraph.graph import parameter_count

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
    graph = ag.load(name)
    assert_same_keys(graph, reference)
    trained = sum(tensor.numel() for tensor in reference.parameters()) - 16  # the bins of the distances stay
    assert graph.info.spec["assert"]["parameters"][name] == parameter_count(graph) == trained


@pytest.mark.parametrize("training", [False, True])
def test_outputs_and_input_gradients(training: bool) -> None:
    reference = references.randomised(YoloV8(0.33, 0.125, 256, 5)).train(training)
    model = ag.to_torch(ag.load("yolov8", **NARROW)).train(training)
    model.load_state_dict(reference.state_dict(), strict=True)
    assert_equal_runs(model, reference, [(2, 3, 64, 96)])


def test_a_place_that_sees_nothing_predicts_the_mean_of_all_distances() -> None:
    """All weights zero: each side is the mean of 0 to 15, and the places of the first level are 8 pixels apart."""
    model = ag.to_torch(ag.load("yolov8", **NARROW)).eval()
    for tensor in model.parameters():
        tensor.data.zero_()
    found = model(torch.zeros(1, 3, 32, 64))[0]
    assert found[:, 0].tolist() == [4.0, 4.0, 120.0, 120.0, *[0.5] * 5]
    assert found[:2, 9].tolist() == [12.0, 12.0]  # the second of the second row of eight
    assert found[:4, -1].tolist() == [48.0, 16.0, 480.0, 480.0]


HEAD = {
    "archgraph": 1,
    "name": "head",
    "use": {"yolo": "yolov8"},
    "inputs": {"fine": ["N", 16, "H", "W"], "middle": ["N", 24, "K", "L"], "coarse": ["N", 8, "P", "Q"]},
    "nodes": {
        "detect": {
            "op": "yolo.detect",
            "in": {"maps": ["fine", "middle", "coarse"]},
            "channels": [16, 24, 8],
            "bins": 4,
            "classes": 3,
        }
    },
}


def test_the_file_of_the_head_is_proved_equal(tmp_path: Path) -> None:
    assert ag.to_onnx(ag.to_torch(ag.load(HEAD)), tmp_path / "head.onnx").certificate is not None


@pytest.mark.slow
def test_the_file_is_proved_equal(tmp_path: Path) -> None:
    graph = ag.load("yolov8", **NARROW)
    assert ag.to_onnx(ag.to_torch(graph), tmp_path / "yolov8.onnx").certificate is not None

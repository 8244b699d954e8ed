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


@pytest.mark.parity("keys")
@pytest.mark.parametrize("name", PRESETS)
def test_keys_and_shapes_in_order(name: str) -> None:
    with torch.device("meta"):
        reference = YoloV8(*PRESETS[name])
    graph = ag.load(name)
    assert_same_keys(graph, reference)
    trained = sum(tensor.numel() for tensor in reference.parameters()) - 16  # the bins of the distances stay
    assert graph.info.spec["assert"]["parameters"][name] == parameter_count(graph) == trained


@pytest.mark.parity("outputs", "gradients")
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


DECODING = {
    "archgraph": 1,
    "name": "decoding",
    "use": {"yolo": "yolov8"},
    "inputs": {"map": ["N", 3, "H", "W"], "bins": ["N", 16, "A"]},
    "nodes": {
        "places": {"op": "yolo.places", "in": "map", "stride": 16},
        "sides": {"op": "yolo.mean_distance", "in": "bins", "bins": 4},
    },
    "outputs": ["places", "sides"],
}


def test_the_file_of_the_decoding_is_proved_equal(tmp_path: Path) -> None:
    assert ag.to_onnx(ag.to_torch(ag.load(DECODING)), tmp_path / "decoding.onnx").certificate is not None


@pytest.mark.parity("file")
@pytest.mark.slow
def test_the_file_is_proved_equal(tmp_path: Path) -> None:
    graph = ag.load("yolov8", **NARROW)
    assert ag.to_onnx(ag.to_torch(graph), tmp_path / "yolov8.onnx").certificate is not None

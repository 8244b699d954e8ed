"""Single layers rounded on the way to the outputs, beside the whole model with that layer quantised."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from quantize_cases import DENOISER, exported

import archgraph
from archgraph.quantize import layer_ablation, read_float_file, synthetic
from archgraph.quantize.layer_ablation import LayerAblation, part_of
from archgraph.quantize.layer_selection import LayerSelection, between, choose
from archgraph.quantize.output_error import departures, outputs_on, total
from archgraph.quantize.qdq import quantised, quantised_values
from archgraph.quantize.ranges import observe
from archgraph.quantize.uses import ModelWiring

TWO_HEADS: dict[str, Any] = {
    "archgraph": 1,
    "name": "heads",
    "inputs": {"x": ["N", 3, 8, 8]},
    "nodes": {
        "stem": {"op": "conv2d", "out_channels": 8, "kernel_size": 3, "padding": 1},
        "one": {"op": "conv2d", "out_channels": 8, "kernel_size": 3, "padding": 1, "in": "stem"},
        "two": {"op": "conv2d", "out_channels": 8, "kernel_size": 1, "in": "one"},
        "sum": {"op": "add", "in": ["one", "two"]},
        "three": {"op": "conv2d", "out_channels": 4, "kernel_size": 1, "in": "sum"},
        "early": {"op": "conv2d", "out_channels": 2, "kernel_size": 1, "in": "stem"},
    },
    "outputs": {"late": "three", "middle": "two", "early": "early"},
}
"""A layer that is an output and is read, too, and an output that no later layer moves."""
RESIDUAL: dict[str, Any] = {
    "archgraph": 1,
    "name": "residual",
    "inputs": {"image": ["N", 1, 16, 16]},
    "nodes": {
        "stem": {"op": "conv2d", "out_channels": 8, "kernel_size": 3, "padding": 1, "bias": False},
        "norm": "batch_norm2d",
        "act": "relu",
        "one": {"op": "basic", "planes": 8},
        "two": {"op": "basic", "planes": 16, "stride": 2},
        "pool": {"op": "adaptive_avg_pool2d", "output_size": 1},
        "flat": "flatten",
        "fc": {"op": "linear", "out_features": 10},
    },
}
NETWORKS: dict[str, Any] = {
    "residual, with clamps": RESIDUAL,
    "diffusion": DENOISER,
    "two heads": TWO_HEADS,
    "skips": archgraph.load("ddpm@cifar10", channels=[8, 8], attention=[False, True], layers=1, groups=4),
}
CASES = [
    pytest.param("diffusion", None, id="diffusion-split"),
    pytest.param("diffusion", False, id="diffusion-one file"),
    pytest.param("residual, with clamps", None, id="residual, with clamps"),
    pytest.param("two heads", None, id="two heads"),
    pytest.param("skips", None, id="skips-split", marks=pytest.mark.slow),
    pytest.param("skips", False, id="skips-one file", marks=pytest.mark.slow),
]
"""Networks without a time are one file in any case."""


@pytest.mark.parametrize(("name", "split_time"), CASES)
def test_a_layer_alone_is_the_model_with_that_layer_quantised(
    name: str, split_time: bool | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layer_ablation, "TOGETHER", 4)
    source = read_float_file(exported(NETWORKS[name], tmp_path / "m.onnx", split_time=split_time))
    wiring = ModelWiring(source.model, source.features)
    rows = source.model_feeds(synthetic(source.about, 12))
    choice = choose(wiring)
    seen = observe(source.model, quantised_values(wiring, choice), rows.batches(8), lambda *at: None)
    ranges = {value: (each.low, each.high) for value, each in seen.items()}
    batches = rows.batches(5)  # of five, five and two
    given = LayerAblation(source.model, wiring, choice.layers, ranges, batches)
    exact = outputs_on(source.model, batches)
    for output in exact:
        np.testing.assert_allclose(given.exact[output], exact[output], atol=1e-5)
    looked_at = []
    for layer, outputs in given:
        whole = quantised(source.model, LayerSelection((layer,), between(wiring, (layer,)), {}), ranges)
        for found, wanted in zip(
            departures(given.exact, outputs), departures(exact, outputs_on(whole, batches)), strict=True
        ):
            assert found.relative == pytest.approx(wanted.relative, rel=0.02, abs=1e-6), (layer, found.output)
        assert total(departures(exact, outputs)) > 1e-5
        looked_at.append(layer)
    assert looked_at == list(choice.layers)


def test_a_clamp_is_a_part_of_its_layer(tmp_path: Path) -> None:
    wiring = ModelWiring(read_float_file(exported("digits_resnet", tmp_path / "m.onnx")).model)
    part = part_of(wiring, "stage.0.unit.0.conv1")
    assert [wiring.nodes[name].op_type for name in part.nodes] == ["Conv", "Relu"]
    assert part.made == wiring.nodes[part.nodes[1]].output[0]
    assert len(part_of(wiring, "stage.0.unit.0.conv2").nodes) == 1  # a sum follows


def test_looking_at_some_rows_takes_as_many_parts_as_that_needs(tmp_path: Path) -> None:
    free = synthetic(read_float_file(exported(DENOISER, tmp_path / "a.onnx")).about, 40)
    assert [len(batch["x"]) for batch in free.first(16)] == [16]
    about = read_float_file(exported(DENOISER, tmp_path / "b.onnx", sizes={"N": 3})).about
    assert [len(batch["x"]) for batch in synthetic(about, 40).first(16)] == [3] * 6

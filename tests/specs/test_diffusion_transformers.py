"""Diffusion transformers against diffusers: keys in order at full size; outputs, gradients and files when narrow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from diffusers_networks import Case, noise
from torch import Tensor

import archgraph as ag


def class_conditional() -> Mapping[str, Tensor]:
    return {
        "hidden_states": noise(2, 4, 8, 8),
        "timestep": torch.tensor([3, 941]),
        "class_labels": torch.tensor([0, 10]),
    }


CASES = [
    Case(
        spec="dit",
        network="DiTTransformer2DModel",
        shared={"out_channels": 8},
        published={"dit_xl_2_256": {"sample_size": 32}, "dit_xl_2_512": {"sample_size": 64}},
        config={
            "num_attention_heads": 2,
            "attention_head_dim": 16,
            "num_layers": 2,
            "sample_size": 8,
            "num_embeds_ada_norm": 10,
        },
        params={"size": 8, "width": 32, "depth": 2, "heads": 2, "classes": 10},
        inputs=class_conditional,
    ),
]
PRESETS = [pytest.param(case, preset, id=preset) for case in CASES for preset in case.published]
NARROW = [pytest.param(case, id=case.spec) for case in CASES]


@pytest.mark.parametrize(("case", "preset"), PRESETS)
def test_keys_and_shapes_in_order(case: Case, preset: str) -> None:
    case.assert_published_keys(preset)


@pytest.mark.parametrize("case", NARROW)
def test_outputs_and_input_gradients(case: Case) -> None:
    case.assert_equal_outputs_and_gradients()


@pytest.mark.parametrize("profile", ["portable", "cpu"])
@pytest.mark.parametrize("case", NARROW)
def test_the_file_is_proved_equal(case: Case, profile: str, tmp_path: Path) -> None:
    found = ag.to_onnx(ag.to_torch(case.graph()), tmp_path / "network.onnx", profile=profile)
    assert found.certificate is not None
    assert found.certificate.equal

"""Networks around Stable Diffusion's U-Net against diffusers: keys at full size; outputs, gradients and files when narrow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from diffusers_networks import Case, called, noise
from torch import Tensor, nn

import archgraph as ag


def controlled() -> Mapping[str, Tensor]:
    return {
        "sample": noise(2, 4, 8, 16),
        "timestep": torch.tensor([3, 941]),
        "encoder_hidden_states": noise(2, 5, 24),
        "controlnet_cond": noise(2, 3, 64, 128),
    }


def residuals(network: nn.Module, inputs: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    down, mid = called(network, inputs)
    return (*down, mid)


CASES = [
    Case(
        spec="controlnet",
        network="ControlNetModel",
        published={
            "control_sd15": {"cross_attention_dim": 768},
            "control_sd21": {
                "attention_head_dim": (5, 10, 20, 20),
                "cross_attention_dim": 1024,
                "use_linear_projection": True,
            },
        },
        config={
            "block_out_channels": (16, 24, 32, 32),
            "cross_attention_dim": 24,
            "norm_num_groups": 8,
            "conditioning_embedding_out_channels": (4, 8, 12, 16),
        },
        params={
            "channels": [16, 24, 32, 32],
            "context_dim": 24,
            "groups": 8,
            "image_widths": [4, 8, 12, 16],
        },
        inputs=controlled,
        run=residuals,
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

"""Stable Diffusion's U-Net against diffusers: keys and shapes in order at full size, outputs on narrow variants."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import references
import torch
from shipped_graphs import shipped

import archgraph as ag
from archgraph.graph import parameter_count, weights

SD15: dict[str, Any] = {
    "sample_size": 64,
    "block_out_channels": (320, 640, 1280, 1280),
    "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
    "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
    "attention_head_dim": 8,
    "cross_attention_dim": 768,
}
"""The configuration of stable-diffusion-v1-5's U-Net; its attention_head_dim counts heads."""

SD21 = {**SD15, "attention_head_dim": (5, 10, 20, 20), "cross_attention_dim": 1024, "use_linear_projection": True}
"""The configuration of stable-diffusion-2-1-base's U-Net."""

SDXL: dict[str, Any] = {
    "sample_size": 128,
    "block_out_channels": (320, 640, 1280),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "attention_head_dim": (5, 10, 20),
    "transformer_layers_per_block": (1, 2, 10),
    "cross_attention_dim": 2048,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}
"""The configuration of stable-diffusion-xl-base-1.0's U-Net."""


def unet(config: dict[str, Any]) -> torch.nn.Module:
    references.torchvision()  # diffusers' import of this model needs it to be importable
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from diffusers import UNet2DConditionModel

        return UNet2DConditionModel(**config)


@pytest.mark.parity("keys")
@pytest.mark.parametrize(
    ("preset", "config"),
    [("sd15", SD15), pytest.param("sd21", SD21, marks=pytest.mark.slow), ("sdxl", SDXL)],
)
def test_keys_equal_diffusers(preset: str, config: dict[str, Any]) -> None:
    with torch.device("meta"):
        reference = unet(config)
    ours = [(item.key, item.weight.shape) for item in weights(shipped(f"sd_unet@{preset}"))]
    assert ours == [(key, tuple(tensor.shape)) for key, tensor in reference.state_dict().items()]


@pytest.mark.parametrize(
    ("preset", "parameters"), [("sd15", 859_520_964), ("sd21", 865_910_724), ("sdxl", 2_567_463_684)]
)
def test_published_parameter_counts(preset: str, parameters: int) -> None:
    assert parameter_count(shipped(f"sd_unet@{preset}")) == parameters


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def loaded(preset: str, reference: torch.nn.Module, **narrow: Any) -> torch.nn.Module:
    """The narrow variant of a preset under the reference's weights, which are randomised first."""
    references.randomised(reference)
    model = ag.to_torch(ag.load("sd_unet", preset=preset, **narrow))
    model.load_state_dict(reference.state_dict(), strict=True)
    return model.eval()


def assert_equal(got: torch.Tensor, want: torch.Tensor) -> None:
    assert float(want.std()) > 0.1
    torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4 * float(want.abs().max()))


@pytest.mark.parity("outputs")
@pytest.mark.parametrize("size", [(8, 8), (24, 16)])
def test_sd15_outputs_equal_diffusers(size: tuple[int, int]) -> None:
    config = SD15 | {"block_out_channels": (32, 64, 96, 96), "cross_attention_dim": 24}
    reference = unet(config)
    model = loaded("sd15", reference, channels=[32, 64, 96, 96], context_dim=24)
    sample, timestep, context = noise(2, 4, *size), torch.tensor([3, 941]), noise(2, 7, 24)
    with torch.no_grad():
        assert_equal(model(sample, timestep, context), reference(sample, timestep, context).sample)


@pytest.mark.parity("outputs")
def test_sdxl_outputs_equal_diffusers() -> None:
    config = SDXL | {
        "block_out_channels": (32, 64, 96),
        "attention_head_dim": (2, 4, 6),
        "transformer_layers_per_block": (1, 1, 2),
        "cross_attention_dim": 24,
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": 6 * 8 + 16,
    }
    reference = unet(config)
    narrow = {"channels": [32, 64, 96], "heads": [2, 4, 6], "depth": [0, 1, 2], "mid_depth": 2, "context_dim": 24}
    model = loaded("sdxl", reference, **narrow, text_dim=16, ids_dim=8)
    sample, timestep, context = noise(2, 4, 8, 12), torch.tensor([3, 941]), noise(2, 7, 24)
    text, ids = noise(2, 16), torch.tensor([[64.0, 96, 0, 8, 64, 96], [32, 32, 1, 0, 64, 64]])
    with torch.no_grad():
        added = {"text_embeds": text, "time_ids": ids}
        want = reference(sample, timestep, context, added_cond_kwargs=added).sample
        assert_equal(model(sample, timestep, context, text, ids), want)

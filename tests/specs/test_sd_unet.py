"""Stable Diffusion's U-Net against diffusers: keys and shapes in order at full size, outputs on narrow variants."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import references
import torch
from diffusers_networks import Inputs, measured, noise
from shipped_graphs import shipped

import archgraph as ag
from archgraph.graph import parameter_count, weights

Run = Callable[[Inputs], Any]
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


SDXL_REFINER = {
    **SDXL,
    "block_out_channels": (384, 768, 1536, 1536),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "attention_head_dim": (6, 12, 24, 24),
    "transformer_layers_per_block": 4,
    "cross_attention_dim": 1280,
    "projection_class_embeddings_input_dim": 2560,
}
"""The configuration of stable-diffusion-xl-refiner-1.0's U-Net."""
VARIANTS: dict[str, dict[str, Any]] = {
    "sdxl_refiner": SDXL_REFINER,
    "sd15_inpainting": {**SD15, "in_channels": 9},
    "sd21_inpainting": {**SD21, "in_channels": 9},
    "instruct_pix2pix": {**SD15, "in_channels": 8},
    "sdxl_inpainting": {**SDXL, "in_channels": 9},
    "lcm_dreamshaper_v7": {**SD15, "time_cond_proj_dim": 256},
    "lcm_sdxl": {**SDXL, "time_cond_proj_dim": 256},
}
SLOW = {"sd21", "sd21_inpainting", "instruct_pix2pix", "sdxl_inpainting", "sd15_inpainting", "lcm_sdxl"}
"""What differs from the others in numbers."""


def unet(config: dict[str, Any]) -> torch.nn.Module:
    references.torchvision()  # diffusers' import of this model needs it to be importable
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from diffusers import UNet2DConditionModel

        return UNet2DConditionModel(**config)


@pytest.mark.parity("keys")
@pytest.mark.parametrize(
    ("preset", "config"),
    [
        pytest.param(preset, config, id=preset, marks=[pytest.mark.slow] * (preset in SLOW))
        for preset, config in {"sd15": SD15, "sd21": SD21, "sdxl": SDXL, **VARIANTS}.items()
    ],
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


def assert_equal(preset: str, reference: torch.nn.Module, inputs: Inputs, run: Run, **narrow: Any) -> None:
    """Outputs and input gradients of the narrow variant of a preset, under the reference's weights."""
    references.randomised(reference)
    model = ag.to_torch(ag.load("sd_unet", preset=preset, **narrow)).eval()
    model.load_state_dict(reference.state_dict(), strict=True)
    want = measured(run, inputs)
    assert float(want[0].std()) > 0.1
    for ours, theirs in zip(measured(lambda given: model(*given.values()), inputs), want, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4 * float(theirs.abs().max()))


@pytest.mark.parity("outputs", "gradients")
@pytest.mark.parametrize("size", [(8, 8), (24, 16)])
def test_sd15(size: tuple[int, int]) -> None:
    reference = unet(SD15 | {"block_out_channels": (32, 64, 96, 96), "cross_attention_dim": 24})
    inputs = {"sample": noise(2, 4, *size), "timestep": torch.tensor([3, 941]), "context": noise(2, 7, 24)}
    narrow = {"channels": [32, 64, 96, 96], "context_dim": 24}
    assert_equal("sd15", reference, inputs, lambda given: reference(*given.values()).sample, **narrow)


@pytest.mark.parity("outputs", "gradients")
def test_another_image_and_the_scale_of_guidance() -> None:
    config = {"block_out_channels": (32, 64), "down_block_types": SD15["down_block_types"][2:]}
    config |= {"up_block_types": SD15["up_block_types"][:2], "cross_attention_dim": 24}
    reference = unet(SD15 | config | {"in_channels": 9, "time_cond_proj_dim": 16})
    inputs = {"sample": noise(2, 9, 4, 6), "timestep": torch.tensor([3, 941]), "context": noise(2, 7, 24)}
    inputs |= {"guidance": noise(2, 16)}
    narrow = {"channels": [32, 64], "depth": [1, 0], "heads": [8, 8], "context_dim": 24}

    def run(given: Inputs) -> Any:
        *first, guidance = given.values()
        return reference(*first, timestep_cond=guidance).sample

    assert_equal("sd15_inpainting", reference, inputs, run, guidance_dim=16, **narrow)


@pytest.mark.parity("outputs", "gradients")
def test_sdxl() -> None:
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
    sizes = torch.tensor([[64.0, 96, 0, 8, 64, 96], [32, 32, 1, 0, 64, 64]])
    inputs = {"sample": noise(2, 4, 8, 12), "timestep": torch.tensor([3, 941]), "context": noise(2, 7, 24)}
    inputs |= {"text_embeds": noise(2, 16), "time_ids": sizes}

    def run(given: Inputs) -> Any:
        added = {name: given[name] for name in ("text_embeds", "time_ids")}
        return reference(given["sample"], given["timestep"], given["context"], added_cond_kwargs=added).sample

    assert_equal("sdxl", reference, inputs, run, text_dim=16, ids_dim=8, **narrow)

"""Diffusion transformers of diffusers, each next to the spec that describes it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from diffusers_networks import Case, noise
from torch import Tensor, nn


def class_conditional() -> Mapping[str, Tensor]:
    return {
        "hidden_states": noise(2, 4, 8, 8),
        "timestep": torch.tensor([3, 941]),
        "class_labels": torch.tensor([0, 10]),
    }


def with_text() -> Mapping[str, Tensor]:
    return {
        "hidden_states": noise(2, 4, 6, 8),
        "timestep": torch.tensor([3.5, 941.0]),
        "pooled_projections": noise(2, 12),
        "encoder_hidden_states": noise(2, 3, 20),
    }


def of_a_size() -> Mapping[str, Tensor]:
    """With a padded text, and what PixArt is told of the image."""
    padded = torch.tensor([[True, True, True, True, True], [True, True, False, False, False]])
    return {
        "hidden_states": noise(2, 4, 8, 8),
        "encoder_hidden_states": noise(2, 5, 20),
        "timestep": torch.tensor([3, 941]),
        "encoder_attention_mask": padded,
        "resolution": torch.tensor([[64.0, 96.0], [32.0, 32.0]]),
        "aspect_ratio": torch.tensor([[0.66], [1.0]]),
    }


def told(network: nn.Module, inputs: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    names = ("resolution", "aspect_ratio")
    others = {name: value for name, value in inputs.items() if name not in names}
    sizes = {name: inputs[name] for name in names}
    return network(**others, added_cond_kwargs=sizes, return_dict=False)


def with_positions() -> Mapping[str, Tensor]:
    """Tokens of an image of 2×3 patches, and three words, which all stand at the origin."""
    places = [[0.0, float(row), float(column)] for row in range(2) for column in range(3)]
    return {
        "hidden_states": noise(2, 6, 8),
        "encoder_hidden_states": noise(2, 3, 20),
        "pooled_projections": noise(2, 12),
        "timestep": torch.tensor([0.35, 0.941]),
        "img_ids": torch.tensor(places),
        "txt_ids": torch.zeros(3, 3),
        "guidance": torch.tensor([3.5, 1.0]),
    }


NARROW_SD3 = {
    "in_channels": 4,
    "out_channels": 4,
    "num_layers": 3,
    "attention_head_dim": 8,
    "num_attention_heads": 2,
    "joint_attention_dim": 20,
    "caption_projection_dim": 16,
    "pooled_projection_dim": 12,
    "pos_embed_max_size": 6,
}
NARROW_MMDIT = {
    "depth": 3,
    "heads": 2,
    "head_dim": 8,
    "latent_channels": 4,
    "context_dim": 20,
    "pooled_dim": 12,
    "grid": 6,
}
NARROW_FLUX = {
    "double_depth": 2,
    "single_depth": 2,
    "heads": 2,
    "head_dim": 8,
    "axes": [2, 2, 4],
    "channels": 8,
    "context_dim": 20,
    "pooled_dim": 12,
}

TRANSFORMERS = [
    Case(
        spec="pixart",
        network="PixArtTransformer2DModel",
        published={
            "pixart_alpha_256": {"caption_channels": 4096, "sample_size": 32},
            "pixart_alpha_512": {"caption_channels": 4096, "sample_size": 64},
            "pixart_alpha_1024": {"caption_channels": 4096, "sample_size": 128},
            "pixart_sigma_512": {"caption_channels": 4096, "sample_size": 64},
            "pixart_sigma_1024": {"caption_channels": 4096, "sample_size": 128, "use_additional_conditions": False},
        },
        config={
            "num_attention_heads": 2,
            "attention_head_dim": 12,
            "num_layers": 2,
            "sample_size": 8,
            "caption_channels": 20,
            "cross_attention_dim": 24,
            "use_additional_conditions": True,
        },
        params={"size": 8, "heads": 2, "head_dim": 12, "depth": 2, "context_dim": 20, "sized": True},
        inputs=of_a_size,
        run=told,
    ),
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
    Case(
        spec="sd3",
        network="SD3Transformer2DModel",
        published={
            "sd3_medium": {
                "num_layers": 24,
                "num_attention_heads": 24,
                "caption_projection_dim": 1536,
                "pos_embed_max_size": 192,
            },
            "sd35_medium": {
                "num_layers": 24,
                "num_attention_heads": 24,
                "caption_projection_dim": 1536,
                "pos_embed_max_size": 384,
                "qk_norm": "rms_norm",
                "dual_attention_layers": tuple(range(13)),
            },
            "sd35_large": {
                "num_layers": 38,
                "num_attention_heads": 38,
                "caption_projection_dim": 2432,
                "pos_embed_max_size": 192,
                "qk_norm": "rms_norm",
            },
        },
        config={
            **NARROW_SD3,
            "qk_norm": "rms_norm",
            "dual_attention_layers": (0,),
        },
        params={**NARROW_MMDIT, "qk_norm": True, "dual": 1},
        inputs=with_text,
    ),
    Case(
        spec="sd3",
        network="SD3Transformer2DModel",
        published={},
        config=NARROW_SD3,
        params=NARROW_MMDIT,
        inputs=with_text,
        profiles=(),
    ),
    Case(
        spec="flux",
        network="FluxTransformer2DModel",
        published={"flux1_dev": {"guidance_embeds": True}, "flux1_schnell": {"guidance_embeds": False}},
        config={
            "in_channels": 8,
            "num_layers": 2,
            "num_single_layers": 2,
            "attention_head_dim": 8,
            "num_attention_heads": 2,
            "joint_attention_dim": 20,
            "pooled_projection_dim": 12,
            "guidance_embeds": True,
            "axes_dims_rope": (2, 2, 4),
        },
        params=NARROW_FLUX,
        inputs=with_positions,
    ),
]

"""Diffusion transformers of diffusers, each next to the spec that describes it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from diffusers_networks import Case, noise
from torch import Tensor


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

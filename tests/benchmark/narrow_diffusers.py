"""Networks of diffusers in narrow configurations, for the table of what can be imported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archgraph.importing.sources import ModuleSource, module_source

_HEADS = {"num_attention_heads": 2, "attention_head_dim": 8, "num_layers": 2}
_LEVELS = {"block_out_channels": (16, 32), "layers_per_block": 1, "norm_num_groups": 8}
_AUTOENCODER = {
    **_LEVELS,
    "down_block_types": ("DownEncoderBlock2D",) * 2,
    "up_block_types": ("UpDecoderBlock2D",) * 2,
}
_CROSS = {
    **_LEVELS,
    "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
    "cross_attention_dim": 24,
    "attention_head_dim": 8,
}

CONFIGS: Mapping[str, Mapping[str, Any]] = {
    # U-Nets
    "UNet2DModel": {
        **_LEVELS, "down_block_types": ("DownBlock2D", "AttnDownBlock2D"), "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
    },
    "UNet2DConditionModel": {**_CROSS, "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D")},
    "UNet1DModel": {
        "block_out_channels": (16, 32), "down_block_types": ("DownResnetBlock1D",) * 2, "in_channels": 4,
        "up_block_types": ("UpResnetBlock1D",), "mid_block_type": "MidResTemporalBlock1D", "out_channels": 4,
        "out_block_type": "OutConv1DBlock", "time_embedding_type": "positional", "act_fn": "mish",
        "use_timestep_embedding": True, "flip_sin_to_cos": False, "freq_shift": 1, "layers_per_block": 1,
        "extra_in_channels": 0, "downsample_each_block": False,
    },
    "UNet3DConditionModel": {
        **_CROSS, "down_block_types": ("CrossAttnDownBlock3D", "DownBlock3D"),
        "up_block_types": ("UpBlock3D", "CrossAttnUpBlock3D"),
    },
    "UNetMotionModel": {
        **_LEVELS, "down_block_types": ("CrossAttnDownBlockMotion", "DownBlockMotion"), "cross_attention_dim": 24,
        "up_block_types": ("UpBlockMotion", "CrossAttnUpBlockMotion"), "num_attention_heads": 2,
        "motion_num_attention_heads": 2, "motion_max_seq_length": 8,
    },
    "ControlNetModel": {**_CROSS, "conditioning_embedding_out_channels": (8, 16)},
    "T2IAdapter": {"channels": [16, 32], "num_res_blocks": 1, "downscale_factor": 8},
    "UVit2DModel": {
        "hidden_size": 32, "cond_embed_dim": 16, "micro_cond_encode_dim": 8, "micro_cond_embed_dim": 40,
        "encoder_hidden_size": 24, "vocab_size": 50, "codebook_size": 40, "num_hidden_layers": 2, "block_out_channels": 32,
        "num_attention_heads": 2, "intermediate_size": 48, "sample_size": 8, "block_num_heads": 2, "in_channels": 32,
    },
    # autoencoders
    "AutoencoderKL": _AUTOENCODER,
    "VQModel": {**_AUTOENCODER, "num_vq_embeddings": 20, "latent_channels": 4},
    "AutoencoderTiny": {
        "encoder_block_out_channels": (16, 16), "decoder_block_out_channels": (16, 16),
        "num_encoder_blocks": (1, 1), "num_decoder_blocks": (1, 1),
    },
    "AsymmetricAutoencoderKL": {
        "down_block_types": ("DownEncoderBlock2D",) * 2, "up_block_types": ("UpDecoderBlock2D",) * 2, "norm_num_groups": 8,
        "down_block_out_channels": (16, 32), "up_block_out_channels": (16, 32), "layers_per_down_block": 1,
        "layers_per_up_block": 1,
    },
    "ConsistencyDecoderVAE": {
        "encoder_block_out_channels": (16, 32), "encoder_down_block_types": ("DownEncoderBlock2D",) * 2,
        "encoder_layers_per_block": 1, "encoder_norm_num_groups": 8, "decoder_block_out_channels": (16, 32),
        "decoder_down_block_types": ("ResnetDownsampleBlock2D",) * 2, "decoder_layers_per_block": 1,
        "decoder_norm_num_groups": 8, "decoder_up_block_types": ("ResnetUpsampleBlock2D",) * 2,
    },
    "AutoencoderDC": {
        "latent_channels": 4, "encoder_block_out_channels": (16, 32), "decoder_block_out_channels": (16, 32),
        "attention_head_dim": 8, "encoder_block_types": ("ResBlock", "EfficientViTBlock"),
        "decoder_block_types": ("ResBlock", "EfficientViTBlock"), "encoder_layers_per_block": (1, 1),
        "decoder_layers_per_block": (1, 1), "encoder_qkv_multiscales": ((), (5,)), "decoder_qkv_multiscales": ((), (5,)),
    },
    # transformers
    "Transformer2DModel": {**_HEADS, "in_channels": 16, "norm_num_groups": 8, "cross_attention_dim": 24},
    "DiTTransformer2DModel": {**_HEADS, "sample_size": 8, "num_embeds_ada_norm": 10, "out_channels": 8},
    "PixArtTransformer2DModel": {
        **_HEADS, "sample_size": 8, "caption_channels": 24, "cross_attention_dim": 16, "out_channels": 8,
    },
    "SD3Transformer2DModel": {
        **_HEADS, "in_channels": 4, "out_channels": 4, "joint_attention_dim": 24, "caption_projection_dim": 16,
        "pooled_projection_dim": 12, "pos_embed_max_size": 6, "qk_norm": "rms_norm", "dual_attention_layers": (0,),
    },
    "SD3ControlNetModel": {
        **_HEADS, "in_channels": 4, "joint_attention_dim": 24, "caption_projection_dim": 16, "pooled_projection_dim": 12,
        "pos_embed_max_size": 6, "sample_size": 8,
    },
    "FluxTransformer2DModel": {
        **_HEADS, "in_channels": 8, "num_single_layers": 2, "joint_attention_dim": 24, "pooled_projection_dim": 12,
        "guidance_embeds": True, "axes_dims_rope": (2, 2, 4),
    },
    "PriorTransformer": {**_HEADS, "embedding_dim": 16, "num_embeddings": 7, "additional_embeddings": 4},
    "HunyuanDiT2DModel": {
        **_HEADS, "hidden_size": 16, "sample_size": 8, "cross_attention_dim": 24, "cross_attention_dim_t5": 24,
        "pooled_projection_dim": 12, "text_len": 5, "text_len_t5": 6, "in_channels": 4, "activation_fn": "gelu-approximate", "patch_size": 2,
    },
    "AuraFlowTransformer2DModel": {
        "num_attention_heads": 2, "attention_head_dim": 8, "num_mmdit_layers": 1, "num_single_dit_layers": 1,
        "sample_size": 8, "joint_attention_dim": 24, "caption_projection_dim": 16, "pos_embed_max_size": 16,
    },
    "SanaTransformer2DModel": {
        **_HEADS, "in_channels": 4, "out_channels": 4, "num_cross_attention_heads": 2, "cross_attention_head_dim": 8,
        "cross_attention_dim": 16, "caption_channels": 24, "sample_size": 8,
    },
    "LuminaNextDiT2DModel": {
        "sample_size": 8, "hidden_size": 32, "num_layers": 2, "num_attention_heads": 4, "num_kv_heads": 2,
        "cross_attention_dim": 24, "multiple_of": 16,
    },
    "CogVideoXTransformer3DModel": {
        **_HEADS, "in_channels": 4, "out_channels": 4, "time_embed_dim": 8, "text_embed_dim": 24, "sample_width": 8,
        "sample_height": 8, "sample_frames": 5, "max_text_seq_length": 6,
    },
    "LTXVideoTransformer3DModel": {
        **_HEADS, "in_channels": 8, "out_channels": 8, "cross_attention_dim": 16, "caption_channels": 24,
    },
    "MochiTransformer3DModel": {
        **_HEADS, "in_channels": 4, "out_channels": 4, "pooled_projection_dim": 16, "text_embed_dim": 24,
        "time_embed_dim": 8, "max_sequence_length": 8,
    },
    "StableAudioDiTModel": {
        **_HEADS, "sample_size": 16, "in_channels": 4, "out_channels": 4, "num_key_value_attention_heads": 1,
        "cross_attention_dim": 16, "cross_attention_input_dim": 24, "global_states_input_dim": 16, "time_proj_dim": 8,
    },
    "WanTransformer3DModel": {
        **_HEADS, "attention_head_dim": 12, "in_channels": 4, "out_channels": 4, "text_dim": 24, "freq_dim": 8,
        "ffn_dim": 32, "cross_attn_norm": True, "qk_norm": "rms_norm_across_heads", "rope_max_seq_len": 32,
    },
}  # fmt: skip
"""The configuration of each class."""

NETWORKS: Mapping[str, ModuleSource] = {
    name: module_source(f"diffusers:{name}", config=config) for name, config in CONFIGS.items()
}
"""Each network, with the inputs that its library is known to read."""

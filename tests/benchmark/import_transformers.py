"""Encoders and decoders of transformers in narrow configurations, for the table of what can be imported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archgraph.importing.sources.module_source import ModuleSource, module_source

_WIDTH = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
_TEXT = {**_WIDTH, "intermediate_size": 48, "vocab_size": 50, "max_position_embeddings": 64, "pad_token_id": 0}
_IMAGE = {**_WIDTH, "intermediate_size": 48, "image_size": 32, "patch_size": 8}
_GROUPED = {**_TEXT, "num_key_value_heads": 2, "bos_token_id": 1, "eos_token_id": 2}
_STAGES = {"depths": [1, 2], "num_heads": [2, 4], "embed_dim": 16, "image_size": 32, "patch_size": 2}
_SPEECH = {
    **_WIDTH,
    "intermediate_size": 48,
    "conv_dim": [16, 16],
    "conv_kernel": [10, 3],
    "conv_stride": [5, 2],
    "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 4,
}
_SEQUENCES = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48,
    "vocab_size": 50,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
_T5 = {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4, "vocab_size": 50}

CONFIGS: Mapping[str, Mapping[str, Any]] = {
    # encoders of text
    "BertModel": _TEXT,
    "RobertaModel": _TEXT,
    "XLMRobertaModel": _TEXT,
    "CamembertModel": _TEXT,
    "ElectraModel": {**_TEXT, "embedding_size": 16},
    "AlbertModel": {**_TEXT, "embedding_size": 16},
    "DistilBertModel": {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 48, "vocab_size": 50},
    "MPNetModel": _TEXT,
    "DebertaModel": {**_TEXT, "relative_attention": True, "pos_att_type": ["c2p", "p2c"], "max_relative_positions": 32},
    "DebertaV2Model": {**_TEXT, "relative_attention": True, "pos_att_type": ["c2p", "p2c"], "position_buckets": 16},
    "ModernBertModel": {**_TEXT, "bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2},
    "FNetModel": _TEXT,
    "SqueezeBertModel": {**_TEXT, "embedding_size": 32},
    "CLIPTextModel": _TEXT,
    "SiglipTextModel": _TEXT,
    "T5EncoderModel": _T5,
    "MT5EncoderModel": _T5,
    # decoders of text
    "GPT2Model": {"n_embd": 32, "n_layer": 2, "n_head": 4, "vocab_size": 50, "n_positions": 64},
    "GPTNeoModel": {
        **_WIDTH,
        "num_layers": 2,
        "num_heads": 4,
        "attention_types": [[["global", "local"], 1]],
        "vocab_size": 50,
        "max_position_embeddings": 64,
        "window_size": 8,
    },
    "GPTNeoXModel": _TEXT,
    "GPTJModel": {"n_embd": 32, "n_layer": 2, "n_head": 4, "vocab_size": 50, "n_positions": 64, "rotary_dim": 4},
    "OPTModel": {**_TEXT, "ffn_dim": 48, "word_embed_proj_dim": 32},
    "BloomModel": {"hidden_size": 32, "n_layer": 2, "n_head": 4, "vocab_size": 50},
    "LlamaModel": _GROUPED,
    "LlamaForCausalLM": {**_GROUPED, "tie_word_embeddings": True},
    "MistralModel": {**_GROUPED, "sliding_window": 8},
    "MixtralModel": {
        **_GROUPED,
        "num_local_experts": 4,
        "num_experts_per_tok": 2,
        "experts_implementation": "batched_mm",
    },
    "Qwen2Model": _GROUPED,
    "Qwen3Model": {**_GROUPED, "head_dim": 8},
    "GemmaModel": {**_GROUPED, "head_dim": 8},
    "Gemma2Model": {**_GROUPED, "head_dim": 8, "sliding_window": 8},
    "PhiModel": _TEXT,
    "Phi3Model": {**_GROUPED, "original_max_position_embeddings": 64},
    "StableLmModel": _GROUPED,
    "OlmoModel": _GROUPED,
    "GraniteModel": _GROUPED,
    "CohereModel": _GROUPED,
    "FalconModel": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 50},
    "MptModel": {"d_model": 32, "n_heads": 4, "n_layers": 2, "vocab_size": 50, "max_seq_len": 64},
    "MambaModel": {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 4, "vocab_size": 50},
    # encoders and decoders in one
    "BartModel": _SEQUENCES,
    "MarianModel": {**_SEQUENCES, "decoder_start_token_id": 0},
    "T5Model": _T5,
    # images
    "ViTModel": _IMAGE,
    "DeiTModel": _IMAGE,
    "BeitModel": {**_IMAGE, "use_relative_position_bias": True},
    "Dinov2Model": {**_WIDTH, "image_size": 32, "patch_size": 8, "mlp_ratio": 2},
    "CLIPVisionModel": _IMAGE,
    "SiglipVisionModel": _IMAGE,
    "SwinModel": {**_STAGES, "window_size": 4},
    "Swinv2Model": {**_STAGES, "window_size": 4},
    "ConvNextModel": {"hidden_sizes": [16, 32], "depths": [1, 2], "num_stages": 2},
    "ConvNextV2Model": {"hidden_sizes": [16, 32], "depths": [1, 2], "num_stages": 2},
    "SegformerModel": {
        "num_encoder_blocks": 2,
        "depths": [1, 1],
        "sr_ratios": [4, 1],
        "hidden_sizes": [16, 32],
        "patch_sizes": [7, 3],
        "strides": [4, 2],
        "num_attention_heads": [1, 2],
        "mlp_ratios": [2, 2],
    },
    "ResNetModel": {"embedding_size": 16, "hidden_sizes": [16, 32], "depths": [1, 2]},
    "RegNetModel": {"embedding_size": 16, "hidden_sizes": [16, 32], "depths": [1, 2], "groups_width": 8},
    "MobileViTModel": {
        "hidden_sizes": [16, 24, 32],
        "neck_hidden_sizes": [8, 8, 12, 16, 16, 16, 32],
        "image_size": 64,
    },
    # sound
    "Wav2Vec2Model": _SPEECH,
    "HubertModel": _SPEECH,
    "ASTModel": {**_WIDTH, "intermediate_size": 48, "max_length": 64, "num_mel_bins": 32},
}
"""The configuration of each class."""

NETWORKS: Mapping[str, ModuleSource] = {
    **{name: module_source(f"transformers:{name}", config=config) for name, config in CONFIGS.items()},
    "WhisperEncoder": module_source(
        "transformers.models.whisper.modeling_whisper:WhisperEncoder",
        config={**_SEQUENCES, "num_mel_bins": 16, "max_source_positions": 32, "decoder_start_token_id": 1},
    ),
}
"""Each network, with the inputs that its library is known to read."""

"""The networks of transformers that the collection describes, at full size."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import references
from torch import nn

Network = Callable[[], nn.Module]


def network(name: str, config: str, **settings: Any) -> nn.Module:
    """A network of transformers with the attention of torch, and no dropout."""
    package = references.transformers()
    settings = {"attn_implementation": "sdpa", **settings}
    return getattr(package, name)(getattr(package, config)(**settings))


gpt2 = partial(network, "GPT2LMHeadModel", "GPT2Config")
bert = partial(network, "BertModel", "BertConfig")
llama = partial(network, "LlamaForCausalLM", "LlamaConfig")
mixtral = partial(network, "MixtralForCausalLM", "MixtralConfig")
t5 = partial(network, "T5EncoderModel", "T5Config")
clip_vision = partial(network, "CLIPVisionModelWithProjection", "CLIPVisionConfig")
clip_text = partial(network, "CLIPTextModelWithProjection", "CLIPTextConfig")
wav2vec2 = partial(network, "Wav2Vec2Model", "Wav2Vec2Config")


def whisper(**settings: Any) -> nn.Module:
    """The encoder of a whole network, whose decoder is as small as it can be."""
    decoder = {"decoder_layers": 1, "decoder_attention_heads": 1, "decoder_ffn_dim": 8, "vocab_size": 8}
    tokens = {"pad_token_id": 1, "bos_token_id": 1, "eos_token_id": 1, "decoder_start_token_id": 1}
    return network("WhisperModel", "WhisperConfig", **decoder, **tokens, **settings).get_encoder()


def wav2vec2_conformer(**settings: Any) -> nn.Module:
    relative = {"feat_extract_norm": "layer", "conv_bias": True, "position_embeddings_type": "relative"}
    settings = {"hidden_act": "swish", "attn_implementation": "eager", **relative, **settings}
    return network("Wav2Vec2ConformerModel", "Wav2Vec2ConformerConfig", **settings)


GPT2_MEDIUM = {"n_embd": 1024, "n_layer": 24, "n_head": 16}
GPT2_LARGE = {"n_embd": 1280, "n_layer": 36, "n_head": 20}
GPT2_XL = {"n_embd": 1600, "n_layer": 48, "n_head": 25}
BERT_LARGE = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096}
LLAMA2_70B = {
    "hidden_size": 8192,
    "intermediate_size": 28672,
    "num_hidden_layers": 80,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
}
T5_V1_1_XXL = {
    "d_model": 4096,
    "d_ff": 10240,
    "num_layers": 24,
    "num_heads": 64,
    "feed_forward_proj": "gated-gelu",
}
CLIP_L_14 = {
    "patch_size": 14,
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "projection_dim": 768,
}
CLIP_G = {
    "hidden_size": 1280,
    "intermediate_size": 5120,
    "num_hidden_layers": 32,
    "num_attention_heads": 20,
    "projection_dim": 1280,
    "hidden_act": "gelu",
}
WHISPER_LARGE_V3 = {
    "num_mel_bins": 128,
    "d_model": 1280,
    "encoder_layers": 32,
    "encoder_attention_heads": 20,
    "encoder_ffn_dim": 5120,
}
WAV2VEC2_LARGE = {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
}
LLAMA3_8B = {"vocab_size": 128256, "intermediate_size": 14336, "num_key_value_heads": 8}
LLAMA3_1_405B = {
    "vocab_size": 128256,
    "hidden_size": 16384,
    "intermediate_size": 53248,
    "num_hidden_layers": 126,
    "num_attention_heads": 128,
    "num_key_value_heads": 8,
}
LLAMA3_2_1B = {
    "vocab_size": 128256,
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_hidden_layers": 16,
    "num_key_value_heads": 8,
    "tie_word_embeddings": True,
}

PUBLISHED: dict[str, Network] = {
    "gpt2_small": gpt2,
    "gpt2_medium": partial(gpt2, **GPT2_MEDIUM),
    "gpt2_large": partial(gpt2, **GPT2_LARGE),
    "gpt2_xl": partial(gpt2, **GPT2_XL),
    "bert_base_uncased": bert,
    "bert_large_cased": partial(bert, vocab_size=28996, **BERT_LARGE),
    "llama_7b": llama,
    "llama2_70b": partial(llama, **LLAMA2_70B),
    "llama3_8b": partial(llama, **LLAMA3_8B),
    "llama3_1_405b": partial(llama, **LLAMA3_1_405B),
    "llama3_2_1b": partial(llama, **LLAMA3_2_1B),
    "mixtral_8x7b": mixtral,
    "t5_small": t5,
    "t5_v1_1_xxl": partial(t5, **T5_V1_1_XXL),
    "clip_vision_b_32": clip_vision,
    "clip_vision_l_14": partial(clip_vision, **CLIP_L_14),
    "clip_text_b": clip_text,
    "clip_text_g": partial(clip_text, **CLIP_G),
    "whisper_tiny": whisper,
    "wav2vec2_base": wav2vec2,
    "wav2vec2_large": partial(wav2vec2, **WAV2VEC2_LARGE),
    "wav2vec2_conformer_rel_pos_large": partial(wav2vec2_conformer, **WAV2VEC2_LARGE),
    "whisper_large_v3": partial(whisper, **WHISPER_LARGE_V3),
}

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
mistral = partial(network, "MistralForCausalLM", "MistralConfig", sliding_window=None)
qwen2 = partial(network, "Qwen2ForCausalLM", "Qwen2Config")
gemma = partial(network, "GemmaForCausalLM", "GemmaConfig")
gpt_neox = partial(network, "GPTNeoXForCausalLM", "GPTNeoXConfig")
opt = partial(network, "OPTForCausalLM", "OPTConfig", dropout=0.0)
roberta = partial(network, "RobertaModel", "RobertaConfig", type_vocab_size=1, layer_norm_eps=1e-5)
electra = partial(network, "ElectraModel", "ElectraConfig")
distilbert = partial(network, "DistilBertModel", "DistilBertConfig")
albert = partial(network, "AlbertModel", "AlbertConfig")
modernbert = partial(network, "ModernBertModel", "ModernBertConfig", pad_token_id=None)
siglip_vision = partial(network, "SiglipVisionModel", "SiglipVisionConfig")
vit = partial(network, "ViTModel", "ViTConfig")
vit_classifier = partial(network, "ViTForImageClassification", "ViTConfig", num_labels=1000)
segformer = partial(network, "SegformerForSemanticSegmentation", "SegformerConfig", num_labels=150)
mit = partial(network, "SegformerForImageClassification", "SegformerConfig", num_labels=1000)
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

SMOLLM2_135M = {
    "vocab_size": 49152,
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "tie_word_embeddings": True,
}
MISTRAL_NEMO = {
    "vocab_size": 131072,
    "hidden_size": 5120,
    "intermediate_size": 14336,
    "num_hidden_layers": 40,
    "num_key_value_heads": 8,
    "head_dim": 128,
}
QWEN2_0_5B = {
    "vocab_size": 151936,
    "hidden_size": 896,
    "intermediate_size": 4864,
    "num_hidden_layers": 24,
    "num_attention_heads": 14,
    "num_key_value_heads": 2,
    "tie_word_embeddings": True,
}
GEMMA_2B = {
    "hidden_size": 2048,
    "intermediate_size": 16384,
    "num_hidden_layers": 18,
    "num_attention_heads": 8,
    "num_key_value_heads": 1,
}
PYTHIA_160M = {
    "vocab_size": 50304,
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
}
OPT_1_3B = {
    "hidden_size": 2048,
    "word_embed_proj_dim": 2048,
    "num_hidden_layers": 24,
    "num_attention_heads": 32,
    "ffn_dim": 8192,
}
ROBERTA_BASE = {"vocab_size": 50265, "max_position_embeddings": 514}
ELECTRA_BASE = {"embedding_size": 768, "hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072}
ALBERT_BASE = {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12}
MODERNBERT_LARGE = {
    "hidden_size": 1024,
    "intermediate_size": 2624,
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
}
SIGLIP_SO400M = {
    "image_size": 384,
    "patch_size": 14,
    "hidden_size": 1152,
    "intermediate_size": 4304,
    "num_hidden_layers": 27,
    "num_attention_heads": 16,
}
SEGFORMER_B2 = {"depths": (3, 4, 6, 3), "hidden_sizes": (64, 128, 320, 512), "decoder_hidden_size": 768}

PUBLISHED: dict[str, Network] = {
    "vit_base_patch16_224_in21k": vit,
    "google_vit_base_patch16_384": partial(vit_classifier, image_size=384),
    "segformer_b2_ade": partial(segformer, **SEGFORMER_B2),
    "mit_b0": mit,
    "smollm2_135m": partial(llama, **SMOLLM2_135M),
    "mistral_7b_v0_3": partial(mistral, vocab_size=32768),
    "mistral_nemo_12b": partial(mistral, **MISTRAL_NEMO),
    "qwen2_0_5b": partial(qwen2, **QWEN2_0_5B),
    "gemma_2b": partial(gemma, **GEMMA_2B),
    "gemma_7b": gemma,
    "pythia_160m": partial(gpt_neox, **PYTHIA_160M),
    "gpt_neox_20b": gpt_neox,
    "opt_125m": opt,
    "opt_1_3b": partial(opt, **OPT_1_3B),
    "roberta_base": partial(roberta, **ROBERTA_BASE),
    "electra_small": electra,
    "electra_base": partial(electra, **ELECTRA_BASE),
    "distilbert_base_uncased": distilbert,
    "albert_base_v2": partial(albert, **ALBERT_BASE),
    "albert_xxlarge_v2": albert,
    "modernbert_base": modernbert,
    "modernbert_large": partial(modernbert, **MODERNBERT_LARGE),
    "siglip_base_patch16_224": siglip_vision,
    "siglip_so400m_patch14_384": partial(siglip_vision, **SIGLIP_SO400M),
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

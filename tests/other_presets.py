"""The presets of transformers' networks that differ from those of `PUBLISHED` in numbers alone, at full size."""

from __future__ import annotations

from functools import partial
from typing import Any

from transformers_networks import (
    CLIP_G,
    LLAMA3_1_405B,
    LLAMA3_2_1B,
    LLAMA3_8B,
    SEGFORMER_B2,
    Network,
    albert,
    bert,
    clip_text,
    clip_vision,
    distilbert,
    electra,
    gpt_neox,
    llama,
    mit,
    mixtral,
    opt,
    qwen2,
    roberta,
    segformer,
    siglip_vision,
    t5,
    vit,
    vit_classifier,
    whisper,
)


def of(dim: int, depth: int, heads: int, hidden: int | None = None, **more: Any) -> dict[str, Any]:
    """Width, layers and heads, by the names that most configurations have for them; four times as wide inside."""
    sizes = {"hidden_size": dim, "num_hidden_layers": depth, "num_attention_heads": heads}
    return {**sizes, "intermediate_size": hidden or 4 * dim, **more}


def opt_of(dim: int, depth: int, heads: int) -> Network:
    """OPT, whose configuration has names of its own."""
    sizes = {"hidden_size": dim, "word_embed_proj_dim": dim, "ffn_dim": 4 * dim}
    return partial(opt, num_hidden_layers=depth, num_attention_heads=heads, **sizes)


def whisper_of(dim: int, depth: int, heads: int) -> Network:
    """Whisper's encoder."""
    return partial(whisper, d_model=dim, encoder_layers=depth, encoder_attention_heads=heads, encoder_ffn_dim=4 * dim)


def t5_of(dim: int, hidden: int, depth: int, heads: int, kind: str = "relu") -> Network:
    """T5's encoder."""
    return partial(t5, d_model=dim, d_ff=hidden, num_layers=depth, num_heads=heads, feed_forward_proj=kind)


SEGFORMERS = {
    "b1": {"hidden_sizes": (64, 128, 320, 512)},
    "b2": SEGFORMER_B2,
    "b3": {**SEGFORMER_B2, "depths": (3, 4, 18, 3)},
    "b4": {**SEGFORMER_B2, "depths": (3, 8, 27, 3)},
    "b5": {**SEGFORMER_B2, "depths": (3, 6, 40, 3)},
}
LLAMA3_70B = {**LLAMA3_1_405B, **of(8192, 80, 64, 28672)}
OTHERS: dict[str, Network] = {
    "vit_base_patch32_224_in21k": partial(vit, patch_size=32),
    "vit_large_patch16_224_in21k": partial(vit, **of(1024, 24, 16)),
    "vit_large_patch32_224_in21k": partial(vit, patch_size=32, **of(1024, 24, 16)),
    "vit_huge_patch14_224_in21k": partial(vit, patch_size=14, **of(1280, 32, 16)),
    "google_vit_base_patch16_224": vit_classifier,
    "google_vit_base_patch32_384": partial(vit_classifier, image_size=384, patch_size=32),
    "google_vit_large_patch16_224": partial(vit_classifier, **of(1024, 24, 16)),
    "google_vit_large_patch16_384": partial(vit_classifier, image_size=384, **of(1024, 24, 16)),
    "google_vit_large_patch32_384": partial(vit_classifier, image_size=384, patch_size=32, **of(1024, 24, 16)),
    "segformer_b0_ade": segformer,
    **{f"segformer_{size}_ade": partial(segformer, **sizes) for size, sizes in SEGFORMERS.items() if size != "b2"},
    **{f"mit_{size}": partial(mit, **sizes) for size, sizes in SEGFORMERS.items()},
    "bert_base_cased": partial(bert, vocab_size=28996),
    "bert_large_uncased": partial(bert, **of(1024, 24, 16)),
    "roberta_large": partial(roberta, vocab_size=50265, max_position_embeddings=514, **of(1024, 24, 16)),
    "xlm_roberta_base": partial(roberta, vocab_size=250002, max_position_embeddings=514),
    "xlm_roberta_large": partial(roberta, vocab_size=250002, max_position_embeddings=514, **of(1024, 24, 16)),
    "electra_large": partial(electra, embedding_size=1024, **of(1024, 24, 16)),
    "distilbert_base_cased": partial(distilbert, vocab_size=28996),
    "distilbert_base_multilingual_cased": partial(distilbert, vocab_size=119547),
    "albert_large_v2": partial(albert, **of(1024, 24, 16)),
    "albert_xlarge_v2": partial(albert, **of(2048, 24, 16)),
    "pythia_70m": partial(gpt_neox, vocab_size=50304, **of(512, 6, 8)),
    "pythia_410m": partial(gpt_neox, vocab_size=50304, **of(1024, 24, 16)),
    "pythia_1b": partial(gpt_neox, vocab_size=50304, **of(2048, 16, 8)),
    "pythia_6_9b": partial(gpt_neox, vocab_size=50432, **of(4096, 32, 32)),
    "pythia_12b": partial(gpt_neox, vocab_size=50688, **of(5120, 36, 40)),
    "opt_2_7b": opt_of(2560, 32, 32),
    "opt_6_7b": opt_of(4096, 32, 32),
    "opt_13b": opt_of(5120, 40, 40),
    "opt_30b": opt_of(7168, 48, 56),
    "opt_66b": opt_of(9216, 64, 72),
    "llama_13b": partial(llama, **of(5120, 40, 40, 13824)),
    "llama2_7b": llama,
    "llama3_1_8b": partial(llama, **LLAMA3_8B),
    "llama3_1_70b": partial(llama, **LLAMA3_70B),
    "llama3_2_3b": partial(llama, **{**LLAMA3_2_1B, **of(3072, 28, 24, 8192)}),
    "smollm2_360m": partial(
        llama, vocab_size=49152, num_key_value_heads=5, tie_word_embeddings=True, **of(960, 32, 15, 2560)
    ),
    "smollm2_1_7b": partial(llama, vocab_size=49152, tie_word_embeddings=True, **of(2048, 24, 32)),
    "mixtral_8x22b": partial(mixtral, **of(6144, 56, 48, 16384)),
    "qwen2_1_5b": partial(
        qwen2, vocab_size=151936, num_key_value_heads=2, tie_word_embeddings=True, **of(1536, 28, 12, 8960)
    ),
    "qwen2_7b": partial(qwen2, vocab_size=152064, num_key_value_heads=4, **of(3584, 28, 28, 18944)),
    "qwen2_5_3b": partial(
        qwen2, vocab_size=151936, num_key_value_heads=2, tie_word_embeddings=True, **of(2048, 36, 16, 11008)
    ),
    "qwen2_5_14b": partial(qwen2, vocab_size=152064, num_key_value_heads=8, **of(5120, 48, 40, 13824)),
    "t5_base": t5_of(768, 3072, 12, 12),
    "t5_large": t5_of(1024, 4096, 24, 16),
    "t5_v1_1_base": t5_of(768, 2048, 12, 12, "gated-gelu"),
    "clip_vision_b_16": partial(clip_vision, patch_size=16),
    "clip_text_l": partial(clip_text, projection_dim=768, **of(768, 12, 12)),
    "clip_text_h": partial(clip_text, **{**CLIP_G, **of(1024, 24, 16), "projection_dim": 1024}),
    "siglip_base_patch16_384": partial(siglip_vision, image_size=384),
    "siglip_large_patch16_256": partial(siglip_vision, image_size=256, **of(1024, 24, 16)),
    "whisper_base": whisper_of(512, 6, 8),
    "whisper_small": whisper_of(768, 12, 12),
    "whisper_medium": whisper_of(1024, 24, 16),
}

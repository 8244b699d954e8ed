"""A narrow variant of each kind of network of transformers, with inputs for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from transformers_networks import (
    Network,
    albert,
    bert,
    clip_text,
    clip_vision,
    distilbert,
    electra,
    gemma,
    gpt2,
    gpt_neox,
    llama,
    mistral,
    mit,
    mixtral,
    modernbert,
    opt,
    qwen2,
    roberta,
    segformer,
    siglip_vision,
    t5,
    vit,
    vit_classifier,
    wav2vec2,
    wav2vec2_conformer,
    whisper,
)


@dataclass(frozen=True)
class Narrow:
    """A small variant of a network: theirs, ours, what both read, and the outputs that are compared."""

    build: Network
    spec: str
    params: Mapping[str, Any]
    inputs: Callable[[int], dict[str, Tensor]]
    outputs: Mapping[str, str]
    """Our names of the outputs, and theirs."""


def text(length: int, vocab: int = 40) -> dict[str, Tensor]:
    """Two texts; the second is padded after all but three tokens."""
    generator = torch.Generator().manual_seed(length)
    mask = torch.ones(2, length, dtype=torch.bool)
    mask[1, 3:] = False
    return {"input_ids": torch.randint(0, vocab, (2, length), generator=generator), "attention_mask": mask}


def two_texts(length: int) -> dict[str, Tensor]:
    return {**text(length), "token_type_ids": (torch.arange(length) >= 4).long().expand(2, length)}


def ended_text(length: int) -> dict[str, Tensor]:
    """Texts with an end, which also stands in the padding."""
    found = text(length)
    found["input_ids"][0, 5:7] = found["input_ids"][1, 2:] = 39
    return found


def text_with_padding(length: int) -> dict[str, Tensor]:
    """Texts in which the token 1 alone, which stands for padding, is padded."""
    found = text(length)
    found["input_ids"] = torch.where(found["attention_mask"], found["input_ids"].clamp(min=2), 1)
    return found


def image(seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {"pixel_values": torch.randn((2, 3, 32, 32), generator=generator)}


def wide_image(seed: int) -> dict[str, Tensor]:
    """An image of any size."""
    generator = torch.Generator().manual_seed(seed)
    return {"pixel_values": torch.randn((2, 3, 64, 8 * seed), generator=generator)}


def spectrogram(seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {"input_features": torch.randn((2, 5, 24), generator=generator)}


def waveform(seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {"input_values": torch.randn((2, 20 * seed), generator=generator)}


SPEECH = {
    "conv_dim": (6, 6, 6),
    "conv_kernel": (10, 3, 2),
    "conv_stride": (5, 2, 2),
    "hidden_size": 24,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 3,
}
"""A narrow wav2vec 2.0, as transformers configures it, and below as the spec does."""
SPEECH_PARAMS = {
    "channels": 6,
    "kernels": [10, 3, 2],
    "strides": [5, 2, 2],
    "dim": 24,
    "depth": 2,
    "heads": 3,
    "position_kernel": 4,
    "position_groups": 3,
}

ENCODER = {
    "vocab_size": 40,
    "max_position_embeddings": 16,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 96,
    "pad_token_id": None,
}
"""A narrow encoder, as transformers configures those like BERT, and below as the specs do."""
ENCODER_PARAMS = {"vocab": 40, "max_length": 16, "dim": 24, "depth": 2, "heads": 3}
DECODER = {
    "vocab_size": 40,
    "hidden_size": 24,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "num_key_value_heads": 1,
    "rope_parameters": {"rope_type": "default", "rope_theta": 50.0},
}
"""A narrow decoder like Llama, whose heads are wider than a third of it."""
DECODER_PARAMS = {"vocab": 40, "dim": 24, "hidden": 40, "depth": 2, "heads": 3, "kv_heads": 1, "theta": 50.0}
PATCHES = {
    "image_size": 32,
    "patch_size": 8,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 40,
}
"""A narrow vision transformer, as transformers configures it, and below as the specs do."""
PATCHES_PARAMS = {"image_size": 32, "patch": 8, "dim": 24, "hidden": 40, "depth": 2, "heads": 3}
PYRAMID = {
    "depths": (1, 2, 1, 1),
    "hidden_sizes": (8, 12, 20, 24),
    "num_attention_heads": (1, 2, 2, 3),
    "sr_ratios": (4, 2, 2, 1),
    "decoder_hidden_size": 16,
    "num_labels": 7,
}
"""A narrow SegFormer, as transformers configures it, and below as the spec does."""
PYRAMID_PARAMS = {
    "depths": [1, 2, 1, 1],
    "channels": [8, 12, 20, 24],
    "heads": [1, 2, 2, 3],
    "reductions": [4, 2, 2, 1],
    "decoder": 16,
    "classes": 7,
}

NARROW: dict[str, Narrow] = {
    "vit_model": Narrow(
        partial(vit, **PATCHES),
        "vit_model",
        PATCHES_PARAMS,
        image,
        {"last_hidden_state": "last_hidden_state", "pooler_output": "pooler_output"},
    ),
    "vit_classifier": Narrow(
        partial(vit_classifier, **PATCHES | {"num_labels": 7}),
        "vit_classifier",
        {**PATCHES_PARAMS, "classes": 7},
        image,
        {"logits": "logits"},
    ),
    "segformer": Narrow(partial(segformer, **PYRAMID), "segformer", PYRAMID_PARAMS, wide_image, {"logits": "logits"}),
    "mit": Narrow(
        partial(mit, **PYRAMID), "segformer", {**PYRAMID_PARAMS, "segments": False}, wide_image, {"logits": "logits"}
    ),
    "mistral": Narrow(
        lambda: mistral(head_dim=10, rms_norm_eps=1e-5, **DECODER),
        "mistral",
        {**DECODER_PARAMS, "head_dim": 10},
        text,
        {"logits": "logits"},
    ),
    "qwen2": Narrow(
        lambda: qwen2(tie_word_embeddings=True, **DECODER),
        "qwen2",
        {**DECODER_PARAMS, "qkv_bias": True, "tied": True},
        text,
        {"logits": "logits"},
    ),
    "smollm2": Narrow(
        lambda: llama(tie_word_embeddings=True, rms_norm_eps=1e-5, **DECODER),
        "smollm2",
        DECODER_PARAMS,
        text,
        {"logits": "logits"},
    ),
    "gemma": Narrow(
        lambda: gemma(head_dim=10, pad_token_id=None, **DECODER),
        "gemma",
        {**DECODER_PARAMS, "head_dim": 10},
        text,
        {"logits": "logits"},
    ),
    "gpt_neox": Narrow(
        lambda: gpt_neox(
            vocab_size=40,
            hidden_size=24,
            intermediate_size=96,
            num_hidden_layers=2,
            num_attention_heads=3,
            rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5},
        ),
        "gpt_neox",
        {"vocab": 40, "dim": 24, "depth": 2, "heads": 3, "rotary": 0.5},
        text,
        {"logits": "logits"},
    ),
    "opt": Narrow(
        lambda: opt(
            vocab_size=40,
            hidden_size=24,
            word_embed_proj_dim=24,
            max_position_embeddings=16,
            num_hidden_layers=2,
            num_attention_heads=3,
            ffn_dim=96,
            pad_token_id=None,
        ),
        "opt",
        {"vocab": 40, "context": 16, "dim": 24, "depth": 2, "heads": 3},
        text,
        {"logits": "logits"},
    ),
    "roberta": Narrow(
        lambda: roberta(**{**ENCODER, "pad_token_id": 1}),
        "roberta",
        {**ENCODER_PARAMS, "padding": 1},
        text_with_padding,
        {"last_hidden_state": "last_hidden_state", "pooler_output": "pooler_output"},
    ),
    "electra": Narrow(
        lambda: electra(embedding_size=8, **ENCODER),
        "electra",
        {**ENCODER_PARAMS, "embedding_dim": 8},
        two_texts,
        {"last_hidden_state": "last_hidden_state"},
    ),
    "distilbert": Narrow(
        lambda: distilbert(
            vocab_size=40, max_position_embeddings=16, dim=24, n_layers=2, n_heads=3, hidden_dim=96, pad_token_id=None
        ),
        "distilbert",
        ENCODER_PARAMS,
        text,
        {"last_hidden_state": "last_hidden_state"},
    ),
    "albert": Narrow(
        lambda: albert(embedding_size=8, **{**ENCODER, "num_hidden_layers": 3}),
        "albert",
        {**ENCODER_PARAMS, "embedding_dim": 8, "depth": 3},
        two_texts,
        {"last_hidden_state": "last_hidden_state", "pooler_output": "pooler_output"},
    ),
    "modernbert": Narrow(
        lambda: modernbert(
            **{**ENCODER, "num_hidden_layers": 4, "intermediate_size": 20},
            local_attention=4,
            **dict.fromkeys(("bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id"), 1),
        ),
        "modernbert",
        {"vocab": 40, "dim": 24, "hidden": 20, "depth": 4, "heads": 3, "window": 2},
        text,
        {"last_hidden_state": "last_hidden_state"},
    ),
    "siglip_vision": Narrow(
        lambda: siglip_vision(
            image_size=32,
            patch_size=8,
            hidden_size=24,
            intermediate_size=40,
            num_hidden_layers=2,
            num_attention_heads=3,
        ),
        "siglip_vision",
        {"image_size": 32, "patch": 8, "dim": 24, "hidden": 40, "depth": 2, "heads": 3},
        image,
        {"pooler_output": "pooler_output", "last_hidden_state": "last_hidden_state"},
    ),
    "gpt2": Narrow(
        partial(gpt2, vocab_size=40, n_positions=16, n_embd=24, n_layer=2, n_head=3, bos_token_id=0, eos_token_id=0),
        "gpt2",
        {"vocab": 40, "context": 16, "dim": 24, "depth": 2, "heads": 3},
        text,
        {"logits": "logits"},
    ),
    "bert": Narrow(
        lambda: bert(
            vocab_size=40,
            max_position_embeddings=16,
            hidden_size=24,
            num_hidden_layers=2,
            num_attention_heads=3,
            intermediate_size=96,
            pad_token_id=None,  # else its row has no gradient
        ),
        "bert",
        {"vocab": 40, "max_length": 16, "dim": 24, "depth": 2, "heads": 3},
        two_texts,
        {"last_hidden_state": "last_hidden_state", "pooler_output": "pooler_output"},
    ),
    "llama": Narrow(
        lambda: llama(
            vocab_size=40,
            hidden_size=24,
            intermediate_size=40,
            num_hidden_layers=2,
            num_attention_heads=6,
            num_key_value_heads=2,
            rope_parameters={"rope_type": "default", "rope_theta": 50.0},
            rms_norm_eps=1e-3,
        ),
        "llama",
        {"vocab": 40, "dim": 24, "hidden": 40, "depth": 2, "heads": 6, "kv_heads": 2, "theta": 50.0, "eps": 1e-3},
        text,
        {"logits": "logits"},
    ),
    "llama 3.2": Narrow(  # of seven frequencies one is kept, three are mixed, three divided
        lambda: llama(
            vocab_size=40,
            hidden_size=28,
            intermediate_size=20,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=1,
            rope_parameters={
                "rope_type": "llama3",
                "rope_theta": 50.0,
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 40,
            },
            tie_word_embeddings=True,
        ),
        "llama",
        {
            "vocab": 40,
            "dim": 28,
            "hidden": 20,
            "depth": 1,
            "heads": 2,
            "kv_heads": 1,
            "theta": 50.0,
            "scaling": 8.0,
            "context": 40,
            "tied": True,
        },
        text,
        {"logits": "logits"},
    ),
    **{
        name: Narrow(
            lambda kind=kind: t5(
                vocab_size=40,
                d_model=24,
                d_ff=20,
                d_kv=5,
                num_layers=2,
                num_heads=3,
                feed_forward_proj=kind,
            ),
            "t5_encoder",
            {"vocab": 40, "dim": 24, "hidden": 20, "depth": 2, "heads": 3, "head_dim": 5, "gated": kind != "relu"},
            text,
            {"last_hidden_state": "last_hidden_state"},
        )
        for name, kind in {"t5": "relu", "t5 v1.1": "gated-gelu"}.items()
    },
    "clip_vision": Narrow(
        lambda: clip_vision(
            image_size=32,
            patch_size=8,
            hidden_size=24,
            intermediate_size=96,
            num_hidden_layers=2,
            num_attention_heads=3,
            projection_dim=7,
        ),
        "clip_vision",
        {"image_size": 32, "patch": 8, "dim": 24, "depth": 2, "heads": 3, "projection": 7},
        image,
        {"image_embeds": "image_embeds", "last_hidden_state": "last_hidden_state"},
    ),
    "whisper": Narrow(
        lambda: whisper(
            num_mel_bins=5,
            max_source_positions=12,
            d_model=24,
            encoder_layers=2,
            encoder_attention_heads=3,
            encoder_ffn_dim=96,
        ),
        "whisper_encoder",
        {"mels": 5, "context": 12, "dim": 24, "depth": 2, "heads": 3},
        spectrogram,
        {"last_hidden_state": "last_hidden_state"},
    ),
    "wav2vec2": Narrow(
        partial(wav2vec2, **SPEECH),
        "wav2vec2",
        SPEECH_PARAMS,
        waveform,
        {"last_hidden_state": "last_hidden_state", "extract_features": "extract_features"},
    ),
    "wav2vec2_conformer": Narrow(
        partial(wav2vec2_conformer, conv_depthwise_kernel_size=5, **SPEECH),
        "wav2vec2_conformer",
        {**SPEECH_PARAMS, "kernel_size": 5},
        waveform,
        {"last_hidden_state": "last_hidden_state", "extract_features": "extract_features"},
    ),
    **{
        name: Narrow(
            lambda act=act: clip_text(
                vocab_size=40,
                max_position_embeddings=16,
                hidden_size=24,
                intermediate_size=96,
                num_hidden_layers=2,
                num_attention_heads=3,
                projection_dim=7,
                hidden_act=act,
                eos_token_id=39,
            ),
            "clip_text",
            {
                "vocab": 40,
                "context": 16,
                "dim": 24,
                "depth": 2,
                "heads": 3,
                "projection": 7,
                "activation": act,
                "end_token": 39,
            },
            ended_text,
            {"text_embeds": "text_embeds", "last_hidden_state": "last_hidden_state"},
        )
        for name, act in {"clip_text": "quick_gelu", "open_clip_text": "gelu"}.items()
    },
    "mixtral": Narrow(
        lambda: mixtral(
            vocab_size=40,
            hidden_size=24,
            intermediate_size=20,
            num_hidden_layers=2,
            num_attention_heads=6,
            num_key_value_heads=2,
            num_local_experts=5,
            rope_parameters={"rope_type": "default", "rope_theta": 50.0},
        ),
        "mixtral",
        {
            "vocab": 40,
            "dim": 24,
            "hidden": 20,
            "depth": 2,
            "heads": 6,
            "kv_heads": 2,
            "experts": 5,
            "theta": 50.0,
        },
        text,
        {"logits": "logits"},
    ),
}

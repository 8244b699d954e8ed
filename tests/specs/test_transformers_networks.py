"""Networks of transformers: keys, outputs, gradients and padding equal its own, and their files are proved equal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import references
import torch
from sampling_of_cases import with_slow
from torch import Tensor, nn

import archgraph as ag
from archgraph.graph import weights

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


LIKE_ANOTHER = {"gpt2_medium", "gpt2_large", "gpt2_xl", "llama2_70b", "clip_vision_l_14", "clip_text_b", "whisper_tiny"}
"""What differs from the others in numbers: loading it holds its number of parameters against the published one."""


@pytest.mark.parametrize("name", with_slow(PUBLISHED, LIKE_ANOTHER))
def test_keys_and_shapes_in_order(name: str) -> None:
    with torch.device("meta"):
        reference = PUBLISHED[name]()
    theirs = [(key, tuple(tensor.shape)) for key, tensor in reference.state_dict().items()]
    network = ag.load(name)
    assert [(item.key, item.weight.shape) for item in weights(network)] == theirs


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


def image(seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {"pixel_values": torch.randn((2, 3, 32, 32), generator=generator)}


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

NARROW: dict[str, Narrow] = {
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


def answers(found: Mapping[str, Tensor], module: nn.Module, mask: Tensor | None) -> dict[str, Tensor]:
    """The outputs at the tokens that are no padding, and the gradients of a weighted sum of them in all weights."""
    generator = torch.Generator().manual_seed(3)
    kept = {name: value[mask] if mask is not None and value.dim() == 3 else value for name, value in found.items()}
    total = sum((value * torch.randn(value.shape, generator=generator)).sum() for value in kept.values())
    assert isinstance(total, Tensor)
    total.backward()
    gradients = {key: weight.grad for key, weight in module.named_parameters() if weight.grad is not None}
    return {**{name: value.detach() for name, value in kept.items()}, **gradients}


@pytest.mark.parametrize("name", NARROW)
def test_outputs_and_gradients(name: str) -> None:
    """With random weights, a padded text, and lengths that differ."""
    case = NARROW[name]
    reference = references.randomised(case.build())
    model = ag.to_torch(ag.load(case.spec, **case.params)).eval()
    model.load_state_dict(reference.state_dict(), strict=True)
    for length in (8, 13):
        inputs = case.inputs(length)
        mask = inputs.get("attention_mask")
        outputs = model(**inputs)
        mine = dict(zip(case.outputs, outputs if isinstance(outputs, tuple) else (outputs,), strict=True))
        published = reference(**inputs)
        theirs = answers({name: published[key] for name, key in case.outputs.items()}, reference, mask)
        ours = answers(mine, model, mask)
        assert ours.keys() == theirs.keys()
        for key, value in ours.items():
            # The bias of keys has no gradient: it adds the same to all scores of a query.
            torch.testing.assert_close(value, theirs[key], rtol=1e-4, atol=1e-5 + 1e-4 * float(theirs[key].abs().max()))


@pytest.mark.parametrize("name", NARROW)
def test_the_file_is_proved_equal(name: str, tmp_path: Path) -> None:
    module = ag.to_torch(ag.load(NARROW[name].spec, **NARROW[name].params))
    found = ag.to_onnx(module, tmp_path / f"{name}.onnx", profile="cpu")
    assert found.certificate is not None


def test_the_buckets_of_relative_positions() -> None:
    network = {
        "archgraph": 1,
        "name": "buckets",
        "inputs": {"position": {"shape": ["L"], "dtype": "int64"}},
        "nodes": {"buckets": "relative_buckets"},
    }
    position = torch.arange(300)
    theirs = references.transformers().models.t5.modeling_t5.T5Attention._relative_position_bucket
    assert ag.to_torch(network)(position).equal(theirs(position - position[:, None]))


def test_linear_biases_are_blooms() -> None:
    """BLOOM adds slope · key, which differs from -slope · (query - key) by the same amount in a row of scores."""
    network = {
        "archgraph": 1,
        "name": "biases",
        "inputs": {"position": {"shape": ["L"], "dtype": "int64"}},
        "nodes": {"bias": {"op": "alibi", "heads": 8}},
    }
    build = references.transformers().models.bloom.modeling_bloom.build_alibi_tensor
    theirs = build(torch.ones(1, 6), 8, torch.float32)
    bias = ag.to_torch(network)(torch.arange(6))
    assert bias.shape == (8, 6, 6)
    torch.testing.assert_close(bias[:, -1] - bias[:, -1, :1], theirs[:, 0])


def test_the_stored_positions_of_whisper() -> None:
    """They start as the published sinusoids, and are not trained."""
    module = ag.to_torch(ag.load(NARROW["whisper"].spec, **NARROW["whisper"].params))
    theirs = NARROW["whisper"].build().state_dict()["embed_positions.weight"]
    torch.testing.assert_close(module.state_dict()["embed_positions.weight"], theirs)
    assert "embed_positions.weight" not in dict(module.named_parameters())

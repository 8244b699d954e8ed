"""The shipped namings against the libraries' own conversions, in both directions, bit by bit."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import references
import torch
from naming_cases import (
    State,
    assert_both_directions,
    assert_equal,
    backward,
    forward,
    lazy,
    naming_in,
    naming_of,
    thin_state,
)
from narrow_transformers import NARROW
from sampling_of_cases import with_slow

Conversion = Callable[..., dict[str, torch.Tensor]]


def single_file() -> Any:
    """diffusers' conversions of single files."""
    references.diffusers()
    from diffusers.loaders import single_file_utils

    return single_file_utils


def below(part: str, state: Mapping[str, torch.Tensor]) -> State:
    return {f"{part}.{key}": tensor for key, tensor in state.items()}


# -- Stable Diffusion's single files -----------------------------------------------------------------------------------

UNETS = {"sd15": {}, "sdxl": {"addition_embed_type": "text_time"}}
OF_DIFFUSERS = re.compile(r"resnets|attentions|down_blocks|up_blocks|mid_block|samplers|(?<!blocks\.\d)\.(norm|conv)\d")


@pytest.mark.parametrize("preset", ["sd15", "sdxl"])
def test_the_unet_of_single_files(preset: str) -> None:
    own, naming = thin_state(preset), naming_of(preset, "original")
    published = backward(naming, own)
    config = {"layers_per_block": 2, **UNETS[preset]}
    assert_equal(
        single_file().convert_ldm_unet_checkpoint(below("model.diffusion_model", published), config),
        own,
    )
    assert_equal(forward(naming, below("model.diffusion_model", published)), own)


def test_the_unets_published_keys() -> None:
    """Keys that v1-5-pruned.safetensors and sd_xl_base_1.0.safetensors hold."""
    first = backward(naming_of("sd15", "original"), thin_state("sd15"))
    assert len(first) == 686
    assert {
        "time_embed.2.bias",
        "input_blocks.0.0.weight",
        "input_blocks.1.0.in_layers.0.weight",
        "input_blocks.1.0.emb_layers.1.bias",
        "input_blocks.1.1.transformer_blocks.0.attn2.to_out.0.bias",
        "input_blocks.3.0.op.weight",
        "input_blocks.4.0.skip_connection.weight",
        "input_blocks.11.0.out_layers.3.weight",
        "middle_block.1.proj_in.weight",
        "middle_block.2.out_layers.0.bias",
        "output_blocks.2.1.conv.weight",
        "output_blocks.5.2.conv.weight",
        "output_blocks.11.1.norm.weight",
        "out.0.weight",
        "out.2.bias",
    } <= first.keys()
    second = backward(naming_of("sdxl", "original"), thin_state("sdxl"))
    assert {
        "label_emb.0.2.weight",
        "output_blocks.2.2.conv.bias",
        "middle_block.1.transformer_blocks.9.norm3.bias",
    } <= second.keys()
    assert [key for key in (*first, *second) if OF_DIFFUSERS.search(re.sub("transformer_blocks.*", "", key))] == []


@pytest.mark.slow
def test_the_controlnet_of_its_authors() -> None:
    own, naming = thin_state("control_sd15"), naming_of("control_sd15", "original")
    published = backward(naming, own)
    assert_equal(
        single_file().convert_controlnet_checkpoint(below("control_model", published), {"layers_per_block": 2}), own
    )
    assert {"zero_convs.11.0.weight", "middle_block_out.0.bias", "input_hint_block.14.weight"} <= published.keys()
    assert_equal(forward(naming, below("control_model", published)), own)


@pytest.mark.parametrize("preset", with_slow(["sd15_vae", "sd3_vae", "vq_model"], ["sd3_vae"]))
def test_the_autoencoder_of_latent_diffusion(preset: str) -> None:
    own, naming = thin_state(preset), naming_of(preset, "original")
    published = backward(naming, own)
    levels = ["of a level"] * (3 if preset == "vq_model" else 4)
    quantizer = {key: tensor for key, tensor in own.items() if key.startswith("quantize.")}
    converted = single_file().convert_ldm_vae_checkpoint(
        below("first_stage_model", published), {"down_block_types": levels, "up_block_types": levels}
    )
    assert_equal(converted, {key: tensor for key, tensor in own.items() if key not in quantizer})
    assert quantizer.keys() <= published.keys()
    assert published["decoder.mid.attn_1.proj_out.weight"].shape[1:] == (1, 1, 1)
    names = {"encoder.down.1.block.0.nin_shortcut.weight", "encoder.mid.block_2.norm1.bias", "decoder.norm_out.weight"}
    assert names | {"decoder.up.2.upsample.conv.weight", "encoder.mid.attn_1.norm.weight"} <= published.keys()
    assert_equal(forward(naming, below("first_stage_model", published)), own)


@pytest.mark.parametrize("half", ["encoder", "decoder"])
@pytest.mark.parametrize("name", ["original", "diffusers_old", "autoencoder_kl"])
def test_half_of_an_autoencoder(half: str, name: str) -> None:
    own, whole = thin_state(f"sd15_{half}"), thin_state("sd15_vae")
    published = whole if name == "autoencoder_kl" else backward(naming_of("sd15_vae", name), whole)
    found = forward(naming_of(f"sd15_{half}", name), published)
    assert_equal(found, {key: whole[key] for key in own})


@pytest.mark.parametrize("preset", with_slow(["clip_text_h", "clip_text_g"], ["clip_text_g"]))
def test_the_text_encoder_of_openclip(preset: str) -> None:
    own, naming = thin_state(preset), naming_of(preset, "original")
    published = backward(naming, own)
    start = "conditioner.embedders.1.model."  # with 2.x's prefix diffusers leaves out the last layer and the projection
    model = torch.nn.Module()
    converted = single_file().convert_open_clip_checkpoint(
        model, below(start.rstrip("."), wide_projection(published, own)), prefix=start
    )
    converted["text_projection.weight"] = converted["text_projection.weight"][:, :1]
    assert_equal(converted, own)
    more = {"logit_scale": torch.zeros(()), "attn_mask": torch.zeros(1), "visual.proj": torch.zeros(1)}
    assert_equal(forward(naming, below(start.rstrip("."), published | more)), own)
    assert_equal(forward(naming, below("cond_stage_model.model", published | more)), own)


def wide_projection(published: State, own: State) -> State:
    """With the projection's true size, from which diffusers takes that of the attention."""
    size = own["text_model.final_layer_norm.weight"].shape[0]
    return published | {"text_projection": published["text_projection"].expand(size, -1)}


def test_the_image_encoder_of_openai() -> None:
    own, naming = thin_state("clip_vision_b_32"), naming_of("clip_vision_b_32", "original")
    published = backward(naming, own)
    layers = {key: tensor for key, tensor in published.items() if key.startswith("transformer.")}
    converted = single_file().convert_open_clip_checkpoint(
        torch.nn.Module(), below("m", layers | {"text_projection": torch.zeros(768, 1)}), prefix="m."
    )
    converted = {key.replace("text_model", "vision_model"): tensor for key, tensor in converted.items()}
    embeddings = "vision_model.embeddings"
    others = {
        "class_embedding": f"{embeddings}.class_embedding",
        "positional_embedding": f"{embeddings}.position_embedding.weight",
        "conv1.weight": f"{embeddings}.patch_embedding.weight",
        "ln_pre.weight": "vision_model.pre_layrnorm.weight",
        "ln_pre.bias": "vision_model.pre_layrnorm.bias",
        "ln_post.weight": "vision_model.post_layernorm.weight",
        "ln_post.bias": "vision_model.post_layernorm.bias",
    }
    expected = converted | {ours: published[theirs] for theirs, ours in others.items()}
    expected |= {"visual_projection.weight": published["proj"].T.contiguous()}
    del expected["text_projection.weight"]
    assert_equal(expected, own)
    whole = below("visual", published) | {"ln_final.weight": torch.zeros(1)}
    assert_equal(forward(naming, whole), own)


@pytest.mark.parametrize("preset", with_slow(["sd3_medium", "sd35_medium", "sd35_large"], ["sd3_medium", "sd35_large"]))
def test_stable_diffusion_3(preset: str) -> None:
    own, naming = thin_state(preset), naming_of(preset, "original")
    published = backward(naming, own)
    checkpoint = below("model.diffusion_model", published)
    assert_equal(single_file().convert_sd3_transformer_checkpoint_to_diffusers(dict(checkpoint)), own)
    assert_equal(forward(naming, checkpoint), own)


@pytest.mark.parametrize("preset", with_slow(["flux1_dev", "flux1_schnell"], ["flux1_schnell"]))
def test_flux(preset: str) -> None:
    own, naming = thin_state(preset), naming_of(preset, "original")
    published = backward(naming, own)
    assert_equal(single_file().convert_flux_transformer_checkpoint_to_diffusers(dict(published)), own)
    assert_equal(forward(naming, published), own)


def test_the_first_text_encoder_of_stable_diffusion() -> None:
    own, naming = thin_state("clip_text_l"), naming_of("clip_text_l", "stable_diffusion")
    published = {key: tensor for key, tensor in own.items() if key != "text_projection.weight"}
    checkpoint = below("cond_stage_model.transformer", published)
    assert_equal(single_file().convert_ldm_clip_checkpoint(checkpoint), published)
    ids = {"cond_stage_model.transformer.text_model.embeddings.position_ids": torch.zeros(1)}
    assert_equal(forward(naming, checkpoint | ids), published)


# -- diffusers' older attention ----------------------------------------------------------------------------------------


def on_meta(name: str, config: dict[str, Any]) -> Any:
    with torch.device("meta"):
        return getattr(references.diffusers(), name)(**config)


VAE_LEVELS = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
}


@pytest.mark.parametrize(
    ("preset", "model", "config"),
    [
        ("ddpm@cifar10", "UNet2DModel", references.DDPM_CIFAR10),
        pytest.param("ddpm@celebahq256", "UNet2DModel", references.DDPM_CELEBAHQ256, marks=pytest.mark.slow),
        pytest.param("sd15_vae", "AutoencoderKL", VAE_LEVELS, marks=pytest.mark.slow),
    ],
)
def test_the_older_attention_of_diffusers(preset: str, model: str, config: dict[str, Any]) -> None:
    own, naming = thin_state(preset), naming_of(preset, "diffusers_old")
    published = backward(naming, own)
    assert len(published.keys() - own.keys()) == 8 * sum(key.endswith("to_q.weight") for key in own)
    assert_equal(on_meta(model, config)._fix_state_dict_keys_on_load(dict(published)), own)
    assert_equal(forward(naming, published), own)


# -- PyTorch's two forms of weight norm --------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated:FutureWarning")
@pytest.mark.parametrize(
    ("network", "name", "older"),
    [
        ("hifigan", "parametrized", False),
        ("wav2vec2", "weight_norm", True),
        ("wav2vec2_conformer", "weight_norm", True),
    ],
)
def test_the_two_forms_of_weight_norm(network: str, name: str, older: bool) -> None:
    """torch's parametrized layer loads what its older form has stored."""
    old = torch.nn.Sequential(torch.nn.utils.weight_norm(torch.nn.Conv1d(4, 6, 3)))
    new = torch.nn.Sequential(torch.nn.utils.parametrizations.weight_norm(torch.nn.Conv1d(4, 6, 3)))
    references.randomised(old)
    new.load_state_dict(old.state_dict())
    published, own = (old, new) if older else (new, old)
    assert_both_directions(naming_in(network, name), published.state_dict(), own.state_dict())


# -- transformers ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_mixtral_of_single_experts() -> None:
    """The published files against transformers' own conversion when it loads them."""
    transformers = references.transformers()
    config = transformers.MixtralConfig(
        vocab_size=16,
        hidden_size=8,
        intermediate_size=12,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        num_local_experts=8,
    )
    model = references.randomised(transformers.MixtralForCausalLM(config))
    own = model.state_dict()
    published = backward(naming_in("mixtral", "original"), own)
    assert published["model.layers.1.block_sparse_moe.experts.7.w3.weight"].shape == (12, 8)
    loaded = transformers.MixtralForCausalLM.from_pretrained(None, config=config, state_dict=dict(published))
    assert_equal(loaded.state_dict(), own)
    assert_equal(forward(naming_in("mixtral", "original"), published), own)


def test_mixtral_stacks_its_experts() -> None:
    """gate_up_proj[e] is w1 above w3 of expert e, as transformers' mapping has it."""
    generator = torch.Generator().manual_seed(0)
    start = "model.layers.0.block_sparse_moe"
    published = {
        f"{start}.experts.{expert}.{name}.weight": torch.randn(shape, generator=generator)
        for expert in range(8)
        for name, shape in {"w1": (6, 4), "w2": (4, 6), "w3": (6, 4)}.items()
    }
    up_and_gate = [
        torch.cat([published[f"{start}.experts.{e}.{name}.weight"] for name in ("w1", "w3")]) for e in range(8)
    ]
    down = [published[f"{start}.experts.{e}.w2.weight"] for e in range(8)]
    own = {
        "model.layers.0.mlp.experts.gate_up_proj": torch.stack(up_and_gate),
        "model.layers.0.mlp.experts.down_proj": torch.stack(down),
    }
    assert_both_directions(naming_in("mixtral", "original"), published, own)


def test_bert_with_gamma_and_beta() -> None:
    own, naming = thin_state("bert_base_uncased"), naming_of("bert_base_uncased", "original")
    old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    published = {
        ".".join([*key.split(".")[:-2], old.get(".".join(key.split(".")[-2:]), ".".join(key.split(".")[-2:]))]): tensor
        for key, tensor in own.items()
    }
    assert "embeddings.LayerNorm.gamma" in published
    assert_equal(backward(naming, own), published)
    assert_equal(forward(naming, below("bert", published) | {"cls.predictions.bias": torch.zeros(1)}), own)


def test_gpt_neox_as_transformers_loads_it() -> None:
    """The published head, and what older files hold besides."""
    theirs = references.randomised(NARROW["gpt_neox"].build())
    own, naming = theirs.state_dict(), naming_in("gpt_neox", "original")
    published = backward(naming, own)
    assert "embed_out.weight" in published
    loaded = type(theirs).from_pretrained(None, config=theirs.config, state_dict=dict(published))
    assert_equal(loaded.state_dict(), own)
    older = {
        **published,
        "gpt_neox.layers.1.attention.bias": torch.ones(1, 1, 4, 4),
        "gpt_neox.layers.1.attention.masked_bias": torch.tensor(-1e9),
        "gpt_neox.layers.1.attention.rotary_emb.inv_freq": torch.ones(4),
    }
    assert_equal(forward(naming, older), own)


def test_gpt2_without_its_head() -> None:
    own, naming = thin_state("gpt2_small"), naming_of("gpt2_small", "original")
    published = {key.removeprefix("transformer."): tensor for key, tensor in own.items() if key != "lm_head.weight"}
    masks = {f"h.{i}.attn.bias": torch.ones(1) for i in range(12)}
    assert_equal(forward(naming, published | masks), {key: own[key] for key in own if key != "lm_head.weight"})
    assert_equal(backward(naming, own), published | {"lm_head.weight": own["lm_head.weight"]})


WHISPER = {
    "layers": "blocks",
    "fc1": "mlp.0",
    "fc2": "mlp.2",
    "final_layer_norm": "mlp_ln",
    "self_attn.q_proj": "attn.query",
    "self_attn.k_proj": "attn.key",
    "self_attn.v_proj": "attn.value",
    "self_attn_layer_norm": "attn_ln",
    "self_attn.out_proj": "attn.out",
    "embed_positions.weight": "positional_embedding",
    "layer_norm": "ln_post",
}
"""transformers' convert_openai_to_hf.py, the other way around; longer names before those within them."""


def test_whisper_of_openai() -> None:
    own, naming = thin_state("whisper_tiny"), naming_of("whisper_tiny", "original")
    published = {}
    for key, tensor in own.items():
        for ours, theirs in WHISPER.items():
            key = key.replace(ours, theirs)
        published[key] = tensor
    assert_equal(backward(naming, own), published)
    assert_equal(forward(naming, below("encoder", published) | {"decoder.ln.bias": torch.zeros(1)}), own)


def test_mamba_of_its_authors() -> None:
    own, naming = thin_state("mamba_130m"), naming_of("mamba_130m", "original")
    published = {key.replace("embeddings.", "embedding."): tensor for key, tensor in own.items()}
    head = {"lm_head.weight": torch.zeros(1)}
    assert_equal(forward(naming, below("backbone", published) | head), own)
    assert_equal(backward(naming, own), published)


def test_the_encoder_of_a_whole_t5() -> None:
    own, naming = thin_state("t5_small"), naming_of("t5_small", "t5")
    more = {"decoder.block.0.layer.0.SelfAttention.q.weight": torch.zeros(1), "lm_head.weight": torch.zeros(1)}
    assert_equal(forward(naming, own | more), own)
    assert lazy(own).keys() == naming.backward(lazy(own)).tensors.keys()

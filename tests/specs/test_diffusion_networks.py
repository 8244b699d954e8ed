"""ControlNet, autoencoders, a temporal U-Net and diffusion transformers against diffusers: keys in order at full size;
outputs, input gradients and files when narrow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers_networks import Case, called, model, noise
from diffusion_transformers import TRANSFORMERS
from torch import Tensor, nn

import archgraph as ag


def controlled() -> Mapping[str, Tensor]:
    return {
        "sample": noise(2, 4, 8, 16),
        "timestep": torch.tensor([3, 941]),
        "encoder_hidden_states": noise(2, 5, 8),
        "controlnet_cond": noise(2, 3, 64, 128),
    }


def controlled_xl() -> Mapping[str, Tensor]:
    """SDXL's, with the whole text, and the sizes that its image was made of."""
    ids = torch.tensor([[64.0, 128.0, 0.0, 3.0, 64.0, 128.0], [32.0, 32.0, 1.0, 0.0, 64.0, 128.0]])
    return {**controlled(), "text_embeds": noise(2, 6), "time_ids": ids}


def residuals_xl(network: nn.Module, inputs: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    added = {name: inputs[name] for name in ("text_embeds", "time_ids")}
    others: dict[str, Any] = {name: value for name, value in inputs.items() if name not in added}
    return residuals(network, {**others, "added_cond_kwargs": added})


def residuals(network: nn.Module, inputs: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    down, mid = called(network, inputs)
    return (*down, mid)


def without_attention_first(channels: tuple[int, ...]) -> dict[str, Any]:
    """The levels of a network like SDXL's, whose first has no transformers."""
    types = ("DownBlock2D", *("CrossAttnDownBlock2D",) * (len(channels) - 1))
    return {"block_out_channels": channels, "down_block_types": types}


def levels(count: int) -> dict[str, Any]:
    return {"down_block_types": ("DownEncoderBlock2D",) * count, "up_block_types": ("UpDecoderBlock2D",) * count}


def temporal(channels: tuple[int, ...]) -> dict[str, Any]:
    """The levels of a temporal U-Net; the way up has one less."""
    return {
        "block_out_channels": channels,
        "down_block_types": ("DownResnetBlock1D",) * len(channels),
        "up_block_types": ("UpResnetBlock1D",) * (len(channels) - 1),
    }


def waves(channels: tuple[int, ...], attentions: int) -> dict[str, Any]:
    """The levels of Dance Diffusion; the noise level is 16 channels more of the wave."""
    between = len(channels) - 1 - attentions
    down = ("DownBlock1DNoSkip", *("DownBlock1D",) * between, *("AttnDownBlock1D",) * attentions)
    up = (*("AttnUpBlock1D",) * attentions, *("UpBlock1D",) * between, "UpBlock1DNoSkip")
    sizes = {"extra_in_channels": 16, "time_embedding_dim": 16, "block_out_channels": channels}
    return {**sizes, "down_block_types": down, "up_block_types": up}


def encoded(network: Any, inputs: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    found = network.encode(inputs["image"]).latent_dist
    return found.mean, found.logvar


def decoded(network: Any, inputs: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    return (network.decode(inputs["latent"]).sample,)


def reconstructed(network: Any, inputs: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    mean, logvar = encoded(network, inputs)
    return mean, logvar, *decoded(network, {"latent": mean})


def quantized(network: Any, inputs: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    latents = network.encode(inputs["image"]).latents
    count, _, height, width = latents.shape
    _, _, (_, _, codes) = network.quantize(latents)
    return network.decode(latents).sample, codes.reshape(count, height, width)


def tiny(network: Any, inputs: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    latent = network.encode(inputs["image"]).latents
    return latent, network.decode(latent).sample


def autoencoder(spec: str, presets: Mapping[str, str], **more: Any) -> Case:
    """The autoencoder of Stable Diffusion 1.5 and of 3, or a half of it; `presets` says which of the two each is."""
    sd15 = {**levels(4), "block_out_channels": (128, 256, 512, 512), "layers_per_block": 2}
    sd3 = {**sd15, "latent_channels": 16, "use_quant_conv": False, "use_post_quant_conv": False}
    return Case(
        spec=spec,
        network="AutoencoderKL",
        published={preset: {"sd15": sd15, "sd3": sd3}[kind] for preset, kind in presets.items()},
        config={
            **levels(2),
            "block_out_channels": (16, 24),
            "layers_per_block": 1,
            "norm_num_groups": 8,
        },
        params={"channels": [16, 24], "layers": 1, "groups": 8},
        **more,
    )


TINY = ("taesd", "taesdxl", "taesd3", "taef1")
CASES = [
    autoencoder(
        "autoencoder_kl",
        {"sd15_vae": "sd15", "sdxl_vae": "sd15", "sd3_vae": "sd3", "flux_vae": "sd3"},
        run=reconstructed,
        inputs=lambda: {"image": noise(2, 3, 8, 11)},
    ),
    Case(
        spec="autoencoder_tiny",
        network="AutoencoderTiny",
        published={name: {"latent_channels": 16 if name in ("taesd3", "taef1") else 4} for name in TINY},
        config={
            "encoder_block_out_channels": (8, 8),
            "decoder_block_out_channels": (8, 8),
            "num_encoder_blocks": (1, 2),
            "num_decoder_blocks": (2, 1),
        },
        params={"channels": 8, "encoder": [1, 2], "decoder": [2, 1]},
        run=tiny,
        inputs=lambda: {"image": noise(2, 3, 8, 12)},
        profiles=("cpu",),
    ),
    autoencoder(
        "vae_encoder",
        {"sd15_encoder": "sd15", "sd3_encoder": "sd3"},
        run=encoded,
        inputs=lambda: {"image": noise(2, 3, 9, 8)},
        modules=("encoder", "quant_conv"),
        profiles=(),
    ),
    autoencoder(
        "vae_decoder",
        {"sd15_decoder": "sd15", "sd3_decoder": "sd3"},
        run=decoded,
        inputs=lambda: {"latent": noise(2, 4, 5, 3)},
        modules=("decoder", "post_quant_conv"),
        profiles=(),
    ),
    Case(
        spec="controlnet",
        network="ControlNetModel",
        published={
            "control_sd15": {"cross_attention_dim": 768},
            "control_sd21": {
                "attention_head_dim": (5, 10, 20, 20),
                "cross_attention_dim": 1024,
                "use_linear_projection": True,
            },
        },
        config={
            "block_out_channels": (8, 8, 16, 16),
            "attention_head_dim": 2,
            "cross_attention_dim": 8,
            "norm_num_groups": 4,
            "conditioning_embedding_out_channels": (2, 2, 4, 4),
        },
        params={
            "channels": [8, 8, 16, 16],
            "heads": [2, 2, 2, 2],
            "context_dim": 8,
            "groups": 4,
            "image_widths": [2, 2, 4, 4],
        },
        profiles=("portable", "cpu"),
        inputs=controlled,
        run=residuals,
    ),
    Case(
        spec="controlnet",
        network="ControlNetModel",
        shared={
            "use_linear_projection": True,
            "addition_embed_type": "text_time",
        },
        published={
            "control_sdxl": {
                **without_attention_first((320, 640, 1280)),
                "transformer_layers_per_block": (1, 2, 10),
                "attention_head_dim": (5, 10, 20),
                "cross_attention_dim": 2048,
                "addition_time_embed_dim": 256,
                "projection_class_embeddings_input_dim": 1280 + 6 * 256,
            },
        },
        config={
            **without_attention_first((8, 8, 16)),
            "transformer_layers_per_block": (1, 1, 2),
            "attention_head_dim": 2,
            "cross_attention_dim": 8,
            "addition_time_embed_dim": 4,
            "projection_class_embeddings_input_dim": 6 + 6 * 4,
            "norm_num_groups": 4,
            "conditioning_embedding_out_channels": (2, 2, 4, 4),
        },
        params={
            "channels": [8, 8, 16],
            "depth": [0, 1, 2],
            "mid_depth": 2,
            "heads": [2, 2, 2],
            "context_dim": 8,
            "linear": True,
            "text_dim": 6,
            "ids_dim": 4,
            "groups": 4,
            "image_widths": [2, 2, 4, 4],
        },
        profiles=("portable", "cpu"),
        inputs=controlled_xl,
        run=residuals_xl,
    ),
    Case(
        spec="vq_model",
        network="VQModel",
        published={
            "ldm_celebahq256_vqvae": {
                **levels(3),
                "block_out_channels": (128, 256, 512),
                "layers_per_block": 2,
                "num_vq_embeddings": 8192,
            }
        },
        config={
            **levels(2),
            "block_out_channels": (16, 24),
            "num_vq_embeddings": 32,
            "norm_num_groups": 8,
        },
        params={"channels": [16, 24], "layers": 1, "groups": 8, "codes": 32},
        run=quantized,
        inputs=lambda: {"image": noise(2, 3, 8, 11)},
    ),
    Case(
        spec="temporal_unet",
        network="UNet1DModel",
        shared={
            "in_channels": 14,
            "out_channels": 14,
            "time_embedding_type": "positional",
            "flip_sin_to_cos": False,
            "freq_shift": 1,
            "use_timestep_embedding": True,
            "act_fn": "mish",
            "mid_block_type": "MidResTemporalBlock1D",
            "out_block_type": "OutConv1DBlock",
        },
        published={
            "hopper_horizon32": temporal((32, 64, 128, 256)),
            "hopper_horizon128": temporal((32, 128, 256)),
        },
        config=temporal((8, 16, 24)),
        params={"channels": [8, 16, 24]},
        inputs=lambda: {"sample": noise(2, 14, 12), "timestep": torch.tensor([3, 17])},
    ),
    Case(
        spec="dance_diffusion",
        network="UNet1DModel",
        published={"maestro_150k": waves((128, 128, 256, 256, *(512,) * 9), 4)},
        config=waves((32, 64, 64), 1),
        params={"channels": [32, 64, 64], "attentions": 1},
        inputs=lambda: {"sample": noise(2, 2, 32), "timestep": torch.tensor([0.2, 0.9])},
        profiles=("portable",),
    ),
    *TRANSFORMERS,
]
LIKE_ANOTHER = (
    *("sd3_encoder", "sd3_decoder", "hopper_horizon128", "dit_xl_2_512", "sd35_large", "flux1_schnell"),
    *("sdxl_vae", "flux_vae", "taesdxl", "taef1", "pixart_alpha_256", "pixart_sigma_512", "pixart_sigma_1024"),
)
PRESETS = [
    pytest.param(case, preset, id=preset, marks=[pytest.mark.slow] * (preset in LIKE_ANOTHER))
    for case in CASES
    for preset in case.published
]
NARROW = [pytest.param(case, id=case.spec) for case in CASES]
DEAREST = ("controlnet", "dance_diffusion")
"""The operations of their files are those of sd_unet in tests/verify/test_verify_models.py, and of the temporal U-Net
here."""
FILES = [
    pytest.param(
        case,
        profile,
        id=f"{case.spec}-{profile}",
        marks=[pytest.mark.slow] * (number != at % 2 or case.spec in DEAREST),
    )
    for at, case in enumerate(case for case in CASES if case.profiles)
    for number, profile in enumerate(case.profiles)
]
"""A file of each network, in the one profile and the other by turns."""


@pytest.mark.parity("keys")
@pytest.mark.parametrize(("case", "preset"), PRESETS)
def test_keys_and_shapes_in_order(case: Case, preset: str) -> None:
    case.assert_published_keys(preset)


@pytest.mark.parity("outputs", "gradients")
@pytest.mark.parametrize("case", NARROW)
def test_outputs_and_input_gradients(case: Case) -> None:
    case.assert_equal_outputs_and_gradients()


def test_the_positions_of_a_new_sd3_are_those_of_diffusers() -> None:
    case = next(case for case in CASES if case.spec == "sd3")
    (ours,) = ag.to_torch(case.graph()).pos_embed.buffers()
    (theirs,) = model(case.network, **case.config).pos_embed.buffers()
    assert float(theirs.std()) > 0.5
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


@pytest.mark.parity("file")
@pytest.mark.parametrize(("case", "profile"), FILES)
def test_the_file_is_proved_equal(case: Case, profile: str, tmp_path: Path) -> None:
    found = ag.to_onnx(ag.to_torch(case.graph()), tmp_path / "network.onnx", profile=profile)
    assert found.certificate is not None
    assert found.certificate.equal

"""Networks of which there is a spec written by hand, and the implementation that it was held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import references
from import_diffusers import NETWORKS as DIFFUSERS
from import_transformers import NETWORKS as TRANSFORMERS

from archgraph.importing.sources.input_descriptions import InputDescription
from archgraph.importing.sources.module_source import ModuleSource, module_source

VIDEO = {"x": InputDescription(("N", 3, 16, "H", "W"))}


@dataclass(frozen=True)
class Counterpart:
    """A shipped spec, by its file, and what is imported."""

    spec: str
    source: ModuleSource
    inputs: Mapping[str, InputDescription] = field(default_factory=dict)
    device: str = "meta"
    """cpu for a network that computes numbers while it is made."""


def _torchvision(spec: str, name: str, **more: Any) -> Counterpart:
    return Counterpart(spec, module_source(f"torchvision:{name}", more))


def _timm(spec: str, name: str) -> Counterpart:
    return Counterpart(spec, module_source(f"timm:{name}"))


def _diffusers(spec: str, name: str, config: Mapping[str, Any] | None = None) -> Counterpart:
    made = DIFFUSERS[name] if config is None else module_source(f"diffusers:{name}", config=config)
    return Counterpart(spec, made, device="cpu")


def _transformers(spec: str, name: str, **more: Any) -> Counterpart:
    """In a narrow configuration of three layers."""
    narrow = TRANSFORMERS[name]
    return Counterpart(spec, module_source(str(narrow), config={**(narrow.config or {}), **more}), device="cpu")


_SD15 = {
    "block_out_channels": (32, 64, 64, 64),
    "norm_num_groups": 8,
    "cross_attention_dim": 24,
    "attention_head_dim": 4,
}
_SMALL_PICTURE = {"conditioning_embedding_out_channels": (2, 2, 4, 4)}
_AUTOENCODER = {
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "block_out_channels": (16, 32, 64, 64),
    "layers_per_block": 2,
    "norm_num_groups": 8,
}

COUNTERPARTS = {
    "resnet18": _torchvision("resnet", "resnet18"),
    "resnet50": _torchvision("resnet", "resnet50"),
    "vit_b_16": _torchvision("vit", "vit_b_16"),
    "convnext_tiny": _torchvision("convnext", "convnext_tiny"),
    "densenet121": _torchvision("densenet", "densenet121"),
    "mobilenet_v2": _torchvision("mobilenet", "mobilenet_v2"),
    "efficientnet_b0": _torchvision("efficientnet", "efficientnet_b0"),
    "mobilenet_v3_large": _torchvision("mobilenet_v3", "mobilenet_v3_large"),
    "shufflenet_v2_x1_0": _torchvision("shufflenet_v2", "shufflenet_v2_x1_0"),
    "squeezenet1_0": _torchvision("squeezenet", "squeezenet1_0"),
    "mnasnet1_0": _torchvision("mnasnet", "mnasnet1_0"),
    "swin_t": Counterpart("swin", module_source("torchvision:swin_t"), device="cpu"),
    "maxvit_t": _torchvision("maxvit", "maxvit_t"),
    "regnet_y_400mf": Counterpart("regnet", module_source("torchvision:regnet_y_400mf"), device="cpu"),
    "inception_v3": _torchvision("inception", "inception_v3", init_weights=False),
    "googlenet": _torchvision("googlenet", "googlenet", init_weights=False),
    "deeplabv3_resnet50": _torchvision("deeplabv3", "deeplabv3_resnet50", weights_backbone=None, aux_loss=True),
    "r3d_18": Counterpart("r3d", module_source("torchvision:r3d_18"), VIDEO),
    "convnextv2_atto": _timm("convnextv2", "convnextv2_atto"),
    "hrnet_w18": _timm("hrnet", "hrnet_w18"),
    "res2net50_26w_4s": _timm("res2net", "res2net50_26w_4s"),
    "levit_128s": Counterpart("levit", module_source("timm:levit_128s"), device="cpu"),
    "repvit_m1": _timm("repvit", "repvit_m1"),
    "hgnet_tiny": _timm("hgnet", "hgnet_tiny"),
    "focalnet_tiny_srf": _timm("focalnet", "focalnet_tiny_srf"),
    "fasternet_t0": _timm("fasternet", "fasternet_t0"),
    "mobileone_s0": _timm("mobileone", "mobileone_s0"),
    "ghostnet_100": _timm("ghostnet", "ghostnet_100"),
    "cspresnet50": _timm("cspnet", "cspresnet50"),
    "gpt2": _transformers("gpt2", "GPT2Model", n_layer=3),
    "bert": _transformers("bert", "BertModel", num_hidden_layers=3),
    "llama": _transformers("llama", "LlamaForCausalLM", num_hidden_layers=3, tie_word_embeddings=False),
    "t5_encoder": _transformers("t5_encoder", "T5EncoderModel", num_layers=3),
    "clip_vision": _transformers("clip_vision", "CLIPVisionModel", num_hidden_layers=3),
    "clip_text": _transformers("clip_text", "CLIPTextModel", num_hidden_layers=3),
    "whisper_encoder": _transformers("whisper_encoder", "WhisperEncoder", encoder_layers=3),
    "wav2vec2": _transformers("wav2vec2", "Wav2Vec2Model", num_hidden_layers=3),
    "mamba": _transformers("mamba", "MambaModel", num_hidden_layers=3),
    "mixtral": _transformers("mixtral", "MixtralModel", num_hidden_layers=3),
    "ddpm": _diffusers("ddpm", "UNet2DModel", references.DDPM_CIFAR10),
    "sd_unet": _diffusers("sd_unet", "UNet2DConditionModel", _SD15),
    "controlnet": _diffusers("controlnet", "ControlNetModel", {**_SD15, **_SMALL_PICTURE}),
    "autoencoder_kl": _diffusers("autoencoder_kl", "AutoencoderKL", _AUTOENCODER),
    "vq_model": _diffusers("vq_model", "VQModel", {**_AUTOENCODER, "num_vq_embeddings": 20, "latent_channels": 4}),
    "dit": _diffusers("dit", "DiTTransformer2DModel"),
    "sd3": _diffusers("sd3", "SD3Transformer2DModel"),
    "flux": _diffusers("flux", "FluxTransformer2DModel"),
}
"""By the name under which the table lists them. Vision networks have their full size, the others are narrow."""

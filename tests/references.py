"""The published implementations that the models are held against."""

from __future__ import annotations

import functools
import importlib
import warnings
from typing import Any

import torch

MISSING_OPERATORS = ("nms", "qnms")
"""torchvision's wheel is built for CUDA. On a CPU-only torch its import fails, because it attaches rules to operators
that are not there; declaring their schemas first is enough, since no model here uses them."""

_declared: list[torch.library.Library] = []


@functools.cache
def torchvision() -> Any:
    """torchvision, importable with and without CUDA."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if torch.version.cuda is None:
            library = torch.library.Library("torchvision", "FRAGMENT")
            for name in MISSING_OPERATORS:
                library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            _declared.append(library)
        import torchvision as package
    return package


def _with_torchvision(name: str, *offered: str) -> Any:
    """A package that imports torchvision. What it imports late, with the warnings of others, is asked for by name."""
    torchvision()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        package = importlib.import_module(name)
        for each in offered:
            getattr(package, each)
    return package


@functools.cache
def timm() -> Any:
    """timm."""
    return _with_torchvision("timm")


@functools.cache
def transformers() -> Any:
    """transformers."""
    return _with_torchvision("transformers", "PreTrainedModel")


@functools.cache
def diffusers() -> Any:
    """diffusers."""
    return _with_torchvision("diffusers", "ModelMixin")


def unet2d(**config: Any) -> torch.nn.Module:
    """diffusers' UNet2DModel."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made: torch.nn.Module = diffusers().UNet2DModel(**config)
    return made


DDPM_CIFAR10: dict[str, Any] = {
    "sample_size": 32,
    "block_out_channels": (128, 256, 256, 256),
    "down_block_types": ("DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
    "layers_per_block": 2,
    "downsample_padding": 0,
    "flip_sin_to_cos": False,
    "freq_shift": 1,
    "norm_eps": 1e-6,
    "norm_num_groups": 32,
    "attention_head_dim": None,
}
"""The configuration of google/ddpm-cifar10-32."""

DDPM_CELEBAHQ256: dict[str, Any] = DDPM_CIFAR10 | {
    "sample_size": 256,
    "block_out_channels": (128, 128, 256, 256, 512, 512),
    "down_block_types": ("DownBlock2D",) * 4 + ("AttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "AttnUpBlock2D") + ("UpBlock2D",) * 4,
}
"""The configuration of google/ddpm-celebahq-256, and of ddpm-church-256 and ddpm-bedroom-256."""

LDM_CELEBAHQ256: dict[str, Any] = {
    "sample_size": 64,
    "block_out_channels": (224, 448, 672, 896),
    "down_block_types": ("DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"),
    "up_block_types": ("AttnUpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
    "attention_head_dim": 32,
}
"""The configuration of CompVis/ldm-celebahq-256's U-Net."""


def randomised(module: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """The module with random weights and norm statistics, in evaluation mode.

    With the defaults (zeros, ones) a swapped bias or a wrong epsilon would go unseen.
    """
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in module.state_dict().items():
        if not tensor.is_floating_point():
            continue
        noise = torch.randn(tensor.shape, generator=generator)
        if name.endswith("running_var"):
            tensor.copy_(0.5 + noise.abs())
        elif tensor.dim() <= 1:
            tensor.copy_(0.5 * noise + (1.0 if name.endswith("weight") else 0.0))
        else:
            tensor.copy_(noise / max(1, tensor[0].numel()) ** 0.5)
    return module.eval()

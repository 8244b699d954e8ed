"""The constructor of the published implementation of each preset that has one: torchvision, timm, transformers and
diffusers, with the configurations against which the tests hold the presets."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "specs"))

import diffusers_networks
import references
from other_presets import OTHERS
from test_diffusion_networks import CASES
from test_mamba import mamba
from test_sd_unet import SD15, SD21, SDXL, VARIANTS, unet
from transformers_networks import PUBLISHED

from archgraph.language.library import read_spec, shipped_specs

Constructor = Callable[[], Any]
_UNETS_2D = {
    "ddpm@cifar10": references.DDPM_CIFAR10,
    "ddpm@celebahq256": references.DDPM_CELEBAHQ256,
    "ddpm@church256": references.DDPM_CELEBAHQ256,
    "ddpm@bedroom256": references.DDPM_CELEBAHQ256,
    "ldm_unet@ldm_celebahq256": references.LDM_CELEBAHQ256,
}


def published_constructors() -> Iterator[tuple[str, Constructor]]:
    """A preset that can be loaded, and the constructor of its reference. Parts of a network, of which the reference
    makes the whole, are left out."""
    for file in sorted(shipped_specs().glob("*.yaml")):
        for preset in read_spec(file).block.presets:
            found = _diffusers(file.stem, preset) or _by_name(preset)
            if found is not None:
                yield f"{file.stem}@{preset}", found


_MAMBAS = {
    "mamba_130m": {"hidden_size": 768, "num_hidden_layers": 24},
    "mamba_370m": {"hidden_size": 1024, "num_hidden_layers": 48},
}


def _by_name(preset: str) -> Constructor | None:
    vision, timm = references.torchvision().models, references.timm()
    if preset in set(vision.list_models()):
        plain: dict[str, None] = {"weights": None}
        if preset in set(vision.list_models(vision.segmentation)):  # or it would load the weights of what it stands on
            plain["weights_backbone"] = None
        return partial(vision.get_model, preset, **plain)
    if timm.is_model(preset):
        return partial(timm.create_model, preset)
    if preset in _MAMBAS:
        return partial(mamba, vocab_size=50280, **_MAMBAS[preset])
    return PUBLISHED.get(preset) or OTHERS.get(preset)


def _diffusers(spec: str, preset: str) -> Constructor | None:
    name = f"{spec}@{preset}"
    if name in _UNETS_2D:
        return partial(references.unet2d, **_UNETS_2D[name])
    if spec == "sd_unet":
        config = {"sd15": SD15, "sd21": SD21, "sdxl": SDXL, **VARIANTS}.get(preset)
        return partial(unet, config) if config else None
    for case in CASES:
        if case.spec == spec and preset in case.published and case.modules == ("",):
            return partial(diffusers_networks.model, case.network, **{**case.shared, **case.published[preset]})
    return None

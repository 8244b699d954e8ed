"""Narrow variants of all shipped networks, whose values are computed in a second or two."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

TESTS = Path(__file__).parents[1]
Variants = dict[str, tuple[str, dict[str, Any]]]
"""By a name of the variant: the spec, and its parameters."""

_AUTOENCODER = {"channels": [16, 24], "layers": 1, "groups": 8}
OTHERS: dict[str, dict[str, Any]] = {
    "adm": {"channels": 32, "multipliers": [1, 2], "attention": [False, True], "layers": 1, "head_channels": 16},
    "autoencoder_kl": _AUTOENCODER,
    "vae_encoder": _AUTOENCODER,
    "vae_decoder": _AUTOENCODER,
    "vq_model": {"channels": [16, 24], "layers": 1, "groups": 8, "codes": 32},
    "conformer": {"mels": 11, "dim": 8, "depth": 2, "heads": 2, "kernel_size": 5, "symbols": 6},
    "controlnet": {
        "channels": [8, 8, 16, 16],
        "heads": [2, 2, 2, 2],
        "context_dim": 8,
        "groups": 4,
        "image_widths": [2, 2, 4, 4],
    },
    "digits_ddpm": {},
    "digits_resnet": {},
    "hifigan": {
        "mels": 5,
        "channels": 16,
        "rates": [4, 2],
        "kernels": [8, 4],
        "block_kernels": [3, 5],
        "dilations": [[1, 3], [1, 2]],
    },
    "pointnet": {"classes": 5},
    "unet3d": {"channels": [2, 4], "classes": 2},
    "yolov8": {"depth": 0.33, "width": 0.125, "most_channels": 256, "classes": 5},
    # Group norms and attention of widths for which the profile has operators of its own.
    "ddpm@cifar10": {"channels": [32, 32], "attention": [False, True], "layers": 1, "groups": 8},
}


def variants() -> Variants:
    """Those of the tests of codegen and of the proof, and the ones above."""
    generated, proved = _file("codegen/codegen_cases.py"), _file("verify/narrow_networks.py")
    diffusion = _file("diffusion_transformers.py")
    others = {
        **OTHERS,
        "flux": diffusion.NARROW_FLUX,
        "sd3": {**diffusion.NARROW_MMDIT, "qk_norm": True, "dual": 1},
    }
    found: Variants = {name: (name, params) for name, (params, _) in generated.NARROW.items()}
    found |= {f"{name}, proved": (name, params) for name, params in proved.NARROW.items()}
    return found | {name: (name, params) for name, params in others.items()}


def _file(place: str) -> ModuleType:
    """A file of another room, under a name of its own."""
    name = f"variants_{Path(place).stem}"
    spec = importlib.util.spec_from_file_location(name, TESTS / place)
    assert spec is not None
    assert spec.loader is not None
    sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]

"""Models of the collection, exported and verified: narrow variants in each profile, and at full size."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from narrow_networks import NARROW, SPECS

import archgraph
from archgraph.export import ExportOptions
from archgraph.verify import export_verified


@pytest.mark.parametrize("name", sorted(NARROW))
@pytest.mark.parametrize("profile", ["portable", "cpu"])
def test_narrow_models_are_equal_to_torch(name: str, profile: str, tmp_path: Path) -> None:
    graph = archgraph.load(SPECS / f"{name}.yaml", **NARROW[name])
    found = export_verified(graph, tmp_path / "m.onnx", options=ExportOptions(profile=profile))
    assert found.certificate is not None
    assert found.certificate.equal
    if profile == "portable":
        onnx.checker.check_model(str(tmp_path / "m.onnx"), full_check=True)


WIDE = (
    *("attention_unet", "convnext", "convnextv2", "ddpm", "googlenet", "inception"),
    *("levit", "maxvit", "r3d", "regnet", "swin", "vit"),
)
"""Ten seconds to half a minute each; their narrow variants are compared above or in tests/specs."""
TOO_LARGE = (
    *("sd_unet", "dit", "controlnet", "sd3", "flux", "autoencoder_kl", "vae_encoder", "vae_decoder", "vq_model"),
    "mamba",
)
"""Up to billions of numbers, or images of 512 pixels: minutes to hours. Narrow variants stand for them."""
FULL = [
    pytest.param(path.stem, marks=[pytest.mark.slow] if path.stem in WIDE else [])
    for path in sorted(SPECS.glob("*.yaml"))
    if path.stem not in TOO_LARGE
]


@pytest.mark.parametrize("spec", FULL)
def test_models_at_full_size_are_equal_to_torch(spec: str, tmp_path: Path) -> None:
    graph = archgraph.load(SPECS / f"{spec}.yaml")
    found = export_verified(graph, tmp_path / "m.onnx")
    assert found.certificate is not None
    assert found.certificate.equal

"""Models of the collection, exported and verified: narrow variants in each profile, and at full size."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from narrow_networks import NARROW, SPECS

import archgraph
from archgraph.export import ExportOptions
from archgraph.verify import export_verified

PROFILES = ("portable", "cpu")
IN_ONE_PROFILE = {"attention_unet": "cpu", "ddpm": "cpu", "sd_unet": "portable"}
"""The dearest are compared in one of the two; the operations of each are compared in both, with those of the others."""
NARROW_MODELS = [
    pytest.param(profile, name, marks=[pytest.mark.slow] * (IN_ONE_PROFILE.get(name, profile) != profile))
    for profile in PROFILES
    for name in sorted(NARROW)
]


@pytest.mark.parity("file")
@pytest.mark.parametrize(("profile", "name"), NARROW_MODELS)
def test_narrow_models_are_equal_to_torch(name: str, profile: str, tmp_path: Path) -> None:
    graph = archgraph.load(SPECS / f"{name}.yaml", **NARROW[name])
    found = export_verified(graph, tmp_path / "m.onnx", options=ExportOptions(profile=profile))
    assert found.certificate is not None
    assert found.certificate.equal
    if profile == "portable":
        onnx.checker.check_model(str(tmp_path / "m.onnx"), full_check=True)


SMALL = ("digits_resnet", "lstm_tagger", "pointnet")
WIDE = (
    *("attention_unet", "conformer", "convnext", "convnextv2", "ddpm", "deeplabv3", "densenet", "digits_ddpm"),
    *("efficientnet", "googlenet", "hifigan", "hrnet", "inception", "levit", "maxvit", "mobilenet", "r3d", "regnet"),
    *("res2net", "resnet", "resnet_d2l", "swin", "temporal_unet", "vit", "yolov8"),
)
"""Several seconds to half a minute each; their narrow variants are compared above or in tests/specs. These stand for
all others too, which hold up to billions of numbers."""
FULL = [*SMALL, *(pytest.param(name, marks=pytest.mark.slow) for name in WIDE)]


@pytest.mark.parametrize("spec", FULL)
def test_models_at_full_size_are_equal_to_torch(spec: str, tmp_path: Path) -> None:
    graph = archgraph.load(SPECS / f"{spec}.yaml")
    found = export_verified(graph, tmp_path / "m.onnx")
    assert found.certificate is not None
    assert found.certificate.equal

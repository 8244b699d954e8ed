"""Models of the collection, exported and verified: narrow variants in each profile, and at full size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import pytest

import archgraph
from archgraph.export import ExportOptions
from archgraph.verify import export_verified

SPECS = Path(__file__).parents[2] / "specs"

NARROW: dict[str, dict[str, Any]] = {
    "attention_unet": {"dim": 8, "dim_mults": [1, 2]},
    "convnext": {"depths": [1, 1, 2, 1], "channels": [8, 16, 24, 32], "classes": 10},
    "ddpm": {"channels": [32, 64], "attention": [False, True], "layers": 1},
    "densenet": {"depths": [2, 2, 2, 2], "growth": 8, "init_features": 16, "classes": 10},
    "mobilenet": {"depths": [1, 1, 1, 1, 1, 1, 1], "classes": 10},
    "resnet": {"depths": [1, 1, 1, 1], "block": "bottleneck", "groups": 2, "classes": 10},
    "sd_unet": {"channels": [32, 64], "depth": [1, 0], "heads": [2, 2], "layers": 1, "context_dim": 24, "text_dim": 8},
    "vit": {"image_size": 32, "patch": 8, "dim": 32, "depth": 2, "heads": 2, "classes": 10},
}


@pytest.mark.parametrize("name", sorted(NARROW))
@pytest.mark.parametrize("profile", ["portable", "cpu"])
def test_narrow_models_are_equal_to_torch(name: str, profile: str, tmp_path: Path) -> None:
    graph = archgraph.load(SPECS / f"{name}.yaml", **NARROW[name])
    found = export_verified(graph, tmp_path / "m.onnx", options=ExportOptions(profile=profile))
    assert found.certificate is not None
    assert found.certificate.equal
    if profile == "portable":
        onnx.checker.check_model(str(tmp_path / "m.onnx"), full_check=True)


WIDE = ("attention_unet", "vit")
"""Half a minute each."""
TOO_LARGE = ("sd_unet",)
"""860 million numbers, in float32 and float64 side by side, for minutes. Narrow variants stand for it."""
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

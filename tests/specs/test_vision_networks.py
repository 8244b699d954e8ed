"""Vision networks: keys, outputs, input gradients and training mode equal timm's and torchvision's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import references
import torch
from published_parity import Network, assert_equal_networks, assert_same_keys

import archgraph as ag


def timm_model(name: str, **config: Any) -> Network:
    return lambda: references.timm().create_model(name, **config)


def torchvision_model(name: str) -> Network:
    return lambda: getattr(references.torchvision().models, name)(weights=None)


PUBLISHED: dict[str, Network] = {
    **{name: timm_model(name) for name in (f"convnextv2_{size}" for size in ("atto", "femto", "pico", "nano"))},
    **{name: timm_model(name) for name in (f"levit_{size}" for size in ("128s", "128", "192", "256", "384"))},
    **{name: torchvision_model(name) for name in ("swin_t", "swin_s", "swin_b", "maxvit_t")},
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_keys_and_shapes_in_order(name: str) -> None:
    assert_same_keys(name, PUBLISHED[name])


def narrow_swin() -> torch.nn.Module:
    module = references.torchvision().models.swin_transformer
    return module.SwinTransformer([4, 4], 8, [2, 2], [1, 2], [3, 3], stochastic_depth_prob=0.0, num_classes=7)


def narrow_maxvit() -> torch.nn.Module:
    return references.torchvision().models.MaxVit(
        (32, 32), 8, 2, [8, 16], [2, 1], head_dim=4, stochastic_depth_prob=0.0, num_classes=7
    )


NARROW: dict[str, tuple[Network, dict[str, Any], tuple[int, ...]]] = {
    "convnextv2": (
        timm_model("convnextv2_atto", depths=(1, 2, 1, 1), dims=(8, 16, 24, 32), num_classes=7),
        {"depths": [1, 2, 1, 1], "channels": [8, 16, 24, 32]},
        (2, 3, 64, 40),
    ),
    "swin": (
        narrow_swin,
        {"depths": [2, 2], "heads": [1, 2], "channels": 8, "window": 3, "drop_path": 0.0},
        (2, 3, 41, 20),
    ),
    "maxvit": (
        narrow_maxvit,
        {
            "image_size": 32,
            "stem": 8,
            "channels": [8, 16],
            "depths": [2, 1],
            "head_dim": 4,
            "window": 2,
            "drop_path": 0.0,
        },
        (2, 3, 32, 32),
    ),
    "levit": (
        timm_model(
            "levit_128s", img_size=80, embed_dim=(16, 24, 32), key_dim=4, num_heads=(2, 3, 4), depth=(1, 2, 1), num_classes=7
        ),
        {"image_size": 80, "channels": [16, 24, 32], "depths": [1, 2, 1], "heads": [2, 3, 4], "key_dim": 4},
        (4, 3, 80, 80),
    ),
}
"""The published network, the parameters of the spec, and the size of the input."""

NORMED = ("maxvit", "levit")
"""The networks with batch norm, which computes otherwise in training."""


@pytest.mark.parametrize(("name", "training"), [(name, False) for name in NARROW] + [(name, True) for name in NORMED])
def test_outputs_and_input_gradients(name: str, training: bool) -> None:
    build, params, size = NARROW[name]
    assert_equal_networks(ag.load(name, classes=7, **params), build, size, training=training)


@pytest.mark.parametrize("name", NARROW)
def test_the_file_is_proved_equal(name: str, tmp_path: Path) -> None:
    _, params, _ = NARROW[name]
    found = ag.to_onnx(ag.to_torch(ag.load(name, classes=7, **params)), tmp_path / "network.onnx", profile="cpu")
    assert found.certificate is not None

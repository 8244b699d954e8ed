"""Vision networks: keys, outputs, input gradients and training mode equal timm's and torchvision's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import references
import torch
from published_parity import (
    CLASSES,
    Case,
    Network,
    assert_equal_networks,
    assert_same_keys,
    narrow_network,
    narrow_spec,
    spec,
    torchvision_model,
)
from sampling_of_cases import with_slow

import archgraph as ag


def timm_model(name: str, **config: Any) -> Network:
    return lambda: references.timm().create_model(name, **config)


PUBLISHED: dict[str, Network] = {
    **{
        name: timm_model(name)
        for name in (
            *(f"convnextv2_{size}" for size in ("atto", "femto", "pico", "nano", "tiny", "base", "large", "huge")),
            *(f"levit_{size}" for size in ("128s", "128", "192", "256", "384")),
        )
    },
    **{name: torchvision_model(name) for name in ("swin_t", "swin_s", "swin_b", "maxvit_t")},
    **{name: torchvision_model(name, init_weights=False) for name in ("inception_v3", "googlenet")},
    "r3d_18": lambda: references.torchvision().models.video.r3d_18(weights=None),
}
DEFAULT = (
    *("convnextv2_atto", "convnextv2_tiny", "levit_128s", "swin_t", "maxvit_t", "inception_v3", "googlenet", "r3d_18"),
)
"""One network of each kind in every run."""


@pytest.mark.parity("keys")
@pytest.mark.parametrize("name", with_slow(PUBLISHED, PUBLISHED.keys() - set(DEFAULT)))
def test_keys_and_shapes_in_order(name: str) -> None:
    assert_same_keys(name, PUBLISHED[name])


def narrow_swin() -> torch.nn.Module:
    module = references.torchvision().models.swin_transformer
    return module.SwinTransformer([4, 4], 8, [2, 2], [1, 2], [3, 3], stochastic_depth_prob=0.0, num_classes=CLASSES)


def narrow_maxvit() -> torch.nn.Module:
    return references.torchvision().models.MaxVit(
        (32, 32), 8, 2, [8, 16], [2, 1], head_dim=4, stochastic_depth_prob=0.0, num_classes=CLASSES
    )


def narrow_regnet() -> torch.nn.Module:
    module = references.torchvision().models.regnet
    blocks = module.BlockParams(
        depths=[1, 2],
        widths=[16, 24],
        group_widths=[8, 8],
        bottleneck_multipliers=[1.0, 1.0],
        strides=[2, 2],
        se_ratio=0.25,
    )
    return module.RegNet(blocks, num_classes=CLASSES)


CASES = {
    "convnextv2": Case(
        timm_model("convnextv2_atto", depths=(1, 2, 1, 1), dims=(8, 16, 24, 32), num_classes=CLASSES),
        spec("convnextv2", depths=[1, 2, 1, 1], channels=[8, 16, 24, 32]),
        (2, 3, 64, 40),
        normed=False,
    ),
    "convnextv2 linear": Case(
        timm_model("convnextv2_tiny", depths=(1, 2, 1, 1), dims=(8, 16, 24, 32), num_classes=CLASSES),
        spec("convnextv2@convnextv2_tiny", depths=[1, 2, 1, 1], channels=[8, 16, 24, 32]),
        (2, 3, 64, 40),
        normed=False,
    ),
    # The first stage has several windows, the second has one in its rows or none to shift at all.
    "swin": Case(
        narrow_swin,
        spec("swin", depths=[2, 2], heads=[1, 2], channels=8, window=3, drop_path=0.0),
        (2, 3, 41, 20),
        normed=False,
    ),
    "maxvit": Case(
        narrow_maxvit,
        spec("maxvit", image_size=32, stem=8, channels=[8, 16], depths=[2, 1], head_dim=4, window=2, drop_path=0.0),
        (2, 3, 32, 32),
    ),
    "levit": Case(
        timm_model(
            "levit_128s",
            img_size=80,
            embed_dim=(16, 24, 32),
            key_dim=4,
            num_heads=(2, 3, 4),
            depth=(1, 2, 1),
            num_classes=CLASSES,
        ),
        spec("levit", image_size=80, channels=[16, 24, 32], depths=[1, 2, 1], heads=[2, 3, 4], key_dim=4),
        (4, 3, 80, 80),
    ),
    "regnet": Case(narrow_regnet, spec("regnet", depths=[1, 2], widths=[16, 24]), (2, 3, 33, 24)),
    "inception": Case(
        narrow_network(PUBLISHED["inception_v3"], 16),
        narrow_spec("inception", 16, dropout=0.0),
        (2, 3, 299, 299),
    ),
    "googlenet": Case(
        narrow_network(PUBLISHED["googlenet"], 8),
        narrow_spec("googlenet", 8, dropout=0.0, aux_dropout=0.0),
        (2, 3, 64, 64),
    ),
    "r3d": Case(
        narrow_network(PUBLISHED["r3d_18"], 8),
        spec("r3d", stem=8, planes=[8, 16, 32, 64]),
        (2, 3, 5, 33, 24),
    ),
}


@pytest.mark.parity("outputs", "gradients")
@pytest.mark.parametrize(
    ("name", "training"),
    [
        pytest.param(name, training, marks=[pytest.mark.slow] * (name in ("inception", "googlenet") and not training))
        for name, case in CASES.items()
        for training in ((False, True) if case.normed else (False,))
    ],
)
def test_outputs_and_input_gradients(name: str, training: bool) -> None:
    case = CASES[name]
    assert_equal_networks(case.graph(), case.published, case.shape, training=training)


PROVED_IN_PARTS = ("inception", "r3d", "googlenet")
"""Their blocks and operations are proved by themselves; files of whole networks with them are slow."""


@pytest.mark.parity("file")
@pytest.mark.parametrize("name", with_slow(CASES, PROVED_IN_PARTS))
def test_the_file_is_proved_equal(name: str, tmp_path: Path) -> None:
    found = ag.to_onnx(ag.to_torch(CASES[name].graph()), tmp_path / "network.onnx", profile="cpu")
    assert found.certificate is not None

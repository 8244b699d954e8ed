"""Networks of several branches: keys, outputs, input gradients and training mode equal timm's and torchvision's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import references
import torch
from published_parity import Network, Ordered, assert_equal_networks, assert_same_keys
from sampling_of_cases import with_slow

import archgraph as ag


def timm_model(name: str, **config: Any) -> torch.nn.Module:
    return references.timm().create_model(name, **config)


def deeplab(name: str) -> torch.nn.Module:
    models = references.torchvision().models.segmentation
    return getattr(models, name)(weights=None, weights_backbone=None, aux_loss=True)


PUBLISHED: dict[str, Network] = {
    **{name: lambda name=name: timm_model(name) for name in ("hrnet_w18", "hrnet_w32", "hrnet_w48")},
    **{name: lambda name=name: timm_model(name) for name in ("res2net50_26w_4s", "res2net101_26w_4s")},
    **{name: lambda name=name: timm_model(name) for name in ("res2net50_26w_6s", "res2net50_48w_2s")},
    **{name: lambda name=name: deeplab(name) for name in ("deeplabv3_resnet50", "deeplabv3_resnet101")},
    **{
        name: lambda name=name: getattr(references.torchvision().models, name)(weights=None)
        for name in (f"efficientnet_b{number}" for number in range(5))
    },
}


LIKE_ANOTHER = {
    *("hrnet_w32", "hrnet_w48", "res2net101_26w_4s", "res2net50_26w_6s", "deeplabv3_resnet101"),
    *("efficientnet_b1", "efficientnet_b2", "efficientnet_b3"),
}
"""What differs from the others in numbers: loading it holds its number of parameters against the published one."""


@pytest.mark.parity("keys")
@pytest.mark.parametrize("name", with_slow(PUBLISHED, LIKE_ANOTHER))
def test_keys_and_shapes_in_order(name: str) -> None:
    assert_same_keys(name, PUBLISHED[name])


def narrow_hrnet() -> torch.nn.Module:
    stages = {
        f"stage{at}": {
            "num_modules": (1, 1, 2, 1)[at - 1],
            "num_branches": at,
            "block_type": "BOTTLENECK" if at == 1 else "BASIC",
            "num_blocks": (1,) * at,
            "num_channels": (64,) if at == 1 else tuple(8 * 2**branch for branch in range(at)),
            "fuse_method": "SUM",
        }
        for at in range(1, 5)
    }
    return references.timm().models.hrnet.HighResolutionNet({"stem_width": 64, **stages}, num_classes=7)


def narrow_efficientnet() -> torch.nn.Module:
    module = references.torchvision().models.efficientnet
    setting = [
        module.MBConvConfig(1, 3, 1, 32, 16, 1, 1.0, 1.0),
        module.MBConvConfig(6, 5, 2, 16, 24, 2, 1.0, 1.0),
        module.MBConvConfig(6, 3, 1, 24, 24, 1, 1.0, 1.0),
    ]
    return module.EfficientNet(setting, dropout=0.0, stochastic_depth_prob=0.0, num_classes=7)


def narrow_deeplab() -> torch.nn.Module:
    torchvision = references.torchvision()
    models = torchvision.models
    backbone = models.resnet.ResNet(
        models.resnet.Bottleneck, [1, 1, 2, 1], replace_stride_with_dilation=[False, True, True]
    )
    build = models.segmentation.deeplabv3._deeplabv3_resnet
    return Ordered(build(backbone, 7, True))


NARROW: dict[str, tuple[Network, str, dict[str, Any], tuple[int, int]]] = {
    "hrnet": (narrow_hrnet, "hrnet", {"width": 8, "exchanges": [1, 2, 1], "depth": 1, "layers": 1}, (32, 64)),
    "res2net": (
        lambda: timm_model("res2net50_26w_4s", layers=[1, 2, 1, 1], num_classes=7),
        "res2net",
        {"depths": [1, 2, 1, 1]},
        (40, 33),
    ),
    "efficientnet": (
        narrow_efficientnet,
        "efficientnet",
        {
            "expand": [1, 6, 6],
            "kernels": [3, 5, 3],
            "strides": [1, 2, 1],
            "channels": [16, 24, 24],
            "depths": [1, 2, 1],
            "dropout": 0.0,
            "drop_path": 0.0,
        },
        (40, 33),
    ),
    "deeplabv3": (narrow_deeplab, "deeplabv3", {"depths": [1, 1, 2, 1], "classes": 7}, (33, 24)),
}


LARGE = ("hrnet", "deeplabv3")
"""Networks that hold many of the same blocks: in training only, where batch norms compute both ways."""


@pytest.mark.parity("outputs", "gradients")
@pytest.mark.parametrize(
    ("name", "training"),
    [
        pytest.param(name, training, marks=[pytest.mark.slow] * (name in LARGE and not training))
        for name in NARROW
        for training in (False, True)
    ],
)
def test_outputs_and_input_gradients(name: str, training: bool) -> None:
    build, spec, params, size = NARROW[name]
    graph = ag.load(spec, **{"classes": 7, **params})
    assert_equal_networks(graph, build, (2, 3, *size), training=training)


@pytest.mark.parity("file")
@pytest.mark.parametrize("name", with_slow(NARROW, (*LARGE, "res2net")))
def test_the_file_is_proved_equal(name: str, tmp_path: Path) -> None:
    _, spec, params, _ = NARROW[name]
    module = ag.to_torch(ag.load(spec, **{"classes": 7, **params}))
    found = ag.to_onnx(module, tmp_path / f"{name}.onnx", profile="cpu")
    assert found.certificate is not None

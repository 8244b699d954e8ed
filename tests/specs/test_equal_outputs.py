"""Outputs equal those of the published implementations, on narrow variants with random weights and norm statistics."""

from __future__ import annotations

from typing import Any

import pytest
import references
import torch

import archgraph as ag

SMALL = torch.Generator().manual_seed(7)


def assert_equal_outputs(graph: Any, reference: torch.nn.Module, *inputs: torch.Tensor) -> None:
    """Strict loading of the reference's state dict, then equal outputs in evaluation mode."""
    references.randomised(reference)
    model = ag.to_torch(graph)
    model.load_state_dict(reference.state_dict(), strict=True)
    model.eval()
    with torch.no_grad():
        want = reference(*inputs)
        want = want.sample if hasattr(want, "sample") else want
        got = model(*inputs)
    assert got.shape == want.shape
    torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4 * float(want.abs().max()))


def image(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=SMALL)


RESNETS = {
    "basic": ({"block": "basic", "depths": [1, 2, 1, 1]}, "BasicBlock", [1, 2, 1, 1], {}),
    "bottleneck": ({"block": "bottleneck", "depths": [1, 2, 1, 1]}, "Bottleneck", [1, 2, 1, 1], {}),
    "resnext": (
        {"block": "bottleneck", "depths": [1, 1, 1, 1], "groups": 4, "base_width": 8},
        "Bottleneck",
        [1, 1, 1, 1],
        {"groups": 4, "width_per_group": 8},
    ),
    "dilated": (
        {"block": "bottleneck", "depths": [1, 1, 2, 2], "dilate": [False, True, True]},
        "Bottleneck",
        [1, 1, 2, 2],
        {"replace_stride_with_dilation": [False, True, True]},
    ),
}


@pytest.mark.parametrize("name", RESNETS)
def test_resnet(name: str) -> None:
    ours, block, depths, theirs = RESNETS[name]
    models = references.torchvision().models.resnet
    reference = models.ResNet(getattr(models, block), depths, num_classes=10, **theirs)
    assert_equal_outputs(ag.load("resnet", classes=10, **ours), reference, image(2, 3, 65, 48))


def test_vit() -> None:
    models = references.torchvision().models
    reference = models.VisionTransformer(
        image_size=32, patch_size=8, num_layers=2, num_heads=4, hidden_dim=32, mlp_dim=48, num_classes=10
    )
    graph = ag.load("vit", image_size=32, patch=8, dim=32, depth=2, heads=4, mlp_dim=48, classes=10)
    assert_equal_outputs(graph, reference, image(2, 3, 32, 32))


def test_convnext() -> None:
    models = references.torchvision().models.convnext
    channels, depths = [8, 16, 24, 32], [1, 2, 1, 1]
    setting = [
        models.CNBlockConfig(c, after, n) for c, after, n in zip(channels, [*channels[1:], None], depths, strict=True)
    ]
    reference = models.ConvNeXt(setting, stochastic_depth_prob=0.1, num_classes=10)
    graph = ag.load("convnext", channels=channels, depths=depths, classes=10)
    assert_equal_outputs(graph, reference, image(2, 3, 64, 40))


def test_densenet() -> None:
    models = references.torchvision().models
    reference = models.DenseNet(8, (2, 3, 2), 16, bn_size=2, num_classes=10)
    graph = ag.load("densenet", growth=8, depths=[2, 3, 2], init_features=16, bn_size=2, classes=10)
    assert_equal_outputs(graph, reference, image(2, 3, 40, 56))


def test_mobilenet() -> None:
    models = references.torchvision().models
    setting = [[1, 16, 1, 1], [4, 24, 2, 2], [6, 32, 2, 1]]
    reference = models.MobileNetV2(num_classes=10, inverted_residual_setting=setting)
    columns = [list(column) for column in zip(*setting, strict=True)]
    graph = ag.load(
        "mobilenet", expand=columns[0], channels=columns[1], depths=columns[2], strides=columns[3], classes=10
    )
    assert_equal_outputs(graph, reference, image(2, 3, 33, 48))


@pytest.mark.parametrize("size", [16, 24])
def test_ddpm(size: int) -> None:
    config = references.DDPM_CIFAR10 | {"block_out_channels": (32, 64, 64, 64), "sample_size": size}
    reference = references.unet2d(**config)
    graph = ag.load("ddpm", preset="cifar10", channels=[32, 64, 64, 64])
    assert_equal_outputs(graph, reference, image(2, 3, size, size), torch.tensor([3, 941]))


def test_ddpm_celebahq_attention_is_on_the_published_level() -> None:
    config = references.DDPM_CELEBAHQ256 | {"block_out_channels": (32, 32, 32, 32, 64, 64), "sample_size": 32}
    reference = references.unet2d(**config)
    graph = ag.load("ddpm", preset="celebahq256", channels=[32, 32, 32, 32, 64, 64])
    assert_equal_outputs(graph, reference, image(1, 3, 32, 64), torch.tensor([500]))

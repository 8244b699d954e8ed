"""Outputs, gradients and norm statistics equal those of the published implementations, on narrow variants with random
weights and norm statistics."""

from __future__ import annotations

from typing import Any

import pytest
import references
import torch
from parity import assert_equal_runs
from published_parity import assert_equal_networks

import archgraph as ag

pytestmark = pytest.mark.parity("outputs", "gradients")
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


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", RESNETS)
def test_resnet(name: str, training: bool) -> None:
    ours, block, depths, theirs = RESNETS[name]
    models = references.torchvision().models.resnet
    graph = ag.load("resnet", classes=10, **ours)
    assert_equal_networks(
        graph,
        lambda: models.ResNet(getattr(models, block), depths, num_classes=10, **theirs),
        (2, 3, 65, 48),
        training=training,
    )


def test_vit() -> None:
    config = {"image_size": 32, "num_layers": 2, "num_heads": 4, "hidden_dim": 32, "mlp_dim": 48, "num_classes": 10}
    graph = ag.load("vit", image_size=32, patch=8, dim=32, depth=2, heads=4, mlp_dim=48, classes=10)
    models = references.torchvision().models
    assert_equal_networks(graph, lambda: models.VisionTransformer(patch_size=8, **config), (2, 3, 32, 32))


def test_convnext() -> None:
    models = references.torchvision().models.convnext
    channels, depths = [8, 16, 24, 32], [1, 2, 1, 1]
    setting = [
        models.CNBlockConfig(c, after, n) for c, after, n in zip(channels, [*channels[1:], None], depths, strict=True)
    ]
    graph = ag.load("convnext", channels=channels, depths=depths, classes=10)
    build = lambda: models.ConvNeXt(setting, stochastic_depth_prob=0.1, num_classes=10)  # noqa: E731
    assert_equal_networks(graph, build, (2, 3, 64, 40))


@pytest.mark.parametrize("training", [False, True])
def test_densenet(training: bool) -> None:
    models = references.torchvision().models
    graph = ag.load("densenet", growth=8, depths=[2, 3, 2], init_features=16, bn_size=2, classes=10)
    build = lambda: models.DenseNet(8, (2, 3, 2), 16, bn_size=2, num_classes=10)  # noqa: E731
    assert_equal_networks(graph, build, (2, 3, 40, 56), training=training)


@pytest.mark.parametrize("training", [False, True])
def test_mobilenet(training: bool) -> None:
    models = references.torchvision().models
    setting = [[1, 16, 1, 1], [4, 24, 2, 2], [6, 32, 2, 1]]
    columns = [list(column) for column in zip(*setting, strict=True)]
    graph = ag.load(
        "mobilenet", expand=columns[0], channels=columns[1], depths=columns[2], strides=columns[3], classes=10
    )
    build = lambda: models.MobileNetV2(num_classes=10, inverted_residual_setting=setting)  # noqa: E731
    assert_equal_networks(graph, build, (2, 3, 33, 48), training=training)


def assert_equal_denoisers(graph: Any, shape: tuple[int, ...], timestep: torch.Tensor, **config: Any) -> None:
    """diffusers' U-Net next to the spec of the same configuration."""
    reference = references.randomised(references.unet2d(**config))
    model = ag.to_torch(graph).eval()
    model.load_state_dict(reference.state_dict(), strict=True)
    assert_equal_runs(model, Unwrapped(reference), [shape], timestep)


class Unwrapped(torch.nn.Module):
    """A network of diffusers that gives its sample alone, under the same keys."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        for name, child in network.named_children():
            self.add_module(name, child)
        object.__setattr__(self, "network", network)

    def forward(self, sample: torch.Tensor, timestep: torch.Tensor) -> Any:
        return self.network(sample, timestep).sample  # type: ignore[operator, union-attr]


@pytest.mark.parametrize("size", [16, 24])
def test_ddpm(size: int) -> None:
    graph = ag.load("ddpm", preset="cifar10", channels=[32, 64, 64, 64])
    config = references.DDPM_CIFAR10 | {"block_out_channels": (32, 64, 64, 64), "sample_size": size}
    assert_equal_denoisers(graph, (2, 3, size, size), torch.tensor([3, 941]), **config)


def test_ddpm_celebahq_attention_is_on_the_published_level() -> None:
    graph = ag.load("ddpm", preset="celebahq256", channels=[32, 32, 32, 32, 64, 64])
    config = references.DDPM_CELEBAHQ256 | {"block_out_channels": (32, 32, 32, 32, 64, 64), "sample_size": 32}
    assert_equal_denoisers(graph, (1, 3, 32, 64), torch.tensor([500]), **config)


def test_latent_diffusion_without_conditions() -> None:
    graph = ag.load("ldm_unet", channels=[32, 64, 64, 96])
    config = references.LDM_CELEBAHQ256 | {"block_out_channels": (32, 64, 64, 96), "sample_size": 16}
    assert_equal_denoisers(graph, (2, 3, 16, 16), torch.tensor([3, 941]), **config)

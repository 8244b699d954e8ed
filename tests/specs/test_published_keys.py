"""Keys and shapes, in torch's order, equal those of the published implementations at full size."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import references
import torch
from sampling_of_cases import with_slow
from shipped_graphs import shipped

import archgraph as ag
from archgraph.graph import parameter_count, weights

TORCHVISION = [
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "resnext50_32x4d",
    "resnext101_32x8d",
    "resnext101_64x4d",
    "wide_resnet50_2",
    "wide_resnet101_2",
    "vit_b_16",
    "vit_b_32",
    "vit_l_16",
    "convnext_tiny",
    "convnext_small",
    "convnext_base",
    "densenet121",
    "densenet169",
    "densenet201",
    "mobilenet_v2",
]
LIKE_ANOTHER = {
    *("resnet34", "resnet101", "resnet152", "resnext101_32x8d", "resnext101_64x4d", "wide_resnet101_2"),
    *("vit_b_32", "vit_l_16", "convnext_small", "convnext_base", "densenet169", "densenet201"),
}
"""What differs from the others in numbers: loading it holds its number of parameters against the published one."""


def on_meta(build: Callable[[], torch.nn.Module]) -> torch.nn.Module:
    with torch.device("meta"):
        return build()


def assert_same_keys(name: str, reference: torch.nn.Module) -> None:
    ours = [(item.key, item.weight.shape) for item in weights(shipped(name))]
    theirs = [(key, tuple(tensor.shape)) for key, tensor in reference.state_dict().items()]
    assert ours == theirs


@pytest.mark.parity("keys")
@pytest.mark.parametrize("name", with_slow(TORCHVISION, LIKE_ANOTHER))
def test_keys_equal_torchvision(name: str) -> None:
    models = references.torchvision().models
    kwargs = {"init_weights": False} if name.startswith(("googlenet", "inception")) else {}
    assert_same_keys(name, on_meta(lambda: getattr(models, name)(weights=None, **kwargs)))


@pytest.mark.parity("keys")
@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("ddpm@cifar10", references.DDPM_CIFAR10),
        ("ddpm@celebahq256", references.DDPM_CELEBAHQ256),
        ("ddpm@church256", references.DDPM_CELEBAHQ256),
        ("ddpm@bedroom256", references.DDPM_CELEBAHQ256),
        ("ldm_unet@ldm_celebahq256", references.LDM_CELEBAHQ256),
    ],
)
def test_keys_equal_diffusers(name: str, config: dict[str, object]) -> None:
    assert_same_keys(name, on_meta(lambda: references.unet2d(**config)))


def test_dilation_in_place_of_stride_equals_torchvision() -> None:
    reference = on_meta(
        lambda: references.torchvision().models.resnet50(replace_stride_with_dilation=[False, True, True])
    )
    graph = ag.load("resnet50", dilate=[False, True, True])
    assert [item.key for item in weights(graph)] == list(reference.state_dict())
    dilations = {path: module.dilation for path, module in reference.named_modules() if hasattr(module, "dilation")}
    ours = {p.path: p.node.op.dilation for p in ag.graph.walk(graph) if p.node.op.name == "conv2d"}
    assert ours == {path: value for path, value in dilations.items() if path in ours}


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("resnet50", 25_557_032), ("ddpm@cifar10", 35_746_307), ("ddpm@celebahq256", 113_673_219)],
)
def test_published_parameter_counts(name: str, parameters: int) -> None:
    assert parameter_count(shipped(name)) == parameters

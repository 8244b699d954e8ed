"""The standard blocks of convolutional networks against torchvision, timm, and modules written from the papers."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
import references
import torch
from block_parity import Parity, assert_parity, assert_proved
from torch import Tensor, nn
from yolov8_reference import C2f, Sppf

import archgraph as ag

IMAGE = (2, 16, 9, 6)


def vision(module: str) -> Any:
    references.torchvision()
    return importlib.import_module(f"torchvision.{module}")


def layers(module: str) -> Any:
    return importlib.import_module(f"{references.timm().__name__}.layers.{module}")


def conv_norm_activation(**options: Any) -> nn.Module:
    return vision("ops.misc").Conv2dNormActivation(16, 12, **options)


def mbconv(stride: int, expand: float, out: int) -> nn.Module:
    module = vision("models.efficientnet")
    return module.MBConv(module.MBConvConfig(expand, 3, stride, 16, out, 1, 1.0, 1.0), 0.0, nn.BatchNorm2d)


def fused_mbconv(stride: int, expand: float, out: int) -> nn.Module:
    module = vision("models.efficientnet")
    return module.FusedMBConv(module.FusedMBConvConfig(expand, 3, stride, 16, out, 1), 0.0, nn.BatchNorm2d)


def mobilenet_v3(out: int, weighs: bool) -> nn.Module:
    module = vision("models.mobilenetv3")
    setting = module.InvertedResidualConfig(16, 5, 40, out, weighs, "HS", 1, 1, 1.0)
    return module.InvertedResidual(setting, nn.BatchNorm2d)


class Pyramid(nn.Module):
    """torchvision's pyramid over a list of maps."""

    def __init__(self) -> None:
        super().__init__()
        pyramid = vision("ops").FeaturePyramidNetwork([8, 12, 16], 10)
        self.inner_blocks, self.layer_blocks = pyramid.inner_blocks, pyramid.layer_blocks
        object.__setattr__(self, "pyramid", pyramid)

    def forward(self, *maps: Tensor) -> list[Tensor]:
        return list(self.pyramid({str(at): value for at, value in enumerate(maps)}).values())  # type: ignore[operator]


class PyramidPooling(nn.Module):
    """Zhao et al. 2017, section 3.2."""

    def __init__(self, channels: int, reduced: int, bins: tuple[int, ...]) -> None:
        super().__init__()
        self.features = nn.ModuleList(
            nn.Sequential(
                nn.AdaptiveAvgPool2d(size),
                nn.Conv2d(channels, reduced, 1, bias=False),
                nn.BatchNorm2d(reduced),
                nn.ReLU(),
            )
            for size in bins
        )

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[2:]
        grown = [nn.functional.interpolate(f(x), size, mode="bilinear", align_corners=True) for f in self.features]
        return torch.cat([x, *grown], 1)


class Same(nn.Module):
    """What timm pads before a convolution that is `same`."""

    def __init__(self, kernel: int, stride: int) -> None:
        super().__init__()
        self.sizes = ((kernel, kernel), (stride, stride))

    def forward(self, x: Tensor) -> Tensor:
        padded: Tensor = layers("padding").pad_same(x, *self.sizes)
        return padded


HARD = {"activation": "hardswish", "squeeze_activation": "relu", "scale_activation": "hardsigmoid"}
CASES = {
    "squeeze_excitation": Parity(
        "squeeze_excitation",
        {"squeeze_channels": 4, "activation": "silu", "scale_activation": "hardsigmoid"},
        lambda: vision("ops").SqueezeExcitation(16, 4, nn.SiLU, nn.Hardsigmoid),
        [IMAGE],
    ),
    "squeeze_excitation by default": Parity(
        "squeeze_excitation", {}, lambda: vision("ops").SqueezeExcitation(64, 4), [(2, 64, 3, 5)]
    ),
    "same_pad": Parity("same_pad", {}, lambda: Same(3, 2), [(2, 4, 9, 8)]),
    "same_pad of a larger stride": Parity(
        "same_pad", {"kernel_size": 7, "stride": 4}, lambda: Same(7, 4), [(2, 4, 10, 7)]
    ),
    "standardized_conv2d": Parity(
        "standardized_conv2d",
        {"out_channels": 12, "stride": 2, "groups": 4, "eps": 1e-8},
        lambda: layers("std_conv").StdConv2d(16, 12, 3, stride=2, groups=4, eps=1e-8),
        [IMAGE],
    ),
    "standardized_conv2d that is scaled": Parity(
        "standardized_conv2d",
        {"out_channels": 12, "kernel_size": 5, "scaled": True, "gamma": 1.7, "eps": 1e-5},
        lambda: layers("std_conv").ScaledStdConv2d(16, 12, 5, gamma=1.7, eps=1e-5),
        [IMAGE],
    ),
    "eca": Parity("eca", {}, lambda: layers("eca").EcaModule(128), [(2, 128, 4, 3)]),
    "eca of few channels": Parity("eca", {}, lambda: layers("eca").EcaModule(4), [(2, 4, 4, 3)]),
    "cbam": Parity("cbam", {}, lambda: layers("cbam").CbamModule(64), [(2, 64, 9, 8)]),
    "conv_norm_activation": Parity(
        "conv_norm_activation",
        {"out_channels": 12, "kernel_size": 5, "stride": 2, "groups": 4, "activation": "relu6"},
        lambda: conv_norm_activation(kernel_size=5, stride=2, groups=4, activation_layer=nn.ReLU6),
        [IMAGE],
    ),
    "conv_norm_activation without a norm": Parity(
        "conv_norm_activation",
        {"out_channels": 12, "norm": None, "activation": None, "dilation": 2},
        lambda: conv_norm_activation(norm_layer=None, activation_layer=None, dilation=2),
        [IMAGE],
    ),
    "conv_norm_act": Parity(
        "conv_norm_act",
        {"out_channels": 12, "kernel_size": 3, "stride": 2, "activation": {"op": "leaky_relu", "negative_slope": 0.1}},
        lambda: layers("conv_bn_act").ConvNormAct(
            16, 12, 3, stride=2, act_layer=nn.LeakyReLU, act_kwargs={"negative_slope": 0.1}, norm_kwargs={}
        ),
        [IMAGE],
    ),
    "inverted_residual": Parity(
        "inverted_residual",
        {"out_channels": 16},
        lambda: vision("models.mobilenetv2").InvertedResidual(16, 16, 1, 6),
        [IMAGE],
    ),
    "inverted_residual that changes the size": Parity(
        "inverted_residual",
        {"out_channels": 16, "expand_ratio": 1, "stride": 2},
        lambda: vision("models.mobilenetv2").InvertedResidual(16, 16, 2, 1),
        [IMAGE],
    ),
    "mbconv": Parity("mbconv", {"out_channels": 16, "drop_path": 0.0}, lambda: mbconv(1, 6, 16), [IMAGE]),
    "mbconv without expansion": Parity(
        "mbconv", {"out_channels": 24, "expand_ratio": 1, "stride": 2}, lambda: mbconv(2, 1, 24), [IMAGE]
    ),
    "mbconv of MobileNetV3": Parity(
        "mbconv",
        {"out_channels": 16, "kernel_size": 5, "hidden": 40, "squeeze_channels": 16, **HARD},
        lambda: mobilenet_v3(16, True),
        [IMAGE],
    ),
    "mbconv of MobileNetV3 without squeeze-and-excitation": Parity(
        "mbconv",
        {"out_channels": 24, "kernel_size": 5, "hidden": 40, "squeeze_channels": 0, "activation": "hardswish"},
        lambda: mobilenet_v3(24, False),
        [IMAGE],
    ),
    "fused_mbconv": Parity("fused_mbconv", {"out_channels": 16}, lambda: fused_mbconv(1, 4, 16), [IMAGE]),
    "fused_mbconv without expansion": Parity(
        "fused_mbconv", {"out_channels": 20, "expand_ratio": 1, "stride": 2}, lambda: fused_mbconv(2, 1, 20), [IMAGE]
    ),
    "dense_block": Parity(
        "dense_block",
        {"num_layers": 3, "growth_rate": 4, "bn_size": 2},
        lambda: vision("models.densenet")._DenseBlock(3, 16, 2, 4, 0.0),
        [IMAGE],
    ),
    "inception": Parity(
        "inception",
        {"ch1x1": 8, "ch3x3red": 4, "ch3x3": 5, "ch5x5red": 6, "ch5x5": 7, "pool_proj": 9},
        lambda: vision("models.googlenet").Inception(16, 8, 4, 5, 6, 7, 9),
        [IMAGE],
    ),
    "aspp": Parity(
        "aspp",
        {"atrous_rates": [2, 3], "out_channels": 8},
        lambda: vision("models.segmentation.deeplabv3").ASPP(16, [2, 3], 8),
        [IMAGE],
    ),
    "ppm": Parity("ppm", {"bins": [1, 2, 3]}, lambda: PyramidPooling(16, 5, (1, 2, 3)), [(2, 16, 12, 6)]),
    "fpn": Parity(
        "fpn",
        {"in_channels": [8, 12, 16], "out_channels": 10},
        Pyramid,
        [(2, 8, 13, 12), (2, 12, 7, 6), (2, 16, 4, 3)],
        ports={"x": ["x0", "x1", "x2"]},
    ),
    "c2f": Parity("c2f", {"out_channels": 12, "n": 2, "shortcut": True}, lambda: C2f(16, 12, 2, True), [IMAGE]),
    "c2f without shortcut": Parity("c2f", {}, lambda: C2f(16, 16, 1, False), [IMAGE]),
    "sppf": Parity("sppf", {"out_channels": 12}, lambda: Sppf(16, 12), [IMAGE]),
}


@pytest.mark.parametrize("name", CASES)
def test_equals_the_reference(name: str, tmp_path: Path) -> None:
    assert_parity(CASES[name])
    if name == CASES[name].op:
        assert_proved(CASES[name], tmp_path)


def test_the_gradient_of_an_empty_image_is_timms() -> None:
    """The norm of zeros has the gradient 0 in torch; that of a root of a sum would be no number."""
    reference = references.randomised(layers("grn").GlobalResponseNorm(3, channels_last=False))
    nodes = {"y": {"op": "global_response_norm", "path": "."}}
    model = ag.to_torch(
        ag.load({"archgraph": 1, "name": "single", "inputs": {"x": ["N", 3, "H", "W"]}, "nodes": nodes})
    )
    model.load_state_dict(reference.state_dict(), strict=True)
    gradients = []
    for module in (model, reference):
        image = torch.zeros(1, 3, 2, 2, requires_grad=True)
        module(image).sum().backward()
        gradients.append(image.grad)
    torch.testing.assert_close(*gradients)

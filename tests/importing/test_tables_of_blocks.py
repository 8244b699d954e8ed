"""Networks of a table, as MobileNetV3: blocks whose plain sequences differ in activations and optional layers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import archgraph as ag


class HardSigmoid(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU6()

    def forward(self, x: Tensor) -> Any:
        return self.relu(x + 3) / 6


class HardSwish(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.sigmoid = HardSigmoid()

    def forward(self, x: Tensor) -> Any:
        return x * self.sigmoid(x)


class Excitation(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Sequential(nn.Conv2d(channels, channels // 4, 1), nn.ReLU(), nn.Conv2d(channels // 4, channels, 1))
        self.gate = HardSigmoid()

    def forward(self, x: Tensor) -> Any:
        return x * self.gate(self.fc(self.pool(x)))


class InvertedResidual(nn.Module):
    """Sandler et al. 2018, with the options of Howard et al. 2019."""

    def __init__(self, inp: int, hidden: int, out: int, kernel: int, stride: int, use_se: bool, swish: bool) -> None:
        super().__init__()
        self.identity = stride == 1 and inp == out
        activation = HardSwish if swish else nn.ReLU
        self.conv = nn.Sequential(
            nn.Conv2d(inp, hidden, 1, bias=False),
            nn.BatchNorm2d(hidden),
            activation(),
            nn.Conv2d(hidden, hidden, kernel, stride, kernel // 2, groups=hidden, bias=False),
            nn.BatchNorm2d(hidden),
            Excitation(hidden) if use_se else nn.Identity(),
            activation(),
            nn.Conv2d(hidden, out, 1, bias=False),
            nn.BatchNorm2d(out),
        )

    def forward(self, x: Tensor) -> Any:
        return x + self.conv(x) if self.identity else self.conv(x)


class MobileNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1),
            InvertedResidual(8, 16, 12, 3, 2, False, False),
            InvertedResidual(12, 20, 12, 3, 1, False, False),
            InvertedResidual(12, 24, 40, 5, 2, True, True),
            InvertedResidual(40, 28, 40, 5, 1, True, True),
            InvertedResidual(40, 32, 40, 5, 1, True, True),
        )

    def forward(self, x: Tensor) -> Any:
        return self.features(x)


def test_a_table_of_blocks_is_one_block() -> None:
    """There were a block for each activation, with excitation and without, with a residual sum and without."""
    written = ag.from_torch(MobileNet, {"x": "N,3,H,W"}, name="mobilenet").info.written
    assert list(written["blocks"]) == ["inverted_residual"]
    block = written["blocks"]["inverted_residual"]
    options = {"kernel": 5, "activation": "hardswish", "stride": 1, "use_se": False}
    assert block["params"] == {"hidden": "int", "out": "int", **options}
    steps = block["nodes"]["conv"]["nodes"]
    assert [steps["2"], steps["6"]] == ["=activation"] * 2
    assert (steps["3"]["padding"], steps["5"]["when"]) == ("=kernel // 2", "=use_se")
    assert block["nodes"]["add"] == {"op": "add", "in": ["conv", "x"], "when": "=stride == 1 and C == out"}


class Written(nn.Module):
    """Activations in full, and two that only look like them."""

    def forward(self, x: Tensor) -> Any:
        silu = x * torch.sigmoid(x)
        mish = silu * torch.tanh(functional.softplus(silu))
        hard = functional.relu6(mish + 3) * (1 / 6)
        swish = hard * functional.relu6(hard + 3.0) / 6.0
        bounded = swish * torch.clamp(swish + 3, 0, 6) / 6
        gate = bounded * torch.sigmoid(x)
        return gate * functional.relu6(gate + 2) / 6


def test_activations_in_full_are_operations() -> None:
    nodes = ag.from_torch(Written(), {"x": "N,L"}).info.written["nodes"]
    words = [node if isinstance(node, str) else node["op"] for node in nodes.values()]
    known = ["silu", "mish", "hardsigmoid", "hardswish", "hardswish"]
    assert words == [*known, "sigmoid", "mul", "add", "relu6", "mul", "div"]


@pytest.mark.parametrize("beta", [1.0, 2.0])
def test_only_the_softplus_of_mish_is_part_of_it(beta: float) -> None:
    class Mish(nn.Module):
        def forward(self, x: Tensor) -> Any:
            return x * functional.softplus(x, beta=beta).tanh()

    nodes = ag.from_torch(Mish(), {"x": "N,L"}, name="activation").info.written["nodes"]
    assert ("mish" in nodes) is (beta == 1.0)

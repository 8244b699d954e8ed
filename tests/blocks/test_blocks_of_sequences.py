"""The standard blocks of transformers and audio networks against timm, and modules written from the papers."""

from __future__ import annotations

import importlib
import math
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import references
import torch
from block_parity import Parity, assert_parity, assert_proved
from torch import Tensor, nn
from torch.nn import functional as F

SIGNAL = (2, 6, 11)
Normed = Callable[[nn.Conv1d], nn.Conv1d]
OLD = {"parametrize": False}


class SwiGLU(nn.Module):
    """Shazeer 2020, equation 6, under LLaMA's names."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(width, hidden, bias=False)
        self.up_proj = nn.Linear(width, hidden, bias=False)
        self.down_proj = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Snake(nn.Module):
    """Ziyin et al. 2020, equation 3."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.sin(self.alpha * x) ** 2 / (self.alpha + 1e-9)


def old_weight_norm(made: nn.Conv1d) -> nn.Conv1d:
    """Weight norm as the authors' code has it; torch warns that there is a newer form, of other keys."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return nn.utils.weight_norm(made)


def plain(made: nn.Conv1d) -> nn.Conv1d:
    return made


class ResidualUnit(nn.Module):
    """Kumar et al. 2023, section 3.1 and appendix A."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        wide = old_weight_norm(nn.Conv1d(width, width, 7, padding=3 * dilation, dilation=dilation))
        point = old_weight_norm(nn.Conv1d(width, width, 1))
        self.block = nn.Sequential(Snake(width), wide, Snake(width), point)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.block(x)


class WaveNet(nn.Module):
    """Van den Oord et al. 2016, figure 4 and equation 3; the causal convolution cuts what it padded behind."""

    def __init__(self, width: int, skip: int, dilation: int, condition: int = 0, normed: Normed = plain) -> None:
        super().__init__()
        self.conv = normed(nn.Conv1d(width, 2 * width, 3, padding=2 * dilation, dilation=dilation))
        if condition:
            self.conv1x1c = normed(nn.Conv1d(condition, 2 * width, 1, bias=False))
        self.conv1x1_out, self.conv1x1_skip = normed(nn.Conv1d(width, width, 1)), normed(nn.Conv1d(width, skip, 1))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        found = self.conv(x)[..., : x.shape[-1]]
        if condition is not None:
            found = found + self.conv1x1c(condition)
        values, gates = found.chunk(2, 1)
        gated = torch.tanh(values) * torch.sigmoid(gates)
        return x + self.conv1x1_out(gated), self.conv1x1_skip(gated)


class TemporalBlock(nn.Module):
    """Bai et al. 2018, figure 1b."""

    def __init__(self, before: int, after: int, kernel: int, dilation: int, normed: Normed = plain) -> None:
        super().__init__()
        self.reach = (kernel - 1) * dilation
        self.conv1 = normed(nn.Conv1d(before, after, kernel, padding=self.reach, dilation=dilation))
        self.conv2 = normed(nn.Conv1d(after, after, kernel, padding=self.reach, dilation=dilation))
        self.downsample = nn.Conv1d(before, after, 1) if before != after else None

    def forward(self, x: Tensor) -> Tensor:
        found = F.relu(self.conv1(x)[..., : -self.reach])
        found = F.relu(self.conv2(found)[..., : -self.reach])
        return F.relu(found + (x if self.downsample is None else self.downsample(x)))


class FourierFeatures(nn.Module):
    """Tancik et al. 2020, equation 5, with all amplitudes 1."""

    def __init__(self, coordinates: int, features: int) -> None:
        super().__init__()
        self.register_buffer("b", torch.randn(features, coordinates))

    def forward(self, v: Tensor) -> Tensor:
        angles = 2 * math.pi * v @ self.b.T
        return torch.cat([angles.cos(), angles.sin()], -1)


def gated_mlp() -> nn.Module:
    return importlib.import_module(f"{references.timm().__name__}.layers.mlp").GluMlp(6, 20, act_layer=nn.GELU)


CASES = {
    "glu_mlp": Parity("glu_mlp", {"hidden": 10, "activation": "gelu"}, gated_mlp, [(2, 5, 6)], fixed=[-1]),
    "swiglu": Parity("swiglu", {"hidden": 10}, lambda: SwiGLU(6, 10), [(2, 5, 6)], fixed=[-1]),
    "swiglu of four dimensions": Parity("swiglu", {"hidden": 24}, lambda: SwiGLU(6, 24), [(2, 5, 3, 6)], fixed=[-1]),
    "snake": Parity("snake", {}, lambda: Snake(6), [SIGNAL]),
    "wavenet_block": Parity("wavenet_block", {"dilation": 4, "skip_channels": 5}, lambda: WaveNet(6, 5, 4), [SIGNAL]),
    "wavenet_block with a condition": Parity(
        "wavenet_block", {"condition_channels": 3}, lambda: WaveNet(6, 6, 1, 3), [SIGNAL, (2, 3, 11)], fixed=(1, 2)
    ),
    "tcn_block": Parity(
        "tcn_block", {"out_channels": 4, "kernel_size": 3, "dilation": 2}, lambda: TemporalBlock(6, 4, 3, 2), [SIGNAL]
    ),
    "wavenet_block under weight norm": Parity(
        "wavenet_block",
        {"condition_channels": 3, "weight_norm": OLD},
        lambda: WaveNet(6, 6, 1, 3, old_weight_norm),
        [SIGNAL, (2, 3, 11)],
        fixed=(1, 2),
    ),
    "tcn_block under weight norm": Parity(
        "tcn_block",
        {"out_channels": 4, "weight_norm": OLD},
        lambda: TemporalBlock(6, 4, 2, 1, old_weight_norm),
        [SIGNAL],
    ),
    "dac_residual_unit": Parity("dac_residual_unit", {"dilation": 3}, lambda: ResidualUnit(6, 3), [SIGNAL]),
    "tcn_block of equal channels": Parity("tcn_block", {}, lambda: TemporalBlock(6, 6, 2, 1), [SIGNAL]),
    "fourier_features": Parity(
        "fourier_features", {"features": 8}, lambda: FourierFeatures(2, 8), [(2, 5, 2)], fixed=[-1]
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_equals_the_reference(name: str, tmp_path: Path) -> None:
    assert_parity(CASES[name])
    if name == CASES[name].op:
        assert_proved(CASES[name], tmp_path)

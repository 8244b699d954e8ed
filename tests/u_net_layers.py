"""Layers of small U-Nets that tests of imports are made of."""

from __future__ import annotations

from torch import Tensor, nn


class Unit(nn.Module):
    def __init__(self, before: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, channels, 3, padding=1)
        self.skip = nn.Conv2d(before, channels, 1)

    def forward(self, x: Tensor, scale: Tensor) -> Tensor:
        out: Tensor = self.skip(x) + self.conv(x.relu()) * scale
        return out


class Gate(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.proj(x.mean((2, 3), keepdim=True)).sigmoid()

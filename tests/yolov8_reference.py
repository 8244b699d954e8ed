"""YOLOv8, written from its published architecture under the names of Ultralytics."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class Conv(nn.Module):
    """The convolution of YOLOv8."""

    def __init__(self, before: int, after: int, kernel: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, kernel, stride, kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(after, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.silu(self.bn(self.conv(x)))


class Unit(nn.Module):
    """A bottleneck."""

    def __init__(self, channels: int, shortcut: bool) -> None:
        super().__init__()
        self.cv1, self.cv2 = Conv(channels, channels, 3), Conv(channels, channels, 3)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        return self.cv2(self.cv1(x)) + (x if self.shortcut else 0)


class C2f(nn.Module):
    """Units in a row, all of which are joined."""

    def __init__(self, before: int, after: int, n: int, shortcut: bool) -> None:
        super().__init__()
        self.cv1, self.cv2 = Conv(before, after), Conv((2 + n) * (after // 2), after)
        self.m = nn.ModuleList(Unit(after // 2, shortcut) for _ in range(n))

    def forward(self, x: Tensor) -> Tensor:
        parts = list(self.cv1(x).chunk(2, 1))
        for unit in self.m:
            parts.append(unit(parts[-1]))
        return self.cv2(torch.cat(parts, 1))


class Sppf(nn.Module):
    """Three maxima in a row, joined."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.cv1, self.cv2 = Conv(before, before // 2), Conv(before * 2, after)

    def forward(self, x: Tensor) -> Tensor:
        parts = [self.cv1(x)]
        for _ in range(3):
            parts.append(nn.functional.max_pool2d(parts[-1], 5, 1, 2))
        return self.cv2(torch.cat(parts, 1))


class Distances(nn.Module):
    """The mean of a distribution over whole distances (Li et al. 2020, Generalized Focal Loss)."""

    def __init__(self, bins: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(bins, 1, 1, bias=False)
        self.conv.weight.data = torch.arange(bins, dtype=torch.float32).reshape(1, bins, 1, 1)
        self.bins = bins

    def forward(self, x: Tensor) -> Tensor:
        shares = x.reshape(len(x), 4, self.bins, -1).transpose(1, 2).softmax(1)
        return self.conv(shares).reshape(len(x), 4, -1)


class Detect(nn.Module):
    """Boxes as middle, width and height in pixels, and scores."""

    def __init__(self, channels: list[int], classes: int, bins: int = 16) -> None:
        super().__init__()
        sides, scores = max(16, channels[0] // 4, bins * 4), max(channels[0], min(classes, 100))
        self.cv2 = nn.ModuleList(self._branch(width, sides, 4 * bins) for width in channels)
        self.cv3 = nn.ModuleList(self._branch(width, scores, classes) for width in channels)
        self.dfl = Distances(bins)

    def _branch(self, before: int, width: int, after: int) -> nn.Module:
        return nn.Sequential(Conv(before, width, 3), Conv(width, width, 3), nn.Conv2d(width, after, 1))

    def forward(self, maps: list[Tensor]) -> Tensor:
        found = []
        for level, x in enumerate(maps):
            stride, (height, width) = 8 * 2**level, x.shape[2:]
            rows, columns = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
            centre = torch.stack([columns.flatten(), rows.flatten()])
            left_top, right_bottom = self.dfl(self.cv2[level](x).flatten(2)).chunk(2, 1)
            low, high = centre - left_top, centre + right_bottom
            box = torch.cat([(low + high) / 2, high - low], 1) * stride
            found.append(torch.cat([box, self.cv3[level](x).flatten(2).sigmoid()], 1))
        return torch.cat(found, 2)


class YoloV8(nn.Module):
    """The backbone, the pyramid up and down, and the head; `model` is numbered as in yolov8.yaml."""

    def __init__(self, depth: float, width: float, most: int, classes: int = 80) -> None:
        super().__init__()
        w1, w2, w3, w4, w5 = (math.ceil(min(c, most) * width / 8) * 8 for c in (64, 128, 256, 512, 1024))
        few, many = max(1, round(3 * depth)), max(1, round(6 * depth))
        grow = nn.Upsample(scale_factor=2)
        self.model = nn.ModuleList(
            [
                *(Conv(3, w1, 3, 2), Conv(w1, w2, 3, 2), C2f(w2, w2, few, True)),
                *(Conv(w2, w3, 3, 2), C2f(w3, w3, many, True), Conv(w3, w4, 3, 2), C2f(w4, w4, many, True)),
                *(Conv(w4, w5, 3, 2), C2f(w5, w5, few, True), Sppf(w5, w5)),
                *(grow, nn.Identity(), C2f(w5 + w4, w4, few, False)),
                *(grow, nn.Identity(), C2f(w4 + w3, w3, few, False)),
                *(Conv(w3, w3, 3, 2), nn.Identity(), C2f(w3 + w4, w4, few, False)),
                *(Conv(w4, w4, 3, 2), nn.Identity(), C2f(w4 + w5, w5, few, False)),
                Detect([w3, w4, w5], classes),
            ]
        )

    def forward(self, x: Tensor) -> Tensor:
        joined = {11: 6, 14: 4, 17: 12, 20: 9}  # a concatenation, and the layer that it joins
        kept: list[Tensor] = []
        for at, layer in enumerate(self.model[:-1]):
            x = torch.cat([x, kept[joined[at]]], 1) if at in joined else layer(x)
            kept.append(x)
        return self.model[-1]([kept[15], kept[18], kept[21]])

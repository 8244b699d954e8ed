"""The U-Net of Dhariwal and Nichol 2021 (section 3, appendix A), from the paper under the names of guided-diffusion."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Resize(nn.Module):
    """Half the size by means, or double by repetition."""

    def __init__(self, resample: str) -> None:
        super().__init__()
        self.resample = resample

    def forward(self, x: Tensor) -> Tensor:
        if self.resample == "keep":
            return x
        return F.avg_pool2d(x, 2) if self.resample == "halve" else F.interpolate(x, scale_factor=2)


class ResBlock(nn.Module):
    """Adaptive group norm: norm(h) · (1 + scale) + shift."""

    def __init__(self, before: int, after: int, embedding: int, resample: str = "keep") -> None:
        super().__init__()
        self.in_layers = nn.Sequential(nn.GroupNorm(32, before), nn.SiLU(), nn.Conv2d(before, after, 3, padding=1))
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(embedding, 2 * after))
        self.out_layers = nn.Sequential(
            nn.GroupNorm(32, after), nn.SiLU(), nn.Dropout(0.0), nn.Conv2d(after, after, 3, padding=1)
        )
        self.skip_connection = nn.Identity() if before == after else nn.Conv2d(before, after, 1)
        self.resize = Resize(resample)

    def forward(self, x: Tensor, temb: Tensor) -> Tensor:
        norm, act, conv = self.in_layers
        h = conv(self.resize(act(norm(x))))
        scale, shift = self.emb_layers(temb)[..., None, None].chunk(2, 1)
        norm, *rest = self.out_layers
        h = norm(h) * (1 + scale) + shift
        for layer in rest:
            h = layer(h)
        return self.skip_connection(self.resize(x)) + h


class AttentionBlock(nn.Module):
    """Multi-head attention over all places; the order of the 3 · heads parts is one of two."""

    def __init__(self, channels: int, head_channels: int, heads_first: bool) -> None:
        super().__init__()
        self.norm, self.qkv = nn.GroupNorm(32, channels), nn.Conv1d(channels, 3 * channels, 1)
        self.proj_out = nn.Conv1d(channels, channels, 1)
        self.heads, self.heads_first = channels // head_channels, heads_first

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(2)
        size = (self.heads, 3) if self.heads_first else (3, self.heads)
        qkv = self.qkv(self.norm(flat)).unflatten(1, (*size, -1))
        q, k, v = (part.transpose(-1, -2) for part in qkv.unbind(2 if self.heads_first else 1))
        weight = (q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])).softmax(-1)
        return x + self.proj_out((weight @ v).transpose(-1, -2).reshape(flat.shape)).reshape(x.shape)


class Steps(nn.Sequential):
    """Layers of which some take the time."""

    def forward(self, x: Tensor, temb: Tensor) -> Tensor:  # type: ignore[override]
        for layer in self:
            x = layer(x, temb) if isinstance(layer, ResBlock) else layer(x)
        return x


class UNet(nn.Module):
    """The network; `attention` is by level."""

    def __init__(
        self,
        channels: int,
        multipliers: list[int],
        attention: list[bool],
        layers: int,
        head_channels: int,
        heads_first: bool,
        classes: int,
    ) -> None:
        super().__init__()
        embedding = 4 * channels
        self.channels = channels
        self.time_embed = nn.Sequential(nn.Linear(channels, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        if classes:
            self.label_emb = nn.Embedding(classes, embedding)

        def attend(width: int, wanted: bool) -> list[nn.Module]:
            return [AttentionBlock(width, head_channels, heads_first)] * wanted

        width, widths = channels, [channels]
        self.input_blocks = nn.ModuleList([Steps(nn.Conv2d(3, channels, 3, padding=1))])
        for level, (multiple, wanted) in enumerate(zip(multipliers, attention, strict=True)):
            for _ in range(layers):
                block = ResBlock(width, multiple * channels, embedding)
                width = multiple * channels
                self.input_blocks.append(Steps(block, *attend(width, wanted)))
                widths.append(width)
            if level + 1 < len(multipliers):
                self.input_blocks.append(Steps(ResBlock(width, width, embedding, "halve")))
                widths.append(width)
        self.middle_block = Steps(
            ResBlock(width, width, embedding), *attend(width, True), ResBlock(width, width, embedding)
        )
        self.output_blocks = nn.ModuleList()
        for level, (multiple, wanted) in reversed(list(enumerate(zip(multipliers, attention, strict=True)))):
            for at in range(layers + 1):
                block = ResBlock(width + widths.pop(), multiple * channels, embedding)
                width = multiple * channels
                grow = [ResBlock(width, width, embedding, "double")] * (level > 0 and at == layers)
                self.output_blocks.append(Steps(block, *attend(width, wanted), *grow))
        self.out = nn.Sequential(nn.GroupNorm(32, width), nn.SiLU(), nn.Conv2d(width, 6, 3, padding=1))

    def forward(self, x: Tensor, time: Tensor, label: Tensor | None = None) -> Tensor:
        half = self.channels // 2
        angles = time[:, None].float() * torch.exp(-math.log(10000) * torch.arange(half) / half)
        temb = self.time_embed(torch.cat([angles.cos(), angles.sin()], 1))
        if label is not None:
            temb = temb + self.label_emb(label)
        kept = []
        for block in self.input_blocks:
            x = block(x, temb)
            kept.append(x)
        x = self.middle_block(x, temb)
        for block in self.output_blocks:
            x = block(torch.cat([x, kept.pop()], 1), temb)
        return self.out(x)

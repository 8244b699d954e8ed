"""The annotated DDPM written as torch modules, by the formulas of its papers: what the specs are held against."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import nn


class Sinusoidal(nn.Module):
    """Sines, then cosines, of t · exp(-ln(10000) · k / (dim/2 - 1))."""

    def __init__(self, dim: int):
        super().__init__()
        self.dim = dim

    def forward(self, time: torch.Tensor) -> torch.Tensor:
        half = self.dim // 2
        frequencies = torch.exp(torch.arange(half) * (-math.log(10000) / (half - 1)))
        angles = time[:, None] * frequencies[None, :]
        return torch.cat([angles.sin(), angles.cos()], dim=-1)


class Unit(nn.Module):
    """Convolution, group norm, scale and shift, SiLU."""

    def __init__(self, into: int, out: int, groups: int):
        super().__init__()
        self.proj = nn.Conv2d(into, out, 3, padding=1)
        self.norm = nn.GroupNorm(groups, out)

    def forward(self, x: torch.Tensor, scale_shift: tuple[torch.Tensor, torch.Tensor] | None = None) -> torch.Tensor:
        x = self.norm(self.proj(x))
        if scale_shift is not None:
            x = x * (scale_shift[0] + 1) + scale_shift[1]
        return nn.functional.silu(x)


class ResnetBlock(nn.Module):
    def __init__(self, into: int, out: int, time: int | None, groups: int = 8):
        super().__init__()
        if time is not None:
            self.mlp = nn.Sequential(nn.SiLU(), nn.Linear(time, 2 * out))
        self.block1 = Unit(into, out, groups)
        self.block2 = Unit(out, out, groups)
        self.res_conv = nn.Conv2d(into, out, 1) if into != out else nn.Identity()

    def forward(self, x: torch.Tensor, temb: torch.Tensor | None = None) -> torch.Tensor:
        scale_shift = None
        if temb is not None:
            scale, shift = self.mlp(temb)[:, :, None, None].chunk(2, dim=1)
            scale_shift = (scale, shift)
        return self.block2(self.block1(x, scale_shift)) + self.res_conv(x)


class Attention(nn.Module):
    """softmax(q·k · head_dim^-0.5)·v over all positions, written out with einsum."""

    def __init__(self, channels: int, heads: int = 4, head_dim: int = 32):
        super().__init__()
        self.heads, self.head_dim = heads, head_dim
        self.qkv_proj = nn.Conv2d(channels, 3 * heads * head_dim, 1, bias=False)
        self.out_proj = nn.Conv2d(heads * head_dim, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, _, height, width = x.shape
        q, k, v = (part.view(n, self.heads, self.head_dim, height * width) for part in self.qkv_proj(x).chunk(3, dim=1))
        scores = torch.einsum("nhdi,nhdj->nhij", q * self.head_dim**-0.5, k).softmax(dim=-1)
        mixed = torch.einsum("nhij,nhdj->nhdi", scores, v)
        return self.out_proj(mixed.reshape(n, -1, height, width))


class PreNorm(nn.Module):
    def __init__(self, channels: int, fn: nn.Module):
        super().__init__()
        self.groupnorm = nn.GroupNorm(1, channels)
        self.fn = fn

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fn(self.groupnorm(x))


class Residual(nn.Module):
    def __init__(self, fn: nn.Module):
        super().__init__()
        self.fn = fn

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fn(x) + x


class Unet(nn.Module):
    def __init__(self, dim: int, mults: tuple[int, ...] = (1, 2, 4, 8), channels: int = 3, groups: int = 8):
        super().__init__()
        sizes = [dim, *(dim * mult for mult in mults)]
        pairs = list(pairwise(sizes))
        time = 4 * dim
        self.init_conv = nn.Conv2d(channels, dim, 7, padding=3)
        self.time_mlp = nn.Sequential(Sinusoidal(dim), nn.Linear(dim, time), nn.GELU(), nn.Linear(time, time))
        self.downs = nn.ModuleList(
            nn.ModuleList(
                [
                    ResnetBlock(a, a, time, groups),
                    ResnetBlock(a, a, time, groups),
                    Residual(PreNorm(a, Attention(a))),
                    nn.Conv2d(a, b, 3, padding=1) if i == len(pairs) - 1 else nn.Conv2d(a, b, 4, 2, 1),
                ]
            )
            for i, (a, b) in enumerate(pairs)
        )
        self.ups = nn.ModuleList(
            nn.ModuleList(
                [
                    ResnetBlock(a + b, b, time, groups),
                    ResnetBlock(a + b, b, time, groups),
                    Residual(PreNorm(b, Attention(b))),
                    nn.Conv2d(b, a, 3, padding=1)
                    if i == len(pairs) - 1
                    else nn.Sequential(nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(b, a, 3, padding=1)),
                ]
            )
            for i, (a, b) in enumerate(reversed(pairs))
        )
        self.mid_block1 = ResnetBlock(sizes[-1], sizes[-1], time, groups)
        self.mid_attn = Residual(PreNorm(sizes[-1], Attention(sizes[-1])))
        self.mid_block2 = ResnetBlock(sizes[-1], sizes[-1], time, groups)
        self.final_res_block = ResnetBlock(2 * dim, dim, time, groups)
        self.final_conv = nn.Conv2d(dim, channels, 1)

    def forward(self, x: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        x = first = self.init_conv(x)
        temb = self.time_mlp(time)
        skips = []
        for block1, block2, attention, smaller in self.downs:
            x = block1(x, temb)
            skips.append(x)
            x = attention(block2(x, temb))
            skips.append(x)
            x = smaller(x)
        x = self.mid_block2(self.mid_attn(self.mid_block1(x, temb)), temb)
        for block1, block2, attention, larger in self.ups:
            x = block1(torch.cat([x, skips.pop()], dim=1), temb)
            x = block2(torch.cat([x, skips.pop()], dim=1), temb)
            x = larger(attention(x))
        return self.final_conv(self.final_res_block(torch.cat([x, first], dim=1), temb))

"""DiT as its authors name its parts (Peebles and Xie 2023): one embedding of timesteps and of labels for all blocks."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def modulated(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """The adaptive part of a layer norm."""
    return x * (1 + scale[:, None]) + shift[:, None]


def normalized(x: Tensor) -> Tensor:
    return nn.functional.layer_norm(x, x.shape[-1:], eps=1e-6)


class Attention(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.qkv, self.proj, self.heads = nn.Linear(width, 3 * width), nn.Linear(width, width), heads

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        attended = torch.softmax(q @ k.transpose(2, 3) / math.sqrt(q.shape[-1]), dim=-1) @ v
        out: Tensor = self.proj(attended.transpose(1, 2).flatten(2))
        return out


class Block(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.attn = Attention(width, heads)
        self.mlp = nn.Module()
        self.mlp.fc1, self.mlp.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        shift, scale, gate, shift_mlp, scale_mlp, gate_mlp = self.adaLN_modulation(condition).chunk(6, 1)
        x = x + gate[:, None] * self.attn(modulated(normalized(x), shift, scale))
        hidden = nn.functional.gelu(self.mlp.fc1(modulated(normalized(x), shift_mlp, scale_mlp)), approximate="tanh")
        return x + gate_mlp[:, None] * self.mlp.fc2(hidden)


class OriginalDiT(nn.Module):
    """The network; its table of positions is a parameter that is not trained.

    `freq_shift`: the authors' highest of 128 frequencies of a timestep is 1/10000 to the power of 127/128; diffusers,
    and so the spec, makes it 1/10000, with a shift of 1.
    """

    freq_shift = 0

    def __init__(self, *, size: int, channels: int, width: int, depth: int, heads: int, classes: int):
        super().__init__()
        self.grid = size // 2
        self.x_embedder = nn.Module()
        self.x_embedder.proj = nn.Conv2d(channels, width, 2, 2)
        self.t_embedder = nn.Module()
        self.t_embedder.mlp = nn.Sequential(nn.Linear(256, width), nn.SiLU(), nn.Linear(width, width))
        self.y_embedder = nn.Module()
        self.y_embedder.embedding_table = nn.Embedding(classes + 1, width)
        self.pos_embed = nn.Parameter(table(self.grid, width)[None], requires_grad=False)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.final_layer = nn.Module()
        self.final_layer.linear = nn.Linear(width, 2 * 2 * 2 * channels)
        self.final_layer.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 2 * width))

    def forward(self, sample: Tensor, timestep: Tensor, label: Tensor) -> Tensor:
        x = self.x_embedder.proj(sample).flatten(2).transpose(1, 2) + self.pos_embed
        angles = timestep[:, None] * torch.exp(-math.log(10000) * torch.arange(128) / (128 - self.freq_shift))
        condition = self.t_embedder.mlp(torch.cat([angles.cos(), angles.sin()], 1))
        condition = condition + self.y_embedder.embedding_table(label)
        for block in self.blocks:
            x = block(x, condition)
        shift, scale = self.final_layer.adaLN_modulation(condition).chunk(2, 1)
        patches = self.final_layer.linear(modulated(normalized(x), shift, scale))
        cells = patches.unflatten(1, (self.grid, self.grid)).unflatten(3, (2, 2, -1))  # [N, h, w, 2, 2, C]
        out: Tensor = cells.permute(0, 5, 1, 3, 2, 4).flatten(4).flatten(2, 3)
        return out


def table(grid: int, width: int) -> Tensor:
    """Sines and cosines of the column, then of the row: MAE's table of positions."""
    rates = 10000.0 ** -(torch.arange(width // 4, dtype=torch.float64) / (width // 4))
    place = torch.arange(grid * grid)
    angles = [part[:, None] * rates for part in (place % grid, place // grid)]
    return torch.cat([each for angle in angles for each in (angle.sin(), angle.cos())], 1).float()

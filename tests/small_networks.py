"""Networks of a few lines, as people write them: each holds something that an import must carry over."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Residual(nn.Module):
    """Normalised, activated, convolved, shifted by an embedding and added to what it read."""

    def __init__(self, width: int, out: int, groups: int = 4, stride: int = 1):
        super().__init__()
        self.norm = nn.GroupNorm(groups, width)
        self.conv = nn.Conv2d(width, out, 3, stride=stride, padding=1)
        self.emb = nn.Linear(16, out)
        if stride != 1 or width != out:
            self.skip = nn.Conv2d(width, out, 1, stride=stride)
        else:
            self.skip = None

    def forward(self, x: Tensor, temb: Tensor) -> Tensor:
        h = self.conv(nn.functional.silu(self.norm(x)))
        h = h + self.emb(temb)[:, :, None, None]
        return h + (x if self.skip is None else self.skip(x))


class UNet(nn.Module):
    """A U-Net of two levels.

    The second paragraph is not part of the description.
    """

    def __init__(self, width: int = 8):
        super().__init__()
        self.time = nn.Sequential(nn.Linear(1, 16), nn.SiLU(), nn.Linear(16, 16))
        self.stem = nn.Conv2d(3, width, 3, padding=1)
        self.down = nn.ModuleList([Residual(width, width), Residual(width, width), Residual(width, width)])
        self.pool = Residual(width, 2 * width, stride=2)
        self.mid = nn.ModuleList([Residual(2 * width, 2 * width), Residual(2 * width, 2 * width)])
        self.up = nn.ConvTranspose2d(2 * width, width, 2, 2)
        self.out = Residual(2 * width, width)
        self.head = nn.Conv2d(width, 3, 1)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        temb = self.time(t[:, None])
        h = self.stem(x)
        for block in self.down:
            h = block(h, temb)
        m = self.pool(h, temb)
        for block in self.mid:
            m = block(m, temb)
        return self.head(self.out(torch.cat([self.up(m), h], 1), temb))


class SelfAttention(nn.Module):
    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        n, length, dim = x.shape
        qkv = self.qkv(x).reshape(n, length, 3, self.heads, dim // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v)
        return self.proj(mixed.transpose(1, 2).reshape(n, length, dim))


class Layer(nn.Module):
    def __init__(self, dim: int, heads: int, act: type[nn.Module] = nn.GELU):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.attn = SelfAttention(dim, heads)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), act(), nn.Linear(2 * dim, dim))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Transformer(nn.Module):
    """Reads token numbers; its head shares the table of its embedding."""

    def __init__(self, depth: int = 3, dim: int = 16, heads: int = 4):
        super().__init__()
        self.embed = nn.Embedding(20, dim)
        self.position = nn.Parameter(torch.zeros(1, 1, dim))
        self.layers = nn.ModuleList([Layer(dim, heads) for _ in range(depth)])
        self.head = nn.Linear(dim, 20, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed(ids) + self.position
        for layer in self.layers:
            x = layer(x)
        return self.head(x)


class DropPath(nn.Module):
    def __init__(self, drop_prob: float = 0.0):
        super().__init__()
        self.drop_prob = drop_prob

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        keep = x.new_empty((x.shape[0], *(1 for _ in x.shape[1:]))).bernoulli_(1 - self.drop_prob)
        return x * keep / (1 - self.drop_prob)


class Auxiliary(nn.Module):
    """A head that only training computes, a weight that nobody reads, and stochastic depth."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(3, 8, 3, padding=1)
        self.aux = nn.Sequential(nn.Conv2d(8, 4, 1), nn.BatchNorm2d(4))
        self.b = nn.Conv2d(8, 8, 3, padding=1)
        self.drop = DropPath(0.2)
        self.unread = nn.Parameter(torch.ones(3))
        self.fc = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        h = self.a(x)
        out = self.fc((h + self.drop(self.b(h))).mean((2, 3)))
        return (out, self.aux(h)) if self.training else out


class Changing(nn.Module):
    """Activations by choice, changes in place, a constant, a number in the place of the first operand."""

    def __init__(self) -> None:
        super().__init__()
        acts = (nn.ReLU(), nn.Hardswish(), nn.SiLU(), nn.ReLU())
        self.features = nn.Sequential(*(ConvAct(4 + i, act) for i, act in enumerate(acts)))
        self.register_buffer("scale", torch.tensor([0.5, 2.0]), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)
        x += 1
        y = torch.relu_(x.clone())
        return (1 - y)[:, :2] * self.scale[:, None, None]


class ConvAct(nn.Module):
    def __init__(self, width: int, act: nn.Module):
        super().__init__()
        self.conv = nn.LazyConv2d(width, 3)
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.conv(x))


class Branching(nn.Module):
    """What it computes depends on the numbers that it reads."""

    def forward(self, x: Tensor) -> Tensor:
        return x + 1 if x.sum() > 0 else x - 1


class Spectral(nn.Module):
    """Reads an operation that no network of ours has."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(8, 8), Transform())

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)


class Transform(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.fft.rfft(x).abs()

"""A U-Net that learns to find the noise in pictures, as one writes it in PyTorch."""

import torch
from torch import nn
from torch.nn import functional as F


class ResBlock(nn.Module):
    """Two convolutions and a shortcut; the time shifts what is between them."""

    def __init__(self, width, out):
        super().__init__()
        self.norm1 = nn.GroupNorm(8, width)
        self.conv1 = nn.Conv2d(width, out, 3, padding=1)
        self.emb = nn.Linear(64, out)
        self.norm2 = nn.GroupNorm(8, out)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1)
        self.skip = nn.Conv2d(width, out, 1) if width != out else nn.Identity()

    def forward(self, x, temb):
        h = self.conv1(F.silu(self.norm1(x)))
        h = h + self.emb(temb)[:, :, None, None]
        return self.conv2(F.silu(self.norm2(h))) + self.skip(x)


class UNet(nn.Module):
    """A U-Net of three levels that predicts the noise in a picture."""

    def __init__(self, width=16):
        super().__init__()
        self.time = nn.Sequential(nn.Linear(1, 64), nn.SiLU(), nn.Linear(64, 64))
        self.stem = nn.Conv2d(1, width, 3, padding=1)
        self.down = nn.ModuleList([ResBlock(width, width), ResBlock(width, 2 * width)])
        self.middle = ResBlock(2 * width, 2 * width)
        self.up = nn.ModuleList([ResBlock(4 * width, width), ResBlock(2 * width, width)])
        self.head = nn.Conv2d(width, 1, 3, padding=1)

    def forward(self, x, t):
        temb = self.time(t[:, None] / 1000)
        h, skips = self.stem(x), []
        for block in self.down:
            h = block(h, temb)
            skips.append(h)
            h = F.avg_pool2d(h, 2)
        h = self.middle(h, temb)
        for block in self.up:
            h = F.interpolate(h, scale_factor=2.0, mode="nearest")
            h = block(torch.cat([h, skips.pop()], dim=1), temb)
        return self.head(F.silu(h))


def batch(size):
    """Discs at random places, with the noise of random times (Ho et al. 2020); the times; the noise."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, 16), torch.linspace(-1, 1, 16), indexing="ij")
    a, b = torch.rand(2, size, 1, 1) - 0.5
    discs = torch.where((x - a) ** 2 + (y - b) ** 2 < 0.2, 1.0, -1.0)[:, None]
    t, noise = torch.randint(1000, (size,)), torch.randn(size, 1, 16, 16)
    kept = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000), 0)[t][:, None, None, None]
    return kept.sqrt() * discs + (1 - kept).sqrt() * noise, t, noise


def train(network, steps):
    """Adam on the squared error of the predicted noise."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3)
    for _ in range(steps):
        noisy, t, noise = batch(16)
        loss = F.mse_loss(network(noisy, t), noise)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network


def trained(steps=25):
    """The network after a training, which is short here."""
    torch.manual_seed(0)
    return train(UNet(), steps)


if __name__ == "__main__":
    torch.save(trained(2000).state_dict(), "unet.pt")

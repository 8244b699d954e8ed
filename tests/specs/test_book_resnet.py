"""The book's ResNet (Dive into Deep Learning, section 8.6): the class written out, the tree, the printed shapes."""

from __future__ import annotations

import pytest
import references
import torch
from torch import nn
from torch.nn import functional as F

import archgraph as ag


class Residual(nn.Module):
    """The unit as the book describes it."""

    def __init__(self, in_channels: int, num_channels: int, use_1x1conv: bool = False, strides: int = 1):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, num_channels, 3, padding=1, stride=strides)
        self.conv2 = nn.Conv2d(num_channels, num_channels, 3, padding=1)
        self.conv3 = nn.Conv2d(in_channels, num_channels, 1, stride=strides) if use_1x1conv else None
        self.bn1 = nn.BatchNorm2d(num_channels)
        self.bn2 = nn.BatchNorm2d(num_channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (self.conv3(x) if self.conv3 is not None else x))


def book_resnet18() -> nn.Sequential:
    stem = nn.Sequential(nn.Conv2d(1, 64, 7, 2, 3), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
    stages = [nn.Sequential(Residual(64, 64), Residual(64, 64))]
    stages += [
        nn.Sequential(Residual(before, after, True, 2), Residual(after, after))
        for before, after in [(64, 128), (128, 256), (256, 512)]
    ]
    return nn.Sequential(stem, *stages, nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(512, 10))


@pytest.mark.parity("keys", "outputs")
def test_keys_and_outputs_equal_the_books() -> None:
    reference = references.randomised(book_resnet18())
    net = ag.to_torch(ag.load("resnet_d2l"))
    assert list(net.state_dict()) == list(reference.state_dict())
    net.load_state_dict(reference.state_dict(), strict=True)
    net.eval()
    x = torch.randn(2, 1, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(net(x), reference(x), rtol=1e-4, atol=1e-3)


def test_layer_by_layer_prints_what_the_book_prints() -> None:
    net = ag.to_torch(ag.load("resnet_d2l")).eval()
    x = torch.randn(1, 1, 224, 224)
    printed = []
    for layer in net:
        x = layer(x)
        printed.append((type(layer).__name__, list(x.shape)))
    assert printed == [
        ("Sequential", [1, 64, 56, 56]),
        ("Sequential", [1, 64, 56, 56]),
        ("Sequential", [1, 128, 28, 28]),
        ("Sequential", [1, 256, 14, 14]),
        ("Sequential", [1, 512, 7, 7]),
        ("AdaptiveAvgPool2d", [1, 512, 1, 1]),
        ("Flatten", [1, 512]),
        ("Linear", [1, 10]),
    ]


@pytest.mark.parametrize("path", ["0.0", "1.0.conv1", "2.0.conv3", "4.1.bn2", "7"])
def test_leaves_are_torchs_with_the_books_arguments(path: str) -> None:
    net = ag.to_torch(ag.load("resnet_d2l"))
    assert repr(net.get_submodule(path)) == repr(book_resnet18().get_submodule(path))

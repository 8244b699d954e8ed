"""PointNet and the 3D U-Net against modules written from the papers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import references
import torch
from parity import assert_equal_runs, assert_same_keys
from torch import Tensor, nn
from torch.nn import functional as F

import archgraph as ag
from archgraph.graph import parameter_count


class Shared(nn.Module):
    """A network on each point, and the maximum over all of them."""

    def __init__(self, before: int) -> None:
        super().__init__()
        self.conv1, self.conv2, self.conv3 = nn.Conv1d(before, 64, 1), nn.Conv1d(64, 128, 1), nn.Conv1d(128, 1024, 1)


class Transform(Shared):
    """T-Net: a matrix for each set of points (Qi et al. 2017, section 4.2)."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.fc1, self.fc2, self.fc3 = nn.Linear(1024, 512), nn.Linear(512, 256), nn.Linear(256, size * size)
        self.bn1, self.bn2, self.bn3 = nn.BatchNorm1d(64), nn.BatchNorm1d(128), nn.BatchNorm1d(1024)
        self.bn4, self.bn5 = nn.BatchNorm1d(512), nn.BatchNorm1d(256)
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        x = F.relu(self.bn3(self.conv3(x))).max(2).values
        x = F.relu(self.bn5(self.fc2(F.relu(self.bn4(self.fc1(x))))))
        return self.fc3(x).reshape(-1, self.size, self.size) + torch.eye(self.size)


class Features(Shared):
    def __init__(self) -> None:
        super(Shared, self).__init__()
        self.stn = Transform(3)
        self.conv1, self.conv2, self.conv3 = nn.Conv1d(3, 64, 1), nn.Conv1d(64, 128, 1), nn.Conv1d(128, 1024, 1)
        self.bn1, self.bn2, self.bn3 = nn.BatchNorm1d(64), nn.BatchNorm1d(128), nn.BatchNorm1d(1024)
        self.fstn = Transform(64)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        first = self.stn(x)
        x = F.relu(self.bn1(self.conv1((x.mT @ first).mT)))
        second = self.fstn(x)
        x = F.relu(self.bn2(self.conv2((x.mT @ second).mT)))
        return self.bn3(self.conv3(x)).max(2).values, first, second


class PointNet(nn.Module):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.feat = Features()
        self.fc1, self.fc2, self.fc3 = nn.Linear(1024, 512), nn.Linear(512, 256), nn.Linear(256, classes)
        self.bn1, self.bn2 = nn.BatchNorm1d(512), nn.BatchNorm1d(256)
        self.dropout = nn.Dropout(0.3)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, first, second = self.feat(x)
        x = F.relu(self.bn2(self.dropout(self.fc2(F.relu(self.bn1(self.fc1(x)))))))
        return F.log_softmax(self.fc3(x), 1), first, second


class Twice(nn.Module):
    """Twice convolution, batch norm and ReLU, below a layer that changes the size."""

    def __init__(self, before: int, middle: int, after: int, up: int = 0) -> None:
        super().__init__()
        if up:
            self.up = nn.ConvTranspose3d(up, up, 2, stride=2)
        self.conv1, self.bn1 = nn.Conv3d(before, middle, 3, padding=1), nn.BatchNorm3d(middle)
        self.conv2, self.bn2 = nn.Conv3d(middle, after, 3, padding=1), nn.BatchNorm3d(after)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))


class UNet3d(nn.Module):
    """Çiçek et al. 2016, figure 2."""

    def __init__(self, channels: list[int], classes: int) -> None:
        super().__init__()
        before = [3, *(2 * width for width in channels)]
        self.encoder = nn.ModuleList(Twice(b, w, 2 * w) for b, w in zip(before, channels, strict=False))
        self.decoder = nn.ModuleList(Twice(3 * width, width, width, 2 * width) for width in reversed(channels[1:]))
        self.head = nn.Conv3d(channels[1], classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        kept = []
        for at, level in enumerate(self.encoder):
            x = level(F.max_pool3d(x, 2) if at else x)
            kept.append(x)
        kept.pop()
        for level in self.decoder:
            x = level(torch.cat([level.up(x), kept.pop()], 1))
        return self.head(x)


@pytest.mark.parity("keys")
def test_pointnet_at_full_size() -> None:
    with torch.device("meta"):
        reference = PointNet(40)
    graph = ag.load("pointnet")
    assert_same_keys(graph, reference)
    assert graph.info.spec["assert"]["parameters"]["pointnet"] == sum(p.numel() for p in reference.parameters())


@pytest.mark.parity("keys")
def test_the_count_of_the_3d_unet_is_that_of_the_paper() -> None:
    """Çiçek et al. count 19,069,955: neither what batch norm learns nor the biases of the transposed convolutions."""
    with torch.device("meta"):
        reference = UNet3d([32, 64, 128, 256], 3)
    graph = ag.load("unet3d")
    assert_same_keys(graph, reference)
    left_out = [p for name, p in reference.named_parameters() if ".bn" in name or name.endswith("up.bias")]
    assert parameter_count(graph) - sum(p.numel() for p in left_out) == 19_069_955


CASES: dict[str, tuple[Any, dict[str, Any], tuple[int, ...]]] = {
    "pointnet": (lambda: PointNet(5), {"classes": 5, "dropout": 0.0}, (3, 3, 9)),
    "unet3d": (lambda: UNet3d([2, 4], 2), {"channels": [2, 4], "classes": 2}, (2, 3, 2, 4, 6)),
}


@pytest.mark.parity("outputs", "gradients")
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_outputs_and_input_gradients(name: str, training: bool) -> None:
    build, narrow, shape = CASES[name]
    reference = references.randomised(build()).train(training)
    model = ag.to_torch(ag.load(name, **narrow)).train(training)
    model.load_state_dict(reference.state_dict(), strict=True)
    assert_equal_runs(model, reference, [shape])


VOLUMES = pytest.param("unet3d", marks=pytest.mark.slow)
"""Its operations are those of tests/verify/test_spatial_operations.py."""


@pytest.mark.parity("file")
@pytest.mark.parametrize("name", [*sorted(CASES.keys() - {"unet3d"}), VOLUMES])
def test_the_file_is_proved_equal(name: str, tmp_path: Path) -> None:
    _, narrow, _ = CASES[name]
    assert ag.to_onnx(ag.to_torch(ag.load(name, **narrow)), tmp_path / "net.onnx").certificate is not None

"""Sizes that functions take as plain numbers stay free where there is a way; where there is none, they are told."""

from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import archgraph as ag


class Coordinates(nn.Module):
    """Coordinates next to the channels (Liu et al. 2018), and places in pixels, divided by a tensor of sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(5, 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        n, _, height, width = x.shape
        rows, columns = torch.linspace(-1, 1, height), torch.linspace(0.5, width - 0.5, width)
        grid = torch.stack(torch.meshgrid(rows, columns, indexing="ij"))
        whole = torch.cat([x, grid.expand(n, -1, -1, -1)], dim=1)
        return self.conv(whole) / torch.tensor([width, height])[:, None, None]


def test_coordinates_follow_free_sizes() -> None:
    graph = ag.from_torch(Coordinates(), {"x": "N,3,H,W"}, name="coordinates")
    assert [str(size) for size in graph.inputs[0].shape] == ["N", "3", "H", "W"]


class Words(nn.Module):
    """Convolutions over words with the maximum over all of them (Kim 2014), and the mean over pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv1d(4, 3, size) for size in (2, 3)])

    def forward(self, x: Tensor) -> Tensor:
        found = [conv(x) for conv in self.convs]
        pooled = [functional.max_pool1d(one, one.shape[2]).squeeze(2) for one in found]
        rows = functional.avg_pool2d(x[:, :, None], (1, x.shape[2]))
        return torch.cat([*pooled, rows.flatten(1), functional.avg_pool2d(x[:, None], x.size()[1:]).flatten(1)], dim=1)


def test_windows_of_the_whole_input_leave_its_length_free() -> None:
    graph = ag.from_torch(Words(), {"x": "N,4,L"}, name="words")
    assert [str(size) for size in graph.inputs[0].shape] == ["N", "4", "L"]
    assert {"op: amax", "op: mean"} <= set(re.findall(r"op: \w+", graph.spec()))


class Length(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + sum(range(len(x)))


def test_a_length_that_becomes_a_number_is_told_with_its_line() -> None:
    with pytest.warns(UserWarning, match=r"L = \d+, which is read as a number here: .*len\(x\)"):
        graph = ag.from_torch(nn.Sequential(nn.Linear(4, 4), Length()), {"input": "L,4"}, name="length")
    assert isinstance(graph.inputs[0].shape[0], int)


class Modulated(nn.Module):
    """A convolution with a kernel for each picture, the batch as groups (Karras et al. 2020)."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, 3, 2, 1, 1))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        n, c, h, w = x.shape
        weight = (self.weight * style.view(n, 1, c, 1, 1)).view(n * 3, c, 1, 1)
        return functional.conv2d(x.view(1, n * c, h, w), weight, groups=n).view(n, 3, h, w)


def test_a_batch_that_weights_depend_on_is_that_of_the_example() -> None:
    with pytest.warns(UserWarning, match=r"the weight has sizes that are free: N = \d"):
        graph = ag.from_torch(Modulated(), {"x": "N,2,4,4", "style": "N,2"}, name="modulated")
    assert all(isinstance(size, int) for size in graph.inputs[0].shape)


def test_torch_is_left_as_it_was() -> None:
    before = torch.linspace, functional.max_pool1d, functional.avg_pool2d
    ag.from_torch(Words(), {"x": "N,4,L"}, name="words", verify=False)
    assert (torch.linspace, functional.max_pool1d, functional.avg_pool2d) == before

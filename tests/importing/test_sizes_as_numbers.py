"""Sizes that functions take as plain numbers stay free where there is a way; where there is none, they are told."""

from __future__ import annotations

import math
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
        return x + torch.zeros(len(x), 1).cumsum(0)


def test_the_length_of_a_value_stays_free() -> None:
    graph = ag.from_torch(nn.Sequential(nn.Linear(4, 4), Length()), {"input": "L,4"}, name="length")
    assert str(graph.inputs[0].shape[0]) == "L"


class Halved(nn.Module):
    """A picture at half of its size, which `int` makes a whole number, and one that is tested for."""

    def forward(self, x: Tensor, scale: int = 2) -> Tensor:
        assert isinstance(scale, int)
        size = int(x.shape[2] / scale), int(x.shape[3]) // scale
        return functional.interpolate(x, size=size)


def test_sizes_that_int_makes_whole_stay_free() -> None:
    graph = ag.from_torch(Halved(), {"x": "N,3,H,W"}, name="halved")
    assert [str(size) for size in graph.outputs["output"].shape] == ["N", "3", "H // 2", "W // 2"]


class Counted(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        for place in range(x.shape[0]):
            x = x + place
        return x


def test_a_size_that_becomes_a_number_is_told_with_its_line() -> None:
    with pytest.warns(UserWarning, match=r"L = \d+, which is read as a number here: .*range\(x\.shape\[0\]\)"):
        graph = ag.from_torch(Counted(), {"x": "L,4"}, name="counted")
    assert isinstance(graph.inputs[0].shape[0], int)


class Causal(nn.Module):
    """Attention that is causal where there are several words, as Whisper's."""

    def forward(self, x: Tensor) -> Tensor:
        heads = x[:, None]
        return functional.scaled_dot_product_attention(heads, heads, heads, is_causal=x.shape[1] > 1)[:, 0]


def test_attention_that_is_causal_for_several_words_leaves_their_number_free() -> None:
    graph = ag.from_torch(Causal(), {"x": "N,L,4"}, name="causal")
    assert [str(size) for size in graph.inputs[0].shape] == ["N", "L", "4"]
    assert "is_causal: true" in graph.spec()


class Frames(nn.Module):
    """A convolution whose last window is made full (Défossez et al. 2022), with a mirrored start."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv = nn.Conv1d(1, 1, 2 * stride, stride)

    def forward(self, x: Tensor) -> Tensor:
        frames = (x.shape[-1] - self.stride) / self.stride + 1
        end = (math.ceil(frames) - 1) * self.stride + self.stride - x.shape[-1]
        if x.shape[-1] <= max(self.stride, end):
            x = functional.pad(x, (0, self.stride))
        return self.conv(functional.pad(x, (self.stride, end), mode="reflect"))


def test_frames_that_are_counted_by_a_rounded_quotient_leave_the_length_free() -> None:
    """And the network is that of sound, of which 24 samples are less than one frame."""
    graph = ag.from_torch(nn.Sequential(Frames(2), Frames(8)), {"input": "N,1,T"}, name="frames")
    assert str(graph.inputs[0].shape[2]) == "T"
    (bound,) = (one for one in graph.constraints if one.symbol == "T")
    assert not bound.allows(8)
    assert bound.allows(25)
    assert bound.allows(100_000)


class Rows(nn.Module):
    """The last rows of a table, as rotary embeddings take them, and nothing of what is behind all channels."""

    def __init__(self) -> None:
        super().__init__()
        self.rates = nn.Buffer(torch.rand(4))

    def forward(self, x: Tensor) -> Tensor:
        length, width = x.shape[1], len(self.rates)
        angles = torch.outer(torch.arange(length), self.rates)[-length:]
        return torch.cat([x[..., :0], x[..., :width] * angles.cos(), x[..., width:]], dim=-1)


def test_rows_that_are_counted_from_the_end_leave_their_number_free() -> None:
    graph = ag.from_torch(Rows(), {"x": "N,L,4"}, name="rows")
    assert str(graph.inputs[0].shape[1]) == "L"


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


class Places(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * torch.arange(0.0, x.shape[1])


def test_places_in_floating_point_leave_their_number_free() -> None:
    graph = ag.from_torch(Places(), {"x": "N,L"}, name="places")
    assert str(graph.inputs[0].shape[1]) == "L"


class Spectrum(nn.Module):
    """A strided convolution over a picture of sound, whose frequencies then count as examples."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 3, (8, 1), (4, 1), (2, 0))
        self.along = nn.Conv1d(3, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        n, c, f, t = y.shape
        return self.along(y.permute(0, 2, 1, 3).reshape(-1, c, t)).view(n, f, c, t)


def test_frequencies_are_no_frames() -> None:
    graph = ag.from_torch(Spectrum(), {"x": "N,2,F,T"}, name="spectrum")
    assert [str(size) for size in graph.inputs[0].shape] == ["N", "2", "F", "T"]

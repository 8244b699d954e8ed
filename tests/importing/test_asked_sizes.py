"""Sizes that only a module's code asks for: they narrow what stays free, and the spec states them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from archgraph.importing.api import import_module


class Sixteens(nn.Module):
    """Asks for what its pooling does not need."""

    def forward(self, x):
        if x.shape[2] % 16:
            raise ValueError("rows in sixteens")
        return nn.functional.avg_pool2d(x, 3, stride=1)


class Even(nn.Module):
    """Pads odd sizes, as the merging of patches does."""

    def forward(self, x):
        if x.shape[2] % 2 == 1:
            x = nn.functional.pad(x, (0, 0, 0, 1))
        return x[:, :, 0::2] + x[:, :, 1::2]


class Windows(nn.Module):
    """Pads to whole windows and cuts what it padded; torch's views then hold for whole windows alone."""

    def forward(self, x):
        count, channels, rows = x.shape
        missing = (4 - rows % 4) % 4
        padded = nn.functional.pad(x, (0, missing))
        windows = padded.view(count, channels, padded.shape[2] // 4, 4).softmax(3)
        whole = windows.view(count, channels, padded.shape[2])
        if missing > 0:
            whole = whole[:, :, :rows]
        late = torch.arange(rows) >= padded.shape[2] - 4
        return whole.view(count, channels * rows), late.float()


class Counted(nn.Module):
    """Chooses a layout for tensors that 32 bits cannot count, as diffusers does."""

    def forward(self, x):
        if x.numel() * 4 > 2**31:
            x = x.contiguous()
        return x.relu()


class Large(nn.Module):
    """Takes other steps for few places, as linear attention does."""

    def forward(self, x):
        return x.softmax(1) if x.shape[2] * x.shape[3] > 8 else x.sin()


class Interpolated(nn.Module):
    """Resizes a table for other numbers of places than its own, as vision transformers do."""

    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(torch.randn(1, 3, 4, 4))

    def forward(self, x):
        rows, columns = x.shape[2:]
        if rows * columns == 16 and rows == columns:
            return x + self.table
        return x + nn.functional.interpolate(self.table, size=(rows, columns), mode="bilinear")


class LastOfTable(nn.Module):
    """Reads the last numbers of a table, as MPT does."""

    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(torch.randn(64))

    def forward(self, x):
        return x + self.table[max(0, 64 - x.shape[1]) :]


class Unpatched(nn.Module):
    """Takes an image apart into patches and puts these together again, whose number it divides by."""

    def forward(self, x):
        count, channels, height, width = x.shape
        rows, columns = height // 2, width // 2
        x = x.view(count, channels, rows, height // rows, columns, width // columns)
        return x.permute(0, 2, 4, 1, 3, 5).reshape(count, rows * columns, -1).softmax(1)


@pytest.mark.parametrize(
    ("module", "shape", "inputs", "rules"),
    [
        (Sixteens(), (2, 3, 32, 48), "where: [H % 16 == 0]", ["H must be a multiple of 16", "W must be at least 3"]),
        (Even(), (2, 3, 6, 5), "[N, C, H, W]", ["H must be a multiple of 2"]),
        (Windows(), (2, 3, 16), "where: [C % 4 == 0]", ["C must be a multiple of 4"]),
        (Counted(), (2, 3, 8, 8), "[N, C, H, W]", []),
        (Large(), (2, 3, 8, 12), "where: [H >= 3, W >= 4]", ["H must be at least 3", "W must be at least 4"]),
        (Interpolated(), (2, 3, 8, 12), "where: [H >= 4, W >= 5]", ["H must be at least 4", "W must be at least 5"]),
        (LastOfTable(), (2, 24), "L", ["L must be at most 64"]),
        (Unpatched(), (2, 3, 8, 12), "[N, C, H, W]", ["H must be a multiple of 2", "W must be a multiple of 2"]),
    ],
)
def test_sizes_are_narrowed_where_code_asks_for_it(module, shape, inputs, rules):
    made = import_module(module, {"x": torch.zeros(shape)})
    assert inputs in made.graph.spec()
    assert [rule.text for rule in made.graph.constraints] == rules
    assert not any("fixed" in note for note in made.notes)


class Halves(nn.Module):
    """Computes with a row for each of four pairs of rows."""

    def __init__(self):
        super().__init__()
        self.rows = nn.Parameter(torch.randn(4, 1))

    def forward(self, x):
        return nn.functional.avg_pool2d(x, 2) + self.rows[: int(x.shape[2] // 2)]


class ManyPictures(nn.Module):
    """Makes many pictures contiguous, as diffusers does before it enlarges them."""

    def forward(self, x):
        x = x.flatten(0, 1)
        if x.shape[0] >= 64:
            x = x.contiguous()
        return x.relu()


def test_a_size_becomes_a_number_without_another_trace(monkeypatch):
    """The others stay free."""
    traces = []
    plain = torch.export.export
    monkeypatch.setattr(torch.export, "export", lambda *args, **options: traces.append(1) or plain(*args, **options))
    made = import_module(Halves(), {"x": torch.zeros(2, 3, 8, 12)})
    assert str(made.graph.inputs[0].type) == "[N, C, 8, W]"
    assert made.notes == ("sizes are fixed, since the module's code asks for (H//2) == 4: H = 8",)
    assert len(traces) == 1


def test_what_only_changes_the_layout_bounds_nothing():
    made = import_module(ManyPictures(), {"x": torch.zeros(2, 3, 8)})
    assert not made.notes
    assert not made.graph.constraints

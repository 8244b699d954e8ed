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


@pytest.mark.parametrize(
    ("module", "shape", "inputs", "rules"),
    [
        (Sixteens(), (2, 3, 32, 48), "where: [H % 16 == 0]", ["H must be a multiple of 16", "W must be at least 3"]),
        (Even(), (2, 3, 6, 5), "[N, C, H, W]", ["H must be a multiple of 2"]),
        (Windows(), (2, 3, 16), "where: [C % 4 == 0]", ["C must be a multiple of 4"]),
        (Counted(), (2, 3, 8, 8), "[N, C, H, W]", []),
    ],
)
def test_sizes_are_narrowed_where_code_asks_for_it(module, shape, inputs, rules):
    made = import_module(module, {"x": torch.zeros(shape)})
    assert inputs in made.graph.spec()
    assert [rule.text for rule in made.graph.constraints] == rules
    assert not any("fixed" in note for note in made.notes)

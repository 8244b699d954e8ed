"""Sizes that only a module's code asks for: they narrow what stays free, and the spec states them."""

from __future__ import annotations

import torch
from torch import nn

import archgraph as ag
from archgraph.errors import ImportingError
from archgraph.importing.api import import_module


class Sixteens(nn.Module):
    """Asks for what its convolutions do not need."""

    def forward(self, x):
        if x.shape[2] % 16:
            raise ValueError("rows in sixteens")
        return nn.functional.avg_pool2d(x, 3, stride=1)


class Windows(nn.Module):
    """Pads to whole windows, and cuts what it padded where it did; torch's view then holds for whole windows alone."""

    def forward(self, x):
        count, channels, rows = x.shape
        missing = (4 - rows % 4) % 4
        padded = nn.functional.pad(x, (0, missing))
        windows = padded.view(count, channels, padded.shape[2] // 4, 4).softmax(3)
        whole = windows.view(count, channels, padded.shape[2])
        if missing:
            whole = whole[:, :, :rows]
        return whole.reshape(count, channels * rows)


class Counted(nn.Module):
    """Chooses a layout for tensors that 32 bits cannot count, as diffusers does."""

    def forward(self, x):
        if x.numel() * 4 > 2**31:
            x = x.contiguous()
        return x.relu()


def imported(module: nn.Module, *shape: int):
    made = import_module(module, {"x": torch.zeros(shape)})
    return made.graph, made.notes, ag.load_text(made.text) if hasattr(ag, "load_text") else None


def test_a_remainder_that_the_code_asks_for_narrows_the_size():
    graph = ag.from_torch(Sixteens(), {"x": torch.zeros(2, 3, 32, 48)}, name="net")
    assert str(graph.inputs["x"].type) == "[N, C, H, W]"
    assert "where: [H % 16 == 0, W >= 3]" in graph.spec() or "H % 16 == 0" in graph.spec()
    rule = next(rule for rule in graph.constraints if rule.symbol == "H")
    assert (rule.modulus, rule.residues) == (16, (0,))

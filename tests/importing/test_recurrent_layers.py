"""Recurrent layers are traced whole: sequences keep their free length, however long the example is."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import archgraph as ag


class Tagger(nn.Module):
    """A recurrent layer in both directions, and the last state of it behind each place."""

    def __init__(self, kind: type[nn.RNNBase]):
        super().__init__()
        self.rows = kind(4, 3, num_layers=2, bidirectional=True, batch_first=True)
        self.head = nn.Linear(12, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows, state = self.rows(x)
        last = (state[0] if isinstance(state, tuple) else state)[-2:].transpose(0, 1).flatten(1)
        return self.head(torch.cat([rows, last[:, None].expand(-1, rows.shape[1], -1)], dim=-1))


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_the_length_of_a_sequence_stays_free(kind: type[nn.RNNBase]) -> None:
    graph = ag.from_torch(Tagger(kind), {"x": "N,L,4"})
    assert [str(size) for size in graph.inputs[0].shape] == ["N", "L", "4"]


class Turned(nn.Module):
    """An LSTM along both axes of a picture, its rows first, as Sequencer has it."""

    def __init__(self) -> None:
        super().__init__()
        self.along = nn.LSTM(3, 2, batch_first=True, bidirectional=True)
        self.across = nn.LSTM(4, 2, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows, _ = self.along(x.permute(0, 2, 3, 1).flatten(0, 1))
        picture = rows.unflatten(0, (x.shape[0], -1)).transpose(1, 2)
        columns, (_, cell) = self.across(picture.flatten(0, 1))
        return columns.mean((0, 1)) + cell.mean((0, 1))


def test_both_axes_of_a_picture_stay_free() -> None:
    graph = ag.from_torch(Turned(), {"x": "N,3,H,W"})
    assert [str(size) for size in graph.inputs[0].shape] == ["N", "3", "H", "W"]


def test_torch_is_left_as_it_was() -> None:
    kernels = dict(torch.ops.aten.lstm.input.py_kernels)
    ag.from_torch(Tagger(nn.LSTM), {"x": "N,L,4"})
    assert torch.ops.aten.lstm.input.py_kernels == kernels

"""Forwards that assign into parts of a value: each is proved equal to torch, and reads what torch would read."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import archgraph as ag
from archgraph.errors import ImportingError
from archgraph.importing.api import import_module
from archgraph.importing.sources.example_inputs import InputDescription

SIZES = InputDescription(("N", 4))


class Forward(nn.Module):
    """A module whose forward is a function of two inputs, and of which nothing is known but that."""

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor]):
        super().__init__()
        self.function = function

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.function(x, y)


def operations(function: Callable[[Tensor, Tensor], Tensor]) -> list[str]:
    """The operations of a function that was proved equal."""
    made = import_module(Forward(function), {"x": SIZES, "y": SIZES})
    assert made.parity is not None
    return [node.op.name for node in made.graph.nodes.values()]


def through_views(x: Tensor, y: Tensor) -> Tensor:
    square = torch.zeros(x.shape[0], 4, 4)
    square.diagonal(1, 1, 2).copy_(x[:, :3])
    square.mT.permute(2, 0, 1)[0] = y.t()[1, :, None]
    flat = square.view(-1, 16)
    flat[:, 5] = 2.0
    for part in flat.unflatten(1, (2, 8)).unbind(1):
        part.mul_(3)
    return square.sum(1) + x


def overlapping_views(x: Tensor, y: Tensor) -> Tensor:
    whole = x * 1
    left, middle = whole[:, :2], whole[:, 1:3]
    left += 1
    left *= 2  # what was changed before is a part of the whole too
    copy = whole.unflatten(1, (2, 2)).mT.reshape(-1, 4)  # no view: torch copies
    copy.zero_()
    whole[:, 1] = 4.0
    return left.sum(1, keepdim=True) * middle.sum(1, keepdim=True) + whole + y


def several_places(x: Tensor, y: Tensor) -> Tensor:
    square = torch.zeros(x.shape[0], 4, 4)
    every = torch.arange(4)
    square[:, every, every] = x
    square[:, torch.tensor([0, 1]), torch.tensor([-1, 2])] = 5.0
    square[torch.arange(x.shape[0]), :, x.argmax(1)] = y
    square.index_put_((torch.tensor([0, 0]), torch.tensor([1, 1])), y[0, :2, None], accumulate=True)
    square[:, torch.tensor([[0], [2]])] += 1.0
    return square.sum(1)


def masks(x: Tensor, y: Tensor) -> Tensor:
    whole = x[:, :, None].repeat(1, 1, 4)
    whole[x > 0] = torch.tensor([1.0, 2.0, 3.0, 4.0])
    whole[:, torch.tensor([True, False, False, True])] = y[:, None]
    return whole.sum(1).index_fill(1, torch.tensor([2]), 7.0)


def infinite_constants(x: Tensor, y: Tensor) -> Tensor:
    causal = torch.full((4, 4), float("-inf")).triu_(1)
    return torch.softmax(x[:, None] + causal, -1).sum(1) + y


@pytest.mark.parametrize("function", [through_views, overlapping_views, several_places, masks, infinite_constants])
def test_assignments_are_equal(function: Callable[[Tensor, Tensor], Tensor]) -> None:
    assert operations(function)


def test_parts_of_one_split_are_apart() -> None:
    def halves(x: Tensor, y: Tensor) -> Tensor:
        first, second = (x + y).chunk(2, 1)
        first.mul_(2)
        return first + second

    assert operations(halves) == ["add", "chunk", "mul", "add"]


def test_constants_of_the_shape_of_an_input_are_known() -> None:
    """`new_zeros` reads no number: nine assignments are one constant."""

    def filled(x: Tensor, y: Tensor) -> Tensor:
        mask = x.new_zeros(3, 4)
        for row in range(3):
            for column in range(0, 4, 2):
                mask[row, column : column + 2] = 2 * row + column
        return x[:, None] * mask + y[:, None]

    assert operations(filled) == ["unsqueeze", "constant", "mul", "unsqueeze", "add"]


def test_empty_parts_change_nothing() -> None:
    def shifted(x: Tensor, y: Tensor) -> Tensor:
        made = x.clone()
        made[:, -4:-4] = 1.0
        made[:, 4:] = 2.0
        return made + y

    assert operations(shifted) == ["add"]


def test_a_change_through_a_view_without_way_back_is_refused() -> None:
    def expanded(x: Tensor, y: Tensor) -> Tensor:
        row = x.sum(0)
        row.expand(1, 4).add_(1)
        return row + y

    with pytest.raises(ImportingError, match=r"add changes a value through expand(.|\n)*test_changed_values\.py"):
        ag.from_torch(Forward(expanded), {"x": "N,4", "y": "N,4"})

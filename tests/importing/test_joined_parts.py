"""Values that are put together part by part, dimensions that are added, constants that are computed twice: written as
a person would, and proved equal to the module."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from archgraph.importing.api import import_module
from archgraph.importing.sources.input_descriptions import InputDescription

TOKENS = {"x": InputDescription(("N", "L", 4))}


class Steps(nn.Module):
    """A function of tokens as a module, with a parameter to read."""

    def __init__(self, steps: Callable[[Any, Tensor], Tensor]) -> None:
        super().__init__()
        self.steps = steps
        self.table = nn.Parameter(torch.randn(4))

    def forward(self, x: Tensor) -> Tensor:
        return self.steps(self, x)


def nodes(steps: Callable[[Any, Tensor], Tensor]) -> list[dict[str, Any]]:
    """The nodes that a function is imported as, which are proved to compute the same."""
    found = import_module(lambda: Steps(steps), TOKENS)
    assert found.parity is not None
    return [node if isinstance(node, dict) else {"op": node} for node in found.spec["nodes"].values()]


def operations(steps: Callable[[Any, Tensor], Tensor]) -> Counter[str]:
    return Counter(node["op"] for node in nodes(steps))


def corners(self: Any, x: Tensor) -> Tensor:
    """Boxes by their corners, of boxes by middle and size, as detectors compute them."""
    y = torch.empty_like(x)
    y[..., 0] = x[..., 0] - x[..., 2] / 2
    y[..., 1] = x[..., 1] - x[..., 3] / 2
    y[..., 2] = x[..., 0] + x[..., 2] / 2
    y[..., 3] = x[..., 1] + x[..., 3] / 2
    return y


def test_what_is_assigned_place_by_place_is_stacked() -> None:
    found = operations(corners)
    assert found["stack"] == 1
    assert not found.keys() & {"concat", "slice", "unsqueeze", "zeros"}


def test_places_that_are_not_assigned_are_still_read() -> None:
    def moved(self: Any, x: Tensor) -> Tensor:
        y = x.clone()
        y[..., 1] = x[..., 0] * 2
        y[..., 3] = x[..., 2] * 3
        return y

    found = operations(moved)
    assert found["slice"] > 0
    assert found["stack"] == 0


def test_a_part_that_is_cut_is_cut_from_the_whole() -> None:
    def cut(self: Any, x: Tensor) -> Tensor:
        return torch.cat([x, x * 2], dim=-1)[..., 2:6]

    assert operations(cut)["slice"] == 1


def test_values_joined_twice_are_joined_once_where_nobody_else_reads_the_first() -> None:
    def alone(self: Any, x: Tensor) -> Tensor:
        return torch.cat([torch.cat([x, x * 2], dim=-1), x * 3], dim=-1)

    def read(self: Any, x: Tensor) -> Tensor:
        both = torch.cat([x, x * 2], dim=-1)
        return torch.cat([both, both.sin()], dim=-1)

    def across(self: Any, x: Tensor) -> Tensor:
        return torch.cat([torch.cat([x, x * 2], dim=1), torch.cat([x, x * 3], dim=1)], dim=-1)

    assert [operations(steps)["concat"] for steps in (alone, read, across)] == [1, 2, 3]


def test_parts_with_other_dimensions_are_no_stack() -> None:
    def rows(self: Any, x: Tensor) -> Tensor:
        return torch.cat([x.unsqueeze(1), (x * 2).unsqueeze(1)], dim=2)

    assert operations(rows)["stack"] == 0


@pytest.mark.parametrize(
    ("steps", "keeps"),
    [
        (lambda self, x: x / x.sum(-1).unsqueeze(-1), True),
        (lambda self, x: x * x.mean((1, 2)).unsqueeze(1).unsqueeze(2), True),
        (lambda self, x: x.unsqueeze(2) * x.sum(1).unsqueeze(2).unsqueeze(1), False),
    ],
)
def test_a_dimension_that_is_added_again_is_kept(steps: Callable[[Any, Tensor], Tensor], keeps: bool) -> None:
    (reduced,) = [node for node in nodes(steps) if node["op"] in ("sum", "mean")]
    assert reduced.get("keepdim", False) == keeps


def test_dimensions_in_front_are_added_by_the_expansion() -> None:
    def in_front(self: Any, x: Tensor) -> Tensor:
        return torch.cat([x, self.table.sin().unsqueeze(0).unsqueeze(0).expand(len(x), x.shape[1], -1)], dim=-1)

    def behind(self: Any, x: Tensor) -> Tensor:
        return torch.cat([x, self.table.sin().unsqueeze(-1).expand(4, 4)[None].expand(len(x), 4, 4)], dim=1)

    assert [operations(steps)["unsqueeze"] for steps in (in_front, behind)] == [0, 1]


def test_constants_are_computed_once_and_values_as_they_are() -> None:
    def gated(self: Any, x: Tensor) -> Tensor:
        return self.table.sigmoid() * x + (1 - self.table.sigmoid()) * x.sin()

    def twice(self: Any, x: Tensor) -> Tensor:
        return x.sigmoid() * x.sigmoid().sin()

    def dropped(self: Any, x: Tensor) -> Tensor:
        one, two = (functional.dropout(self.table, 0.5, self.training) for _ in range(2))
        return x * one + two

    assert operations(gated)["sigmoid"] == 1
    assert operations(twice)["sigmoid"] == 2
    assert operations(dropped)["dropout"] == 2

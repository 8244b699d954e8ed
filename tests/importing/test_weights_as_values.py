"""Weights of layers that a forward also reads in other ways: they are values then, under the same keys."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from archgraph.graph import weights
from archgraph.importing.api import import_module
from archgraph.importing.sources.example_inputs import InputDescription


class Reading(nn.Module):
    def __init__(self, layer: nn.Module, function: Callable[[nn.Module, Tensor], Tensor]):
        super().__init__()
        self.layer, self.function = layer, function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.layer, x)


def both_strides(layer: nn.Module, x: Tensor) -> Tensor:
    coarse = F.conv2d(x, layer.weight, layer.bias, stride=2, padding=1)  # type: ignore[arg-type]
    return layer(x).mean((2, 3)) + coarse.mean((2, 3))  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("layer", "function"),
    [
        (nn.Linear(4, 4), lambda layer, x: F.linear(layer(x), layer.weight.t())),
        (nn.Linear(4, 4), lambda layer, x: F.linear(x, layer.weight[:2]) + layer(x)[:, 1:3]),
        (nn.LayerNorm(4), lambda layer, x: F.layer_norm(x, (4,), layer.weight, None)),
        (nn.LayerNorm(4), lambda layer, x: F.layer_norm(x, (4,), None, layer.bias) + layer(x) * layer.weight),
        (nn.GroupNorm(2, 4), lambda layer, x: F.group_norm(x, 2, None, layer.bias)),
        (nn.Linear(4, 4), lambda layer, x: F.linear(x, layer.weight)),
        (nn.Conv2d(4, 4, 3, padding=1), both_strides),
    ],
)
def test_a_weight_that_is_read_in_several_ways(
    layer: nn.Module, function: Callable[[nn.Module, Tensor], Tensor]
) -> None:
    torch.manual_seed(0)
    sizes = ("N", 4, "H", "W") if isinstance(layer, nn.Conv2d) else ("N", 4)
    made = import_module(Reading(layer, function), {"x": InputDescription(sizes)})
    assert made.parity is not None
    assert [item.key for item in weights(made.graph)] == ["layer.weight", "layer.bias"]

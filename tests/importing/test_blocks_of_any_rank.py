"""One block for tokens and for maps with channels last, where it reads the last dimension alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from proved_imports import proved
from torch import Tensor, nn

from archgraph.importing.sources.input_descriptions import InputDescription

PICTURES = {"x": InputDescription(("N", 6, 6, 8))}


class Mlp(nn.Module):
    def __init__(self, norm: tuple[int, ...] = (8,), act: nn.Module | None = None) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(norm)
        self.fc1, self.fc2, self.act = nn.Linear(8, 16), nn.Linear(16, 8), act or nn.GELU()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.fc2(self.act(self.fc1(self.norm(x))))
        return out


class Network(nn.Module):
    """Two of a map, then two of its tokens in rows or in one row."""

    def __init__(
        self, norms: tuple[tuple[int, ...], tuple[int, ...]] = ((8,), (8,)), act: Any = nn.GELU, rows: bool = False
    ) -> None:
        super().__init__()
        self.rows = rows
        self.maps = nn.Sequential(*[Mlp(norms[0], act()) for _ in range(2)])
        self.tokens = nn.Sequential(*[Mlp(norms[1], act()) for _ in range(2)])

    def forward(self, x: Tensor) -> Tensor:
        x = self.maps(x)
        out: Tensor = self.tokens(x.flatten(0, 1) if self.rows else x.flatten(1, 2))
        return out


class Softmax(nn.Module):
    """Over the dimension behind the first: other places in maps than in tokens."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.softmax(x, 1)


def test_a_feed_forward_network_is_one_block_for_maps_and_tokens() -> None:
    spec = proved(Network, PICTURES).spec
    assert {name: block["inputs"] for name, block in spec["blocks"].items()} == {"mlp": {"x": ["...", "C"]}}


@pytest.mark.parametrize(
    ("norms", "act"),
    [(((6, 8), (36, 8)), nn.GELU), (((8,), (8,)), Softmax), (((8,), (8,)), lambda: nn.PReLU(6))],
    ids=["a norm over two dimensions", "softmax over places", "weights for places"],
)
def test_what_reads_other_dimensions_is_a_block_for_each_rank(norms: Any, act: Any) -> None:
    spec = proved(lambda: Network(norms, act, rows=len(norms[0]) == 1), PICTURES).spec
    assert [name for name in spec["blocks"] if name.startswith("mlp")] == ["mlp2", "mlp"]


class Scaled(nn.Module):
    """A layer by a number that another module holds, as in NFNet."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(6, 6)

    def forward(self, x: Tensor, gain: Tensor) -> Tensor:
        out: Tensor = self.fc(x) * gain
        return out


class ByOneGain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(0.5))
        self.layers = nn.ModuleList(Scaled() for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x, self.gain)
        return x


def test_a_number_is_an_input_without_dimensions() -> None:
    spec = proved(ByOneGain, {"x": InputDescription(("N", 6))}).spec
    assert spec["blocks"]["scaled"]["inputs"]["gain"] == []

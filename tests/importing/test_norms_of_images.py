"""A layer norm between two permutations is the norm of images; permutations are called after what they put last."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import archgraph as ag
from archgraph.importing.writing.plain_data.norms_of_images import with_norms_of_images

SIZES = {"x": "N,3,H,W"}
LAST, FIRST = {"op": "permute", "dims": [0, 2, 3, 1]}, {"op": "permute", "dims": [0, 3, 1, 2]}
NORM = {"op": "layer_norm", "eps": 1e-6}


class Stem(nn.Module):
    """A convolution that is normalized twice, with channels last; `read` takes the first permutation's value too."""

    def __init__(self, read: bool = False) -> None:
        super().__init__()
        self.conv, self.norm1, self.norm2 = nn.Conv2d(3, 8, 3), nn.LayerNorm(8, eps=1e-6), nn.LayerNorm(8)
        self.read = read

    def forward(self, x: Tensor) -> Tensor:
        last = self.conv(x).permute(0, 2, 3, 1)
        first = self.norm1(last).permute(0, 3, 1, 2)
        out: Tensor = self.norm2(first.relu().permute(0, 2, 3, 1))
        return out + last if self.read else out


def test_norms_of_images_are_one_node() -> None:
    torch.manual_seed(0)
    nodes = ag.from_torch(Stem(), SIZES).info.written["nodes"]
    assert nodes["norm1"] == "layer_norm2d"
    assert [*nodes] == ["conv", "norm1", "relu", "channels_last", "norm2"]


def test_a_value_that_others_read_stays() -> None:
    nodes = ag.from_torch(Stem(read=True), SIZES).info.written["nodes"]
    assert [*nodes] == ["conv", "channels_last", "norm1", "channels_first", "relu", "channels_last_2", "norm2", "add"]


@pytest.mark.parametrize(
    ("norm", "made"),
    [(NORM, "layer_norm2d"), ("layer_norm", {"op": "layer_norm2d", "eps": 1e-5}), ({**NORM, "bias": False}, None)],
)
def test_the_norm_keeps_its_numbers(norm: Any, made: Any) -> None:
    given = {"nodes": {"a": {**LAST, "in": "x"}, "norm": norm, "b": FIRST, "act": {"op": "relu", "in": "b"}}}
    nodes = with_norms_of_images(given)["nodes"]
    if made is None:
        assert nodes == given["nodes"]
    else:
        read = {"op": made} if isinstance(made, str) else made
        assert nodes == {"norm": {**read, "in": "x"}, "act": {"op": "relu", "in": "norm"}}


@pytest.mark.parametrize(
    "changed",
    [
        {"a": {"op": "permute", "dims": [0, 3, 2, 1]}},
        {"b": {**FIRST, "when": "=swapped"}},
        {"act": {"op": "add", "in": ["b", "a"]}},
        {"outputs": {"one": "b", "two": "norm"}},
    ],
)
def test_other_permutations_stay(changed: dict[str, Any]) -> None:
    outputs = changed.pop("outputs", None)
    nodes = {"a": LAST, "norm": NORM, "b": FIRST, "act": "relu"} | changed
    given = {"nodes": nodes, **({"outputs": outputs} if outputs else {})}
    assert with_norms_of_images(given) == given


class Scores(nn.Module):
    """Scores of attention with a bias for each head, made last and put first: no channels of an image."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.bias(x).permute(0, 3, 1, 2).softmax(-1)


def test_heads_are_no_channels() -> None:
    nodes = ag.from_torch(Scores(), {"x": "N,L,L,3"}).info.written["nodes"]
    assert "channels_first" not in nodes

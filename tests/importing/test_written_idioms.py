"""Steps that are one operation are written as it, and classes that each lack a part of the other as one block."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import references
import torch
from torch import Tensor, nn

from archgraph.importing.api import import_module
from archgraph.importing.sources.input_descriptions import InputDescription

TOKENS = {"x": InputDescription(("N", "L", 12))}


def proved(module: Any, inputs: Mapping[str, InputDescription]) -> Mapping[str, Any]:
    """The spec of a module that was proved equal to it."""
    found = import_module(module, inputs)
    assert found.parity is not None
    return found.spec


class Attention(nn.Module):
    """Attention in three heads as it is often written. `packed` makes queries, keys and values by one map."""

    def __init__(self, packed: bool, scale: float = 0.5) -> None:
        super().__init__()
        self.packed, self.scale = packed, scale
        self.maps = nn.ModuleList([nn.Linear(12, 36)] if packed else [nn.Linear(12, 12) for _ in range(3)])

    def forward(self, x: Tensor) -> Tensor:
        n, length, _ = x.shape
        if self.packed:
            q, k, v = self.maps[0](x).reshape(n, length, 3, 3, 4).permute(2, 0, 3, 1, 4).unbind(0)
        else:
            q, k, v = (one(x).reshape(n, length, 3, 4).transpose(1, 2) for one in self.maps)
        scores = (q * self.scale) @ k.transpose(-2, -1)
        return (scores.softmax(dim=-1) @ v).transpose(1, 2).reshape(n, length, 12)


@pytest.mark.parametrize("packed", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_attention_step_by_step_is_the_operation(packed: bool) -> None:
    nodes = list(proved(lambda: Attention(packed), TOKENS)["nodes"].values())
    assert nodes[-1]["op"] == "scaled_dot_product_attention"
    assert {key: nodes[-1][key] for key in nodes[-1] if key != "in"} == {"op": nodes[-1]["op"], "num_heads": 3}
    assert len(nodes) == (3 if packed else 2)


def test_another_scale_is_written_and_a_mask_before_it_leaves_the_steps() -> None:
    spec = import_module(lambda: Attention(True, 0.25), TOKENS, verify=False).spec
    assert list(spec["nodes"].values())[-1]["scale"] == 0.25

    class Masked(Attention):
        def forward(self, x: Tensor) -> Tensor:
            parts = [one(x).unflatten(2, (3, 4)).transpose(1, 2) for one in self.maps]
            scores = (parts[0] @ parts[1].transpose(-2, -1) + parts[0].sum()) * 0.5
            return (scores.softmax(-1) @ parts[2]).transpose(1, 2).flatten(2)

    operations = [
        node if isinstance(node, str) else node.get("op")
        for node in proved(lambda: Masked(False), TOKENS)["nodes"].values()
    ]
    assert "softmax" in operations


def swin() -> nn.Module:
    """torchvision's Swin with two blocks of windows of four places, the second one shifted."""
    made: nn.Module = references.torchvision().models.SwinTransformer(
        [2, 2], 12, [2], [3], window_size=[4, 4], stochastic_depth_prob=0.0, num_classes=5
    )
    return made


@pytest.mark.parametrize("sides", [(20, 12), (28, 28), ("H", "W")], ids=str)
def test_shifted_windows_are_the_standard_block(sides: tuple[int | str, int | str]) -> None:
    """Windows that are padded, that fill the image, and of free sizes, of which some are tried."""
    spec = proved(swin, {"x": InputDescription(("N", 3, *sides))})
    attention = spec["blocks"]["swin_transformer_block"]["nodes"]["attn"]
    assert attention == {"op": "shifted_window_attention", "heads": 3, "window": 4, "shift": "=shift"}


class Unit(nn.Module):
    """Res2Net's unit with two groups: the first one pools, the others add what was found before."""

    def __init__(self, first: bool) -> None:
        super().__init__()
        self.first = first
        self.convs = nn.ModuleList(nn.Conv2d(2, 2, 3, padding=1) for _ in range(2))
        self.pool = nn.AvgPool2d(3, 1, 1)
        self.last = nn.Conv2d(6, 6, 1)

    def forward(self, x: Tensor) -> Tensor:
        parts = x.chunk(3, dim=1)
        first = self.convs[0](parts[0])
        second = self.convs[1](parts[1] if self.first else first + parts[1])
        third = self.pool(parts[2]) if self.first else parts[2]
        return self.last(torch.cat([first, second, third], dim=1))


class Units(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(Unit(True), nn.ReLU(), Unit(False), nn.Tanh(), Unit(False), nn.ReLU(), Unit(True))


def test_classes_of_which_each_lacks_a_part_are_one() -> None:
    spec = proved(Units, {"input": InputDescription(("N", 6, "H", "W"))})
    assert list(spec["blocks"]) == ["unit"]
    nodes = spec["blocks"]["unit"]["nodes"]
    (flag,) = spec["blocks"]["unit"]["params"]
    assert {nodes["add"]["when"], nodes["pool"]["when"]} == {f"={flag}", f"=not {flag}"}


class Windows(nn.Module):
    """Windows of four tokens; sixteen are four windows, four are one."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        n, length, c = x.shape
        windows = x.reshape(n, length // 4, 4, c).permute(0, 1, 3, 2)
        return self.mix(windows).permute(0, 1, 3, 2).reshape(n, length, c)


class Scales(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fine, self.coarse = Windows(), Windows()

    def forward(self, x: Tensor) -> Tensor:
        return self.coarse(self.fine(x).reshape(x.shape[0], 4, 4 * x.shape[2]))


def test_changes_of_shape_are_said_alike_in_all_calls_of_a_class() -> None:
    spec = proved(Scales, {"x": InputDescription(("N", 16, 3))})
    assert list(spec["blocks"]) == ["windows"]


class CrossCovariance(nn.Module):
    """El-Nouby et al. 2021, XCiT: attention between the channels of normalized queries and keys, with a temperature for
    each head."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(12, 36)
        self.temperature = nn.Parameter(torch.ones(3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        n, length, _ = x.shape
        q, k, v = self.qkv(x).reshape(n, length, 3, 3, 4).permute(2, 0, 3, 4, 1).unbind(0)
        q, k = nn.functional.normalize(q, dim=-1), nn.functional.normalize(k, dim=-1, eps=1e-6)
        scores = (q @ k.transpose(-2, -1)) * self.temperature
        return (scores.softmax(dim=-1) @ v).permute(0, 3, 1, 2).reshape(n, length, 12)


def test_a_temperature_of_heads_multiplies_the_queries_of_one_attention() -> None:
    nodes = proved(CrossCovariance, {"x": InputDescription(("N", 5, 12))})["nodes"]
    operations = [node["op"] if isinstance(node, dict) else node for node in nodes.values()]
    assert operations.count("normalize") == 2
    assert {"vector_norm", "clamp", "expand", "matmul", "softmax"}.isdisjoint(operations)
    (attention,) = (node for node in nodes.values() if "scaled_dot_product_attention" in str(node))
    assert attention["scale"] == 1.0
    assert [node["eps"] for node in nodes.values() if isinstance(node, dict) and "eps" in node] == [1e-6]


def test_attention_over_a_free_number_of_channels_stays_in_steps() -> None:
    operations = [node["op"] for node in proved(CrossCovariance, TOKENS)["nodes"].values() if isinstance(node, dict)]
    assert operations.count("normalize") == operations.count("matmul") == 2


@pytest.mark.parametrize("own", [True, False])
def test_a_length_of_another_value_or_a_bound_above_stays_in_steps(own: bool) -> None:
    class Divided(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            length = torch.linalg.vector_norm(x if own else x + 1, dim=-1, keepdim=True)
            return x / length.clamp(min=0.5, max=9.0 if own else None)

    operations = [node["op"] for node in proved(Divided, TOKENS)["nodes"].values()]
    assert "normalize" not in operations

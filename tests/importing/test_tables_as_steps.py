"""Tables that a module computes when it is made: positions and offsets are written as the steps that make them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import references
import torch
from torch import Tensor, nn

import archgraph as ag
from archgraph.graph.spec_text import spec_text
from archgraph.importing.api import Imported, import_module
from archgraph.importing.reports import report, report_lines


class Added(nn.Module):
    """A table without a key, added to what is read."""

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.register_buffer("table", table, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.table + self.table


class Attribute(nn.Module):
    """A table that is a plain attribute."""

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.table = table

    def forward(self, x: Tensor) -> Tensor:
        return x + self.table


class Weighed(Attribute):
    """Scores with a table, as parts of one."""

    def forward(self, x: Tensor) -> Tensor:
        return (x + self.table).softmax(-1)


class OffsetBias(nn.Module):
    """timm's bias of relative positions, whose index has no key."""

    def __init__(self, height: int, width: int, token: bool = False) -> None:
        super().__init__()
        index = references.timm().layers.pos_embed_rel.gen_relative_position_index((height, width), class_token=token)
        self.places = height * width + token
        self.table = nn.Parameter(torch.zeros((2 * height - 1) * (2 * width - 1) + 3 * token, 2))
        self.register_buffer("index", index, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        rows = self.table[self.index.view(-1)].view(self.places, self.places, -1)
        return x + rows.permute(2, 0, 1)


def imported(module: nn.Module, *sizes: int) -> Imported:
    """The module, proved equal at a free batch size."""
    return import_module(module, {"x": torch.zeros(2, *sizes)}, dynamic={"x": {0: "N"}})


def nodes_of(found: Imported) -> dict[str, Any]:
    return dict(found.spec["nodes"])


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        (OffsetBias(4, 4), {"op": "relative_position_index", "height": 4}),
        (OffsetBias(3, 4), {"op": "relative_position_index", "height": 3, "width": 4}),
        (OffsetBias(4, 4, token=True), {"op": "relative_position_index", "height": 4, "class_token": True}),
    ],
)
def test_offsets_between_places_are_counted(module: OffsetBias, expected: dict[str, Any]) -> None:
    found = imported(module, 2, module.places, module.places)
    assert nodes_of(found)["index"] == expected
    assert [*nodes_of(found)] == ["index", "table", "index2", "permute", "add"]
    assert found.tables == ()


def test_numbers_of_places_are_counted() -> None:
    numbers = (torch.arange(9)[:, None] * 20 + torch.arange(9) * 2 + 3).flatten()
    found = imported(Attribute(numbers), 81)
    assert [node.get("op") for node in nodes_of(found).values()] == [
        *("arange", "unsqueeze", "arange", "add", "flatten", "add")
    ]
    assert torch.equal(ag.to_torch(found.graph)(torch.zeros(1, 81))[0], numbers.float())


def planar(dim: int, size: int, base: int) -> Tensor:
    """The positions of DiT, as diffusers makes them."""
    made = references.diffusers().models.embeddings.get_2d_sincos_pos_embed(dim, size, base_size=base)
    return torch.as_tensor(made).float().unsqueeze(0)


def plain(height: int, width: int, dim: int) -> Tensor:
    """The positions of plain ViTs (Beyer et al. 2022), whose frequencies reach the period."""
    rates = 10_000 ** -(torch.arange(dim // 4) / (dim // 4 - 1))
    down, across = (torch.outer(places, rates) for places in (torch.arange(height), torch.arange(width)))
    across, down = across.repeat(height, 1), down.repeat_interleave(width, 0)
    return torch.cat([across.sin(), across.cos(), down.sin(), down.cos()], 1)


def rotary(height: int, width: int, dim: int, reference: float) -> Tensor:
    """The rotation of EVA-02, as timm makes it: in float32."""
    build = references.timm().layers.pos_embed_sincos.build_rotary_pos_embed
    shape = [height * reference, width * reference]
    return torch.cat(build([height, width], dim=dim, in_pixels=False, ref_feat_shape=shape), -1)


def waves(length: int, dim: int, last: int) -> Tensor:
    """Positions in a row (Vaswani et al. 2017) with cosines first; the period of the last wave is reached at `last`."""
    rates = torch.exp(torch.arange(dim // 2).float() * -(math.log(10_000.0) / last))
    angles = torch.arange(length).float()[:, None] * rates
    return torch.cat([angles.cos(), angles.sin()], -1)


def distances(height: int, width: int) -> Tensor:
    """How far places are apart, as timm makes it for networks with continuous biases."""
    table: Tensor = references.timm().layers.pos_embed_rel.gen_relative_log_coords((height, width), mode="cr")
    return table


TABLES = [
    (distances(4, 4), "relative_log_distances", {"height": 4}),
    (distances(4, 6), "relative_log_distances", {"height": 4, "width": 6}),
    (planar(16, 4, 4), "sincos_position", {"height": 4, "dim": 16}),
    (planar(16, 8, 3), "sincos_position", {"height": 8, "dim": 16, "step": 0.375}),
    (plain(4, 5, 32), "sincos_position", {"height": 4, "width": 5, "dim": 32, "freq_shift": 1.0}),
    (rotary(4, 5, 16, 1.0), "rotary_position", {"height": 4, "width": 5, "dim": 16}),
    (rotary(8, 8, 16, 0.5), "rotary_position", {"height": 8, "dim": 16, "step": 0.5}),
    (waves(50, 16, 8), "sinusoidal_embedding", {"dim": 16, "freq_shift": 0.0, "flip_sin_to_cos": True}),
    (waves(50, 16, 7), "sinusoidal_embedding", {"dim": 16, "flip_sin_to_cos": True}),
]


@pytest.mark.parametrize(("table", "operation", "arguments"), TABLES)
def test_waves_are_written_as_steps_and_their_rounding_is_said(
    table: Tensor, operation: str, arguments: dict[str, Any]
) -> None:
    sizes = table.shape[1:] if table.shape[0] == 1 else table.shape
    found = imported(Added(table), *sizes)
    (node,) = (node for node in nodes_of(found).values() if isinstance(node, dict) and node.get("op") == operation)
    assert {name: value for name, value in node.items() if name not in ("op", "in")} == arguments
    assert found.parity is not None
    assert found.parity.difference < 1e-12
    ((name, difference),) = ((made.name, made.difference) for made in found.tables)
    assert name == "table"
    assert 0 < difference < 4e-6
    assert report(found)["tables"][0]["shape"] == list(table.shape)
    assert any(line.startswith("  table   table: ") for line in report_lines(found))
    module = ag.to_torch(found.graph)
    x = torch.randn(2, *sizes)
    assert torch.allclose(module(x), x * table + table, atol=1e-5)


def test_a_plain_attribute_is_a_table_too() -> None:
    table = planar(16, 4, 4)
    found = imported(Attribute(table), 16, 16)
    assert [made.name for made in found.tables] == ["table"]


@pytest.mark.parametrize("change", [1e-4, -1e-4])
def test_a_table_with_another_number_stays_numbers(change: float) -> None:
    table = planar(16, 4, 4)
    table[0, 5, 3] += change
    found = imported(Added(table), 16, 16)
    assert found.tables == ()
    assert "constant" in {node["op"] for node in nodes_of(found).values()}
    assert torch.equal(ag.to_torch(found.graph)(torch.zeros(1, 16, 16)), table)


@pytest.mark.parametrize("table", [distances(4, 4) * 1.001, distances(4, 4).flip(0), distances(5, 5)[:, 1:]])
def test_other_distances_stay_numbers(table: Tensor) -> None:
    found = imported(Added(table), *table.shape)
    assert found.tables == ()
    assert "relative_log_distances" not in str(found.spec)


def test_another_offset_stays_a_number() -> None:
    module = OffsetBias(4, 4)
    module.index[2, 3] += 1
    found = imported(module, 2, 16, 16)
    assert "relative_position_index" not in str(found.spec)


def test_a_buffer_with_a_key_comes_with_the_weights() -> None:
    module = Added(planar(16, 4, 4))
    module._non_persistent_buffers_set.clear()
    found = imported(module, 16, 16)
    assert found.tables == ()
    assert list(ag.to_torch(found.graph).state_dict()) == ["table"]


def test_a_table_that_nothing_explains_is_one_text(tmp_path: Path) -> None:
    torch.manual_seed(0)
    table = torch.randn(40, 30)
    found = imported(Added(table), 40, 30)
    text = spec_text(found.spec)
    assert text.count("\n") < 15
    (tmp_path / "added.yaml").write_text(text, encoding="utf-8")
    graph = ag.load(tmp_path / "added.yaml")
    assert torch.equal(ag.to_torch(graph)(torch.zeros(1, 40, 30))[0], table)


@pytest.mark.parametrize(
    ("table", "filled", "last"),
    [
        (torch.ones(24, 24).tril(), 1.0, {"op": "tril"}),
        (torch.ones(1, 24, 32).triu(-2), 1.0, {"op": "triu", "diagonal": -2}),
        (torch.full((24, 24), -math.inf).triu(1), -math.inf, {"op": "triu", "diagonal": 1}),
    ],
)
def test_triangles_are_written_as_such(table: Tensor, filled: float, last: dict[str, Any]) -> None:
    found = imported(Weighed(table), *table.shape[-2:])
    nodes = nodes_of(found)
    assert nodes["table_all"] == {"op": "full", "shape": [*table.shape], "fill_value": filled}
    assert nodes["table"] in (last, last["op"])
    assert found.tables == ()


class Hidden(nn.Module):
    """Scores of which a mask of truth values hides some, cut to their size."""

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[-1]
        return x.masked_fill(~self.mask[:size, :size], -1.0)


def test_a_mask_of_the_tokens_before_is_a_triangle_of_truth() -> None:
    mask = torch.ones(32, 32).tril().bool()
    assert nodes_of(imported(Hidden(mask), 8, 8))["mask"] == "tril"
    mask[20, 3] = False
    assert nodes_of(imported(Hidden(mask), 8, 8))["mask"]["op"] == "constant", "a triangle with a hole is none"


class Windowed(nn.Module):
    """A filter that the forward makes step by step in place, as julius resamples sound."""

    def forward(self, x: Tensor) -> Tensor:
        t = torch.arange(-6, 6).float() / 3
        t *= math.pi
        kernel = torch.where(t == 0, torch.ones(()), t.sin() / t) * (t / 12).cos() ** 2
        kernel.div_(kernel.sum())
        return nn.functional.conv1d(x, kernel[None, None])


def test_a_constant_that_is_made_in_place_is_rounded_once() -> None:
    module = Windowed()
    graph = ag.from_torch(module, {"x": "N,1,L"}, name="windowed")
    x = torch.randn(1, 1, 20)
    assert torch.allclose(ag.to_torch(graph)(x), module(x), atol=1e-6)

"""Values that calls of one class hand out under numbers, and groups under names that count."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

import archgraph as ag
from archgraph.graph.types import Call
from archgraph.importing.writing.rewriting.handed_out import with_named_outputs
from archgraph.language.load import load
from archgraph.language.reading.document import read_text

RESIDUALS = """
archgraph: 1
name: residuals
inputs: {x: [N, L, 4]}
nodes:
  code:   {op: quantizer}
  left:   {op: sub, in: [x, code.output_2]}
  code_2: {op: quantizer}
  total:  {op: add, in: [code.output_2, code_2.output_2]}
blocks:
  quantizer:
    inputs: {x: [N, L, C]}
    nodes:
      codes: {op: buffer, shape: [1, 5, 4]}
      index: {op: argmin, in: codes, dim: 1}
      found: {op: relu, in: x}
    outputs: {output_1: index, output_2: found}
"""


def test_calls_without_an_output_that_others_have_number_the_rest_alike() -> None:
    """As in residual quantizers: what the last code leaves is read by nobody, and its other outputs come before."""
    graph = load(read_text(RESIDUALS).data)
    *before, last, total = graph.items
    assert isinstance(last, Call)
    names = dict(zip(("output_0", "output_1"), last.body.outputs.values(), strict=True))
    other = replace(last, body=replace(last.body, outputs=names))
    made = with_named_outputs(replace(graph, items=(*before, other, total)))
    assert [list(one.body.outputs) for one in made.items if isinstance(one, Call)] == [["output_1", "output_2"]] * 2


class Unit(nn.Module):
    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out, 1)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return self.conv(x).relu() + t[:, :, None, None]


class Skips(nn.Module):
    """Lists of lists of lists: each unit of the way down is read by one of the way up."""

    def __init__(self) -> None:
        super().__init__()
        levels = range(2)
        self.downs = nn.ModuleList(
            nn.ModuleList([Unit(4, 4), nn.ModuleList([Unit(4, 4), Unit(4, 4)]), nn.Conv2d(4, 4, 2, 2)]) for _ in levels
        )
        self.ups = nn.ModuleList(
            nn.ModuleList([Unit(4, 4), nn.ModuleList([Unit(8, 4), Unit(8, 4)]), nn.ConvTranspose2d(4, 4, 2, 2)])
            for _ in levels
        )

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        skips = []
        for first, units, scale in self.downs:
            x = first(x, t)
            for unit in units:
                x = unit(x, t)
                skips.append(x)
            x = scale(x)
        for first, units, scale in self.ups:
            x = first(scale(x), t)
            for unit in units:
                x = unit(torch.cat([x, skips.pop()], 1), t)
        return x


def test_copies_inside_of_a_group_are_read_by_names_that_count() -> None:
    graph = ag.from_torch(Skips(), {"x": "N,4,H,W", "t": "N,4"}, name="skips")
    assert "{1 - i}" in graph.spec()


def rows2(x: Tensor) -> Tensor:
    """[N, heads · C, H, W] → [N, heads, H · W, C]."""
    return x.unflatten(1, (4, 2)).flatten(3).permute(0, 1, 3, 2)


class Rows(nn.Module):
    """A function with a number in its name, of one value and of each of three parts."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.gate = nn.Conv2d(8, 24, 1), nn.Conv2d(8, 8, 1)

    def forward(self, x: Tensor) -> Tensor:
        gate = rows2(self.gate(x))
        q, k, v = map(rows2, self.qkv(x).chunk(3, 1))
        q = q / q.norm(dim=-1, keepdim=True)
        return functional.scaled_dot_product_attention(q, k, v) * gate


def test_copies_of_a_function_take_no_path_of_another_call() -> None:
    nodes = ag.from_torch(Rows(), {"x": "N,8,H,W"}, name="rows").info.written["nodes"]
    assert nodes["rows2_2"] == "rows2"
    assert nodes["rows2"]["path"] == "rows2_copies.{i}"

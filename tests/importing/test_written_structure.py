"""Blocks that imports find beyond classes: functions, steps of a loop, streams, alike containers, torch's attention."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import yaml
from proved_imports import proved
from torch import Tensor, nn

import archgraph as ag
from archgraph.graph.spec_text import spec_text
from archgraph.importing.api import import_module
from archgraph.importing.sources.input_descriptions import InputDescription
from archgraph.language.reading.document import read_text

TOKENS = {"x": InputDescription(("N", "L", 16))}
STREAMS = {"x": InputDescription(("N", "L", 16)), "context": InputDescription(("N", "S", 16))}
STEPS = {"x": InputDescription(("N", 5, 8))}


class Joint(nn.Module):
    """A block with two streams, as those of MMDiT."""

    def __init__(self) -> None:
        super().__init__()
        self.to_x, self.to_context = nn.Linear(16, 16), nn.Linear(16, 16)

    def forward(self, x: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        whole = torch.cat([self.to_context(context), self.to_x(x)], dim=1)
        length = context.shape[1]
        return whole[:, length:] + x, whole[:, :length] * 2


class Streams(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Joint() for _ in range(3))

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        for block in self.blocks:
            x, context = block(x, context)
        return x


def test_blocks_with_two_streams_are_chained_by_name() -> None:
    spec = proved(Streams, STREAMS).spec
    assert spec["nodes"] == {"blocks": {"op": "joint", "in": ["x", "context"], "repeat": 3, "chain": ["x", "context"]}}
    assert spec["outputs"] == "blocks.x"
    assert list(spec["blocks"]) == ["joint"], "the last one hands out both, though its words are not read"
    assert set(spec["blocks"]["joint"]["outputs"]) == {"x", "context"}


class Step(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Linear(16, 16)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.proj(x) * y


class Numbered(nn.Module):
    """Two levels of numbers; the last layer reads the very first."""

    def __init__(self) -> None:
        super().__init__()
        first, second = [nn.Linear(16, 16), nn.Tanh()], [Step(), Step()]
        self.blocks = nn.ModuleList(map(nn.ModuleList, (first, second)))

    def forward(self, x: Tensor) -> Tensor:
        first = self.blocks[0][0](x)
        last = self.blocks[1][0](self.blocks[0][1](first), first)
        return self.blocks[1][1](first, last)


def test_what_is_read_across_levels_of_equal_numbers_has_a_name() -> None:
    blocks = proved(Numbered, TOKENS).spec["nodes"]["blocks"]["nodes"]
    assert list(blocks) == ["blocks_0", "1"]
    assert blocks["blocks_0"]["path"] == "0"
    assert blocks["1"]["nodes"]["1"]["in"] == ["blocks_0.linear_0", "0"]


class PartlyRead(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.unread, self.third = (nn.Linear(16, 16) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        return self.third(self.second(self.first(x)).relu())


def test_unread_weights_stand_where_their_keys_do() -> None:
    tokens = {"input": TOKENS["x"]}
    spec = proved(lambda: nn.Sequential(nn.Sequential(nn.Linear(16, 16), PartlyRead()), nn.Tanh()), tokens).spec
    assert "order" not in spec


def turned(x: Tensor, angle: Tensor) -> Tensor:
    """Rotary position embedding of pairs of channels."""
    a, b = x.unflatten(-1, (-1, 2)).unbind(-1)
    return x * angle.cos() + torch.stack([-b, a], dim=-1).flatten(-2) * angle.sin()


class Rotary(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.q, self.k = nn.Linear(16, 16), nn.Linear(16, 16)

    def forward(self, x: Tensor) -> Tensor:
        angle = x[:, :, :1]
        return turned(self.q(x), angle) * turned(self.k(x), angle)


def test_a_function_that_is_called_twice_is_a_block_of_its_name() -> None:
    spec = proved(Rotary, TOKENS).spec
    assert list(spec["blocks"]) == ["turned"]
    calls = [node for node in spec["nodes"].values() if isinstance(node, dict) and node["op"] == "turned"]
    assert len(calls) == 2
    assert spec["nodes"][calls[0]["in"][0]] == {"op": "linear", "in": "x", "out_features": 16}


class Recurrent(nn.Module):
    """A linear recurrence over the tokens, as in state space models. `skipped` is a step that is left out."""

    def __init__(self, skipped: int = -1) -> None:
        super().__init__()
        self.decay = nn.Linear(8, 8)
        self.skipped = skipped

    def forward(self, x: Tensor) -> Tensor:
        decay, state, found = torch.sigmoid(self.decay(x)), torch.zeros_like(x[:, 0]), []
        for step in range(x.shape[1]):
            if step != self.skipped:
                state = decay[:, step] * state + x[:, step]
            found.append(torch.tanh(state) * 2)
        return torch.stack(found, dim=1)


def test_steps_that_are_written_out_are_a_scan() -> None:
    spec = proved(Recurrent, STEPS).spec
    (name,) = (name for name, node in spec["nodes"].items() if isinstance(node, dict) and "scan" in node)
    step = spec["nodes"][name]
    assert set(step["scan"].values()) == {1}
    assert len(step["scan"]) == 2
    assert step["chain"] == ["state"]
    body = spec["blocks"][step["op"]]
    assert [one if isinstance(one, str) else one["op"] for one in body["nodes"].values()] == [
        "mul",
        "add",
        "tanh",
        "mul",
    ]


def test_steps_of_which_one_differs_stay_as_they_are() -> None:
    spec = import_module(lambda: Recurrent(skipped=3), STEPS, verify=False).spec
    assert "scan" not in spec_text(spec)


class Attending(nn.Module):
    """Attention to itself and to others; `averaged` hands out the mean probabilities, too."""

    def __init__(self, averaged: bool = False, batch_first: bool = True) -> None:
        super().__init__()
        self.own = nn.MultiheadAttention(16, 4, batch_first=batch_first)
        self.other = nn.MultiheadAttention(16, 2, bias=False, add_bias_kv=True, batch_first=batch_first)
        self.averaged = averaged

    def forward(self, x: Tensor, context: Tensor) -> Any:
        x = x + self.own(x, x, x, need_weights=False)[0]
        mixed, probabilities = self.other(x, context, context)
        return (mixed, probabilities) if self.averaged else mixed


def test_attention_of_torch_is_its_block() -> None:
    assert proved(Attending, STREAMS).spec["nodes"] == {
        "own": {"op": "multihead_attention", "in": ["x", "x", "x"], "num_heads": 4, "batch_first": True},
        "add": {"op": "add", "in": ["x", "own"]},
        "other": {
            "op": "multihead_attention", "in": ["add", "context", "context"], "num_heads": 2, "bias": False,
            "add_bias_kv": True, "batch_first": True,
        },
    }  # fmt: skip


def test_attention_whose_probabilities_are_read_is_no_block() -> None:
    nodes = import_module(lambda: Attending(averaged=True), STREAMS, verify=False).spec["nodes"]
    assert nodes["own"]["op"] == "multihead_attention"
    assert "softmax" in spec_text({"nodes": nodes["other"]["nodes"]})


class Containers(nn.Module):
    """Alike containers in a row and apart, and one whose layers are applied one by one."""

    def __init__(self) -> None:
        super().__init__()
        self.row = nn.ModuleList(nn.Sequential(nn.Linear(16, 16), nn.LayerNorm(16), nn.GELU()) for _ in range(3))
        self.head = nn.Sequential(nn.Linear(16, 4), nn.LayerNorm(4), nn.GELU())
        self.apart = nn.Sequential(nn.Linear(4, 2), nn.LayerNorm(2), nn.GELU())

    def forward(self, x: Tensor) -> Tensor:
        for part in self.row:
            x = part(x)
        x = self.head(x)
        for layer in self.apart:
            x = layer(x)
        return x


def test_alike_containers_are_one_block() -> None:
    spec = proved(Containers, TOKENS).spec
    (block,) = spec["blocks"]
    assert [one["op"] for one in spec["nodes"].values()] == [block] * 3
    assert spec["nodes"]["row"]["repeat"] == 3


class Distances(nn.Module):
    """A bias for each distance of two places, in two parts of other sizes; the second asks for every second place."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleList([Distance(6, 1), Distance(4, 2)])

    def forward(self, x: Tensor) -> Tensor:
        return self.parts[0](x).sum() + self.parts[1](x) if x.dim() > 1 else x


class Distance(nn.Module):
    def __init__(self, size: int, step: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.rand(size))
        places = torch.arange(size)
        self.register_buffer("table", (places[::step, None] - places).abs(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return x[..., :1] + self.bias[self.table].sum()


def test_tables_of_distances_are_computed() -> None:
    spec = proved(Distances, TOKENS).spec
    assert list(spec["blocks"]) == ["distance"], "two sizes are one class"
    assert "constant" not in spec_text(spec)


def test_the_text_of_the_graph_is_that_of_the_import() -> None:
    made = import_module(Containers, TOKENS, verify=False)
    assert made.graph.spec() == spec_text(made.spec)


@pytest.mark.parametrize("entry", ["a_name", "a, b", 'say "x, y"', 0.123456789, [1, 2, 3]])
def test_long_lists_keep_to_the_width(entry: Any) -> None:
    data = {"nodes": {"node": {"op": "some", "in": [entry] * 30}}, "order": [entry] * 40}
    text = spec_text(data)
    assert max(map(len, text.splitlines())) <= 120
    assert yaml.safe_load(text) == data


class Causal(nn.Module):
    """Scores of which what comes later is hidden by infinity."""

    def forward(self, x: Tensor) -> Tensor:
        later = torch.ones(x.shape[-1], x.shape[-1], dtype=torch.bool).triu(1)
        return x.masked_fill(later, float("-inf")).softmax(-1)


def test_infinity_is_written_as_yaml_has_it() -> None:
    graph = ag.from_torch(Causal, {"x": "N,L,L"}, name="causal")
    assert "value: -.inf" in graph.spec()
    assert graph.info.written is not None
    assert read_text(graph.spec()).data == graph.info.written

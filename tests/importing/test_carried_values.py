"""Loops that carry a value from module to module and gather another one: `x, skip = block(x)`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import references
from torch import Tensor, nn

import archgraph as ag
from archgraph.graph.keys import weights
from archgraph.graph.types import Call
from archgraph.graph.types import walk as placed_nodes


class Residual(nn.Module):
    """The layer of WaveNet (van den Oord et al. 2016): what goes on, and what the output is summed of."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(8, 16, 3, padding=dilation, dilation=dilation)
        self.res = nn.Conv1d(8, 8, 1)
        self.skip = nn.Conv1d(8, 6, 1)

    def forward(self, x: Tensor, c: Tensor) -> Any:
        value, gate = (self.conv(x) + c).chunk(2, dim=1)
        h = value.tanh() * gate.sigmoid()
        return (x + self.res(h)) * 0.5**0.5, self.skip(h)


class WaveNet(nn.Module):
    """Nobody reads what the last layer hands on: its `res` has weights that stay as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Residual(2 ** (place % 3)) for place in range(6))
        self.out = nn.Conv1d(6, 4, 1)

    def forward(self, x: Tensor, c: Tensor) -> Any:
        skips: Any = 0
        for block in self.blocks:
            x, skip = block(x, c)
            skips = skips + skip
        return self.out(skips)


class Shared(nn.Module):
    """The layer of DiffWave (Kong et al. 2021): one convolution makes both values."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(8, 16, 3, padding=dilation, dilation=dilation)

    def forward(self, x: Tensor) -> Any:
        residual, skip = self.conv(x).chunk(2, dim=1)
        return (x + residual) / 2**0.5, skip


class DiffWave(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Shared(2**place) for place in range(5))

    def forward(self, x: Tensor) -> Any:
        skip = None
        for layer in self.layers:
            x, more = layer(x)
            skip = more if skip is None else more + skip
        return skip


class Separable(nn.Module):
    """The layer of Conv-TasNet (Luo & Mesgarani 2019), in which the loop adds what it hands out to both sums."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(8, 12, 3, padding=dilation, dilation=dilation)
        self.res = nn.Conv1d(12, 8, 1)
        self.skip = nn.Conv1d(12, 6, 1)

    def forward(self, x: Tensor) -> Any:
        h = self.conv(x).relu()
        return self.res(h), self.skip(h)


class TasNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Separable(2**place) for place in range(4))

    def forward(self, x: Tensor) -> Any:
        total: Any = 0.0
        for layer in self.layers:
            residual, skip = layer(x)
            x = x + residual
            total = total + skip
        return x, total


class Down(nn.Module):
    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, width, 3, padding=1)
        self.pool = nn.MaxPool2d(2)

    def forward(self, x: Tensor) -> Any:
        skip = self.conv(x)
        return self.pool(skip), skip


class Up(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(2 * width, width, 2, stride=2)

    def forward(self, x: Tensor, skip: Tensor) -> Any:
        return self.up(x) * skip


class UNet(nn.Module):
    """The way up reads what the way down has kept, the last first (Ronneberger et al. 2015)."""

    def __init__(self) -> None:
        super().__init__()
        widths = (4, 8, 16)
        self.downs = nn.ModuleList(Down(a, b) for a, b in zip((3, *widths), widths, strict=False))
        self.mid = nn.Conv2d(16, 32, 1)
        self.ups = nn.ModuleList(map(Up, reversed(widths)))

    def forward(self, x: Tensor) -> Any:
        kept = []
        for down in self.downs:
            x, skip = down(x)
            kept.append(skip)
        x = self.mid(x)
        for up, skip in zip(self.ups, reversed(kept), strict=True):
            x = up(x, skip)
        return x


def test_skips_are_summed_behind_the_layers(tmp_path: Path) -> None:
    graph = ag.from_torch(WaveNet, {"x": "N,8,T", "c": "N,16,T"}, name="wavenet")
    written = graph.info.written
    assert list(written["blocks"]) == ["residual"]
    assert written["nodes"]["blocks"] == {
        "op": "residual",
        "in": ["x", "c"],
        "for": {"dilation": [1, 2, 4, 1, 2, 4]},
        "dilation": "=dilation",
        "chain": ["x"],
    }
    assert written["blocks"]["residual"]["outputs"] == {"x": "mul2", "skip": "skip"}
    (total,) = (node for name, node in written["nodes"].items() if name.startswith("add"))
    assert total == {"op": "add", "in": ["blocks.0.skip", "blocks.{i + 1}.skip"], "repeat": 5}
    certificate = ag.to_onnx(graph, tmp_path / "wavenet.onnx").certificate
    assert certificate is not None


def test_weights_that_nobody_reads_are_those_of_a_layer() -> None:
    """They were parameters of training only, in a block of their own."""
    graph = ag.from_torch(WaveNet, {"x": "N,8,T", "c": "N,16,T"}, name="wavenet")
    keys = [one.key for one in weights(graph)]
    assert keys == list(WaveNet().state_dict())
    assert not any(placed.node.training for placed in placed_nodes(graph))


def test_values_that_one_convolution_makes_are_carried() -> None:
    written = ag.from_torch(DiffWave, {"x": "N,8,T"}, name="diffwave").info.written
    assert list(written["nodes"]) == ["layers", "add"]
    assert written["nodes"]["layers"]["chain"] == ["x"]
    assert written["nodes"]["add"]["repeat"] == 4


def test_a_loop_that_adds_both_values_is_a_group(tmp_path: Path) -> None:
    graph = ag.from_torch(TasNet, {"x": "N,8,T"}, name="tasnet")
    layer, total = graph.info.written["nodes"].values()
    assert (layer["repeat"], layer["chain"], layer["inputs"]) == (4, ["before"], {"before": ["_", "_", "_"]})
    assert layer["nodes"]["add"] == {"op": "add", "in": ["before", "separable.res"]}
    assert layer["outputs"] == {"before": "add", "skip": "separable.skip"}
    assert total == {"op": "add", "in": ["layer.0.skip", "layer.{i + 1}.skip"], "repeat": 3}
    assert set(graph.info.written["outputs"].values()) == {"layer.before", next(reversed(graph.info.written["nodes"]))}
    assert ag.to_onnx(graph, tmp_path / "tasnet.onnx").certificate is not None


def test_the_way_up_reads_what_the_way_down_hands_out() -> None:
    graph = ag.from_torch(UNet, {"x": "N,3,H,W"}, name="unet")
    nodes = graph.info.written["nodes"]
    assert nodes["downs"] == {"op": "down", "for": {"width": [4, 8, 16]}, "width": "=width", "chain": ["x"]}
    assert nodes["ups"] == {"op": "up", "in": ["mid", "downs.{2 - i}.conv"], "repeat": 3}
    assert sum(isinstance(item, Call) for item in graph.items) == 2


def test_levels_that_read_lists_of_their_own_are_written_one_by_one() -> None:
    module = references.diffusers().UNet2DConditionModel(
        sample_size=8, block_out_channels=(4, 8, 8, 8), layers_per_block=1, norm_num_groups=2, cross_attention_dim=4,
        attention_head_dim=2,
    )  # fmt: skip
    graph = ag.from_torch(module, name="unet", verify=False)
    up = graph.info.written["nodes"]["up_blocks"]["nodes"]
    lists = [node["in"]["res_hidden_states_tuple"] for node in up.values() if "in" in node]
    assert len(up) >= 3
    assert all(len(one) == 2 for one in lists)

"""Runs of several steps that come again in a loop over zipped lists: one group with copies."""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise

import pytest
import torch
from proved_imports import proved
from torch import Tensor, nn
from u_net_layers import Gate, Unit

from archgraph.importing.api import import_module
from archgraph.importing.sources.input_descriptions import InputDescription

IMAGE = {"x": InputDescription(("N", 8, "H", "W"))}


class Down(nn.Module):
    """Hands out what each layer makes, and a last convolution."""

    def __init__(self, before: int, channels: int) -> None:
        super().__init__()
        self.gates = nn.ModuleList(Gate(channels) for _ in range(3))
        self.units = nn.ModuleList(Unit(before if not at else channels, channels) for at in range(3))
        self.down = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, scale: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        found: tuple[Tensor, ...] = ()
        for unit, gate in zip(self.units, self.gates, strict=True):
            x = gate(unit(x, scale))
            found = (*found, x)
        return self.down(x), found


class Up(nn.Module):
    """Takes the skips from the end of their list."""

    def __init__(self, before: int, channels: int) -> None:
        super().__init__()
        self.gates = nn.ModuleList(Gate(channels) for _ in range(3))
        self.units = nn.ModuleList(Unit((before if not at else channels) + channels, channels) for at in range(3))

    def forward(self, x: Tensor, scale: Tensor, skips: tuple[Tensor, ...]) -> Tensor:
        for unit, gate in zip(self.units, self.gates, strict=True):
            x = gate(unit(torch.cat([x, skips[-1]], dim=1), scale))
            skips = skips[:-1]
        return x


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = Down(8, 8), Down(8, 16)
        self.up1, self.up2 = Up(16, 16), Up(16, 8)

    def forward(self, x: Tensor) -> Tensor:
        scale = x.mean((1, 2, 3), keepdim=True)
        x, one = self.first(x, scale)
        x, two = self.second(x, scale)
        out: Tensor = self.up2(self.up1(x, scale, two), scale, one)
        return out


def test_zipped_lists_are_a_group_with_copies() -> None:
    blocks = proved(UNet, IMAGE).spec["blocks"]
    down = blocks["down"]["nodes"]
    assert list(down) == ["layer", "down"]
    assert down["layer"] == {
        "repeat": 3,
        "path": ".",
        "nodes": {
            "unit": {"op": "unit", "in": ["prev", "scale"], "channels": "=channels", "path": "units.{i}"},
            "gate": {"op": "gate", "path": "gates.{i}"},
        },
    }
    assert blocks["down"]["outputs"] == {"output_0": "layer.0", "output_1": "layer.1", "output_2": "layer", "x": "down"}
    up = blocks["up"]
    assert up["inputs"]["skips"] == {"each": 3, "shape": ["N", "C2", "H", "W"]}
    assert list(up["nodes"]) == ["layer"]
    nodes = up["nodes"]["layer"]["nodes"]
    assert nodes["concat"] == {"op": "concat", "in": ["prev", "skips.{2 - i}"]}
    assert nodes["unit"]["channels"] == "=C2", "which all values of the list have"


class Pyramid(nn.Module):
    """What comes from above is brought to the next width and added to what stands there."""

    def __init__(self) -> None:
        super().__init__()
        widths = (4, 8, 12, 16)
        self.heads = nn.ModuleList(Unit(8, width) for width in widths)
        self.wider = nn.ModuleList(Wider(*pair) for pair in pairwise(widths))

    def forward(self, x: Tensor) -> Tensor:
        scale = x[:, :1]
        heads = [head(x, scale) for head in self.heads]
        whole = heads[0]
        for wider, head in zip(self.wider, heads[1:], strict=True):
            whole = head + wider(whole)
        return whole


class Wider(nn.Module):
    def __init__(self, before: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, channels, 1)
        self.norm = nn.GroupNorm(2, channels)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(self.conv(x).tanh())
        return out


def test_members_without_weights_read_copies_by_their_number() -> None:
    nodes = proved(Pyramid, IMAGE).spec["nodes"]
    assert nodes["heads"]["map"] is True
    layer = next(node for node in nodes.values() if isinstance(node, dict) and "nodes" in node)
    assert (layer["in"], layer["repeat"], layer["path"]) == ("heads.0", 3, ".")
    wider, add = layer["nodes"].values()
    assert wider == {"op": "wider", "channels": "=[8, 12, 16][i]", "path": "wider.{i}"}
    assert add["in"] == ["heads.{i + 1}", "wider"]


class Residual(UNet):
    """Each layer reads the value before it twice."""

    def forward(self, x: Tensor) -> Tensor:
        scale = x.mean((1, 2, 3), keepdim=True)
        for unit, gate in zip(self.first.units, self.first.gates, strict=True):
            x = gate(unit(x, scale)) + x
        return x


def test_what_a_copy_begins_with_has_a_name_where_later_steps_read_it() -> None:
    layer = proved(Residual, IMAGE).spec["nodes"]["first_1"]["nodes"]["layer"]
    assert layer["inputs"] == {"before": ["_", "_", "_", "_"]}
    unit, gate, add = layer["nodes"].values()
    assert unit["in"][0] == "prev"
    assert gate["path"].endswith("{i}")
    assert add == {"op": "add", "in": ["gate", "before"]}


class Words(nn.Module):
    """Members whose names are words with numbers, inside a level of their own."""

    def __init__(self) -> None:
        super().__init__()
        layers: dict[str, nn.Module] = {"stem": nn.Conv2d(8, 4, 1)}
        for place, (before, channels) in enumerate(pairwise((4, 8, 12, 16)), 1):
            layers |= {f"gate{place}": Gate(before), f"wider{place}": Wider(before, channels)}
        self.features = nn.Sequential(OrderedDict(layers))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.features(x)
        return out


def test_members_called_by_words_with_numbers_stay_in_their_level() -> None:
    nodes = proved(Words, IMAGE).spec["nodes"]
    assert list(nodes) == ["features"]
    assert list(nodes["features"]["nodes"]) == ["stem", "layer"]
    members = nodes["features"]["nodes"]["layer"]["nodes"]
    assert {name: node["path"] for name, node in members.items()} == {"gate": "gate{i + 1}", "wider": "wider{i + 1}"}


class Handed(nn.Module):
    """Layers called by numbers of which others read each."""

    def __init__(self) -> None:
        super().__init__()
        self.gates = nn.ModuleList([Gate(8), Wider(8, 8), Gate(8)])

    def forward(self, x: Tensor) -> Tensor:
        a, b, c = (gate(x) for gate in self.gates)
        return a * b + c


def test_outputs_of_a_group_are_called_after_what_makes_them() -> None:
    text = str(proved(Handed, IMAGE).spec["nodes"])
    assert "gate_0" in text
    assert "'n0'" not in text


class Mixer(nn.Module):
    """A layer with a width and a depth of its own."""

    def __init__(self, channels: int, hidden: int, depth: int) -> None:
        super().__init__()
        self.up = nn.Linear(channels, hidden)
        self.layers = nn.Sequential(*[nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU()) for _ in range(depth)])
        self.down = nn.Linear(hidden, channels)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.down(self.layers(self.up(x)))
        return out


class Rectified(nn.Module):
    def __init__(self, before: int, channels: int) -> None:
        super().__init__()
        self.fc = nn.Linear(before, channels)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.fc(x))


class Staged(nn.Module):
    """Stages of which the first have another form than the last, as those of MobileViT."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.Sequential(
            nn.Sequential(Rectified(8, 8)),
            nn.Sequential(Rectified(8, 12), Rectified(12, 12), Rectified(12, 12)),
            nn.Sequential(Rectified(12, 22), Mixer(22, 7, 2)),
            nn.Sequential(Rectified(22, 28), Mixer(28, 31, 4)),
            nn.Sequential(Rectified(28, 30), Mixer(30, 12, 3)),
        )
        self.head = nn.Linear(30, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.stages(x))
        return out


def test_a_group_within_a_list_that_has_others_stands_in_it() -> None:
    nodes = import_module(Staged, {"x": "N,8"}).spec["nodes"]
    assert list(nodes) == ["stages", "head"]
    layer = nodes["stages"]["nodes"]["layer"]
    assert [node["path"] for node in layer["nodes"].values()] == ["{i + 2}.0", "{i + 2}.1"]


class Plain(nn.Module):
    def __init__(self, before: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.conv(x))


class Gated(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gate = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.gate(x))


class Levels(nn.Module):
    """Levels of plain (p) and gated (g) modules, one behind the other."""

    def __init__(self, lists: list[str]) -> None:
        super().__init__()
        made, before = [], 8
        for number, letters in enumerate(lists):
            level: list[nn.Module] = []
            for letter in letters:
                level.append(Plain(before, 8 * (number + 1)) if letter == "p" else Gated(8 * (number + 1)))
                before = 8 * (number + 1)
            made.append(nn.Sequential(*level))
        self.stages = nn.Sequential(*made)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.stages(x)
        return found


@pytest.mark.parametrize("lists", ["ppp pgpg pgpgpg", "pp pp pp ppgppp", "p pgpg pgpgpg pgpgpgpg"])
def test_what_a_level_has_besides_stays_with_it(lists: str) -> None:
    """A loop takes levels as they are, as in timm's Halo networks: four modules of six leave two behind."""
    proved(lambda: Levels(lists.split()), IMAGE)

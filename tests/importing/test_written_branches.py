"""Branches side by side: lists of modules that read the same value, and their sums."""

from __future__ import annotations

import torch
from proved_imports import proved
from torch import Tensor, nn

from archgraph.importing.api import import_module
from archgraph.importing.sources.input_descriptions import InputDescription

TOKENS = {"input": InputDescription(("N", "L", 16))}


IMAGE = {"x": InputDescription(("N", 8, "H", "W"))}


class Branches(nn.Module):
    """A sum over a list whose loop calls each module by the name of the list."""

    def __init__(self) -> None:
        super().__init__()
        self.branches = nn.ModuleList(nn.Linear(16, 16) for _ in range(6))
        self.scale = nn.Linear(16, 16)

    def forward(self, x: Tensor) -> Tensor:
        whole = self.scale(x)
        for branches in self.branches:
            whole = whole + branches(x)
        return whole


class GatedBranches(Branches):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).sigmoid()


def test_repeated_sums_take_no_name_of_a_list() -> None:
    graph = proved(lambda: nn.Sequential(Branches(), GatedBranches(), GatedBranches()), TOKENS).graph
    assert any(item.name == "0" for item in graph.items)


class Branch(nn.Module):
    """A convolution and its norm, which stand under these names."""

    def __init__(self, before: int, channels: int, kernel_size: int = 3, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, channels, kernel_size, stride, kernel_size // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.bn(self.conv(x))
        return out


class Overparametrized(nn.Module):
    """Four convolutions of one kind, a smaller one where they are wider than one place, and the identity: their sum."""

    def __init__(self, channels: int, kernel_size: int, stride: int = 1) -> None:
        super().__init__()
        groups = channels if kernel_size > 1 else 1
        self.skip = nn.BatchNorm2d(channels) if stride == 1 else None
        self.scale = Branch(channels, channels, 1, stride, groups) if kernel_size > 1 else None
        self.branches = nn.ModuleList(Branch(channels, channels, kernel_size, stride, groups) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        whole = self.scale(x) if self.scale is not None else 0
        for branch in self.branches:
            whole = whole + branch(x)
        return (whole + self.skip(x) if self.skip is not None else whole).relu()


class Overparametrized1x1(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        units = [
            Overparametrized(8, kernel, stride) for kernel, stride in ((3, 2), (1, 1), (3, 1), (1, 1), (3, 1), (1, 1))
        ]
        self.units = nn.Sequential(*units)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.units(x)
        return out


def test_a_sum_over_branches_is_a_map_and_a_repeat() -> None:
    spec = proved(Overparametrized1x1, IMAGE).spec
    units = spec["nodes"]["units"]
    assert units["repeat"] == 6
    assert units["kernel_size"] == "=3 if i % 2 == 0 else 1"
    assert list(spec["blocks"]) == ["overparametrized"], "with and without what only some of them have"
    nodes = spec["blocks"]["overparametrized"]["nodes"]
    assert nodes["branches"].items() >= {"op": "conv_norm_act", "in": "x", "repeat": 4, "map": True}.items()
    assert nodes["add"] == {"op": "add", "in": ["branches.0", "scale"], "when": "=kernel_size > 1"}
    assert nodes["add2"] == {"op": "add", "in": ["add", "branches.{i + 1}"], "repeat": 3}


class Heads(nn.Module):
    """Each part of the channels through a layer of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = nn.ModuleList(Branch(2, 4) for _ in range(4))
        self.late = nn.ModuleList(Branch(4, 4) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        parts = [head(part) for head, part in zip(self.heads, x.chunk(4, dim=1), strict=True)]
        later = [layer(part) for layer, part in zip(self.late, parts[1:], strict=True)]
        return torch.cat([parts[0], *later], dim=1)


def test_layers_of_parts_read_them_by_number() -> None:
    nodes = proved(Heads, IMAGE).spec["nodes"]
    layer = {"op": "conv_norm_act", "map": True, "out_channels": 4, "kernel_size": 3, "activation": None}
    assert nodes["heads"] == {**layer, "in": "chunk.{i}", "repeat": 4}
    assert nodes["late"] == {**layer, "in": "heads.{i + 1}", "repeat": 3}


class Ladder(nn.Module):
    """Layers of a list of which the second reads the first."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = nn.ModuleList(Branch(8, 8) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        first = self.steps[0](x)
        return first + self.steps[1](first) * self.steps[2](x)


def test_a_layer_that_reads_its_neighbour_does_not_stand_beside_it() -> None:
    assert "map" not in str(proved(Ladder, IMAGE).spec["nodes"])


class Exchange(nn.Module):
    """Layers in each branch; then each branch is the sum of all, as in HRNet."""

    def __init__(self, count: int) -> None:
        super().__init__()
        rows = [nn.Sequential(*(Branch(8 * 2**at, 8 * 2**at) for _ in range(3))) for at in range(count)]
        self.branches = nn.ModuleList(rows)
        self.match = nn.ModuleList(Branch(8 * 2**at, 8) for at in range(1, count))

    def forward(self, x: list[Tensor]) -> list[Tensor]:
        x = [branch(value) for branch, value in zip(self.branches, x, strict=True)]
        whole = x[0]
        for match, value in zip(self.match, x[1:], strict=True):
            whole = whole + match(value)
        return [whole, *x[1:]]


class HighResolution(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.wider = nn.ModuleList([Branch(8, 16), Branch(16, 32)])
        self.stage2 = nn.ModuleList([Exchange(2)])
        self.stage3 = nn.ModuleList(Exchange(3) for _ in range(3))
        self.heads = nn.ModuleList(Branch(8 * 2**at, 4) for at in range(3))

    def forward(self, x: Tensor) -> Tensor:
        values = [x, self.wider[0](x)]
        for module in self.stage2:
            values = module(values)
        values.append(self.wider[1](values[-1]))
        for module in self.stage3:
            values = module(values)
        return torch.cat([head(value) for head, value in zip(self.heads, values, strict=True)], dim=1)


def test_branches_of_a_list_are_one_input_and_chain_together() -> None:
    spec = proved(HighResolution, IMAGE).spec
    stage = spec["nodes"]["stage3"]
    assert (stage["repeat"], stage["chain"]) == (3, ["x"])
    assert len(stage["in"]["x"]) == 3
    assert spec["nodes"]["heads"]["in"] == "stage3.x.{i}"
    block = spec["blocks"][stage["op"]]
    assert block["inputs"] == {"x": {"each": 3, "shape": ["N", "_", "H", "W"]}}
    assert block["nodes"]["branches"] == {"op": "branches", "in": "x.{i}", "repeat": 3, "map": True}
    assert block["nodes"]["match"]["in"] == "branches.{i + 1}"
    assert block["nodes"]["add"] == {"op": "add", "in": ["branches.0", "match.{i}"], "repeat": 2}


class Fold(nn.Module):
    """A layer that arranges what it reads in as many groups as it is told, at times with an activation."""

    def __init__(self, groups: int, active: bool) -> None:
        super().__init__()
        self.conv, self.form = nn.Conv2d(4, 4, 1), (groups,)
        self.act = nn.ReLU() if active else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x).reshape(x.shape[0], -1, self.form[0], 4)
        y = y if self.act is None else self.act(y)
        return nn.functional.max_pool2d(y.reshape(x.shape), 2)


def test_an_axis_that_equals_a_size_by_accident_is_no_condition() -> None:
    """Of the layer with the activation, groups are as many as rows, and as columns."""
    module = nn.Sequential(Fold(8, False), Fold(8, True), Fold(2, False))
    made = import_module(module, {"input": InputDescription(("N", 4, 16, 16))}, verify=False)
    (block,) = made.spec["blocks"].values()
    assert [node["when"] for node in block["nodes"].values() if "when" in node] == ["=use_act"]

"""Parameters with several keys, of which some are read as values: one tensor under each of its keys, trained as one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import archgraph as ag
from archgraph.errors import UnknownNameError


class ScaleFirst(nn.Module):
    """A parameter of the module, which is the weight of its layer too."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.randn(4, 4))
        self.fc = nn.Linear(4, 4)
        self.fc.weight = self.scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x) @ self.scale


class Gain(nn.Module):
    """A factor for each channel."""

    def __init__(self, gain: nn.Parameter | None = None):
        super().__init__()
        self.gain = nn.Parameter(torch.randn(4)) if gain is None else gain

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x * self.gain)


class OneGain(nn.Module):
    """Several modules and the network itself with one factor."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.randn(4))
        self.parts = nn.ModuleList(Gain(self.gain) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for part in self.parts:
            x = part(x)
        return x - self.gain


class NormOfGain(nn.Module):
    """The factor of one module is the weight of a norm."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleList(Gain() for _ in range(3))
        self.norm = nn.LayerNorm(4)
        self.norm.weight = self.parts[1].gain

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for part in self.parts:
            x = part(x)
        return self.norm(x)


class Own(nn.Module):
    """A layer and a product with the same matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.randn(4, 4))
        self.fc = nn.Linear(4, 4, bias=False)
        self.fc.weight = self.matrix

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.fc(x)) + x @ self.matrix


class Unread(nn.Module):
    """Another name of a weight, which nobody reads it under."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.other = self.fc.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x)


def several() -> nn.Module:
    return nn.Sequential(Own(), Own())


@pytest.mark.parametrize("make", [ScaleFirst, OneGain, NormOfGain, Own, several, Unread])
def test_it_loads_strictly_and_trains_as_one(make: type[nn.Module]) -> None:
    module = make()
    name = "input" if make is several else "x"
    graph = ag.from_torch(module, {name: "N,L,4"})
    network = ag.to_torch(ag.load(graph.info.written))
    network.load_state_dict(module.state_dict(), strict=True)
    assert list(network.state_dict()) == list(module.state_dict())
    shared, ours = ([id(one) for one in each.state_dict(keep_vars=True).values()] for each in (module, network))
    assert [shared.index(one) for one in shared] == [ours.index(one) for one in ours]
    x = torch.randn(2, 3, 4)
    for each in (module, network):
        optimizer = torch.optim.SGD(each.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            each(x).square().mean().backward()
            optimizer.step()
    for key, weight in network.state_dict().items():
        torch.testing.assert_close(weight, module.state_dict()[key], msg=key)


def test_a_layer_keeps_a_weight_that_is_read_by_it_alone() -> None:
    spec = ag.from_torch(Unread(), {"x": "N,4"}).info.written
    assert spec["nodes"]["fc"] == {"op": "linear", "out_features": 4, "tie": {"weight": "other"}}


class Head(nn.Module):
    """An embedding whose matrix is a parameter of the module, read transposed."""

    def __init__(self) -> None:
        super().__init__()
        self.emb = nn.Embedding(7, 4)
        self.head = self.emb.weight

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.emb(ids) @ self.head.T


def test_a_table_that_is_read_transposed_is_one_parameter() -> None:
    graph = ag.from_torch(Head(), {"ids": "N,L:int64"})
    assert sum(weight.numel() for weight in ag.to_torch(graph).parameters()) == 28


def test_a_parameter_is_tied_under_the_name_of_its_weight() -> None:
    def spec(name: str) -> dict[str, object]:
        twin = {"op": "parameter", "shape": [4], "tie": {name: "gain"}}
        nodes = {"gain": {"op": "parameter", "shape": [4]}, "twin": twin, "add": {"op": "add", "in": ["x", "twin"]}}
        return {"archgraph": 1, "name": "net", "inputs": {"x": ["N", 4]}, "nodes": nodes}

    network = ag.to_torch(ag.load(spec("weight")))
    assert network.twin is network.gain
    with pytest.raises(UnknownNameError, match="parameter has no weight 'gain'\n  expected: one of weight"):
        ag.load(spec("gain"))


class Converted(nn.Linear):
    """A linear map whose weights take the type of what it reads, as Whisper's."""

    def forward(self, x: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias.to(x.dtype)
        return functional.linear(x, self.weight.to(x.dtype), bias)


def test_weights_that_are_of_the_type_already_are_those_of_the_layer() -> None:
    module = nn.Sequential(Converted(4, 6), nn.ReLU(), Converted(6, 2, bias=False))
    nodes = ag.from_torch(module, {"input": "N,4"}, name="converted").info.written["nodes"]
    assert list(nodes.values()) == [
        {"op": "linear", "out_features": 6},
        "relu",
        {"op": "linear", "out_features": 2, "bias": False},
    ]

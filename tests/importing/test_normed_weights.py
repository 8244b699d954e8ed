"""Layers under weight norm and spectral norm: one node with the attribute, whichever way torch wraps them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import utils
from torch.nn.utils import parametrizations

import archgraph as ag

Norm = Callable[..., nn.Module]


class Critic(nn.Module):
    """A discriminator with a class embedding, as GANs have it."""

    def __init__(self, norm: Norm):
        super().__init__()
        self.conv = norm(nn.Conv1d(1, 4, 5, 2, padding=2))
        self.up = norm(nn.ConvTranspose1d(4, 4, 4, 2, 1, bias=False))
        self.head = norm(nn.Linear(4, 1))
        self.words = norm(nn.Embedding(3, 4))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        features = self.up(self.conv(x).relu()).sum(2)
        scores: Tensor = self.head(features)[:, 0] + (features * self.words(y)).sum(1)
        return scores


def nodes_of(module: nn.Module) -> dict[str, Any]:
    """The nodes of a spec that was proved equal; the state dict of the module loads into its network."""
    graph = ag.from_torch(module, {"x": "N,1,T", "y": "N:int64"}, name="critic")
    ag.to_torch(graph).load_state_dict(module.state_dict())
    nodes: dict[str, Any] = dict(graph.info.written["nodes"])
    return nodes


@pytest.mark.parametrize("name", ["weight_norm", "spectral_norm"])
def test_parametrizations_are_an_attribute(name: str) -> None:
    nodes = nodes_of(Critic(getattr(parametrizations, name)))
    assert [str(nodes[one][name]) for one in ("conv", "up", "head", "words")] == ["true"] * 4


@pytest.mark.filterwarnings("ignore:.*weight_norm. is deprecated")
@pytest.mark.parametrize("name", ["weight_norm", "spectral_norm"])
def test_hooks_of_the_old_kind_are_one_too(name: str) -> None:
    module = Critic(getattr(utils, name))
    nodes = nodes_of(module)
    assert [str(nodes[one][name]) for one in ("conv", "up", "head", "words")] == ["{parametrize: false}"] * 4
    assert isinstance(module.conv.weight, Tensor)  # the module is as it was


def test_options_of_norms_are_told() -> None:
    nodes = nodes_of(Critic(lambda layer: parametrizations.spectral_norm(layer, n_power_iterations=3, eps=1e-6)))
    assert str(nodes["conv"]["spectral_norm"]) == "{n_power_iterations: 3, eps: 1e-06}"
    nodes = nodes_of(Critic(lambda layer: parametrizations.weight_norm(layer, dim=None)))
    assert str(nodes["head"]["weight_norm"]) == "{dim: null}"


class Twice(nn.Module):
    """A layer that stands at two places of the module tree, as in the temporal blocks of Bai et al. 2018."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = parametrizations.weight_norm(nn.Conv1d(3, 4, 3))
        self.net = nn.Sequential(self.conv, nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.net(x)
        return out


def test_a_layer_at_two_places_is_tied_to_the_first() -> None:
    graph = ag.from_torch(Twice(), {"x": "N,3,T"}, name="twice")
    (layer,) = (node for node in graph.info.written["nodes"]["net"]["nodes"].values() if "weight_norm" in node)
    assert layer["tie"]["bias"] == "conv.bias"
    network = ag.to_torch(graph)
    assert network.conv.bias is network.net[0].bias


class Own(nn.Linear):
    """A layer with a forward of its own."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.weight * 2, self.bias)


def test_a_layer_with_a_forward_of_its_own_is_looked_into() -> None:
    module = nn.Sequential(parametrizations.weight_norm(Own(3, 2)))
    graph = ag.from_torch(module, {"input": "N,3"}, name="own")
    assert "weight_norm" not in str(graph.info.written)
    x = torch.randn(2, 3)
    network = ag.to_torch(graph)
    network.load_state_dict(module.state_dict())
    assert torch.allclose(network(x), module(x))

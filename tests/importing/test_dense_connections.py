"""Modules that read what all before them have made join what they make with what they read."""

from __future__ import annotations

import torch
from proved_imports import proved
from torch import Tensor, nn

from archgraph.importing.sources.input_descriptions import InputDescription

IMAGE = {"x": InputDescription(("N", 8, "H", "W"))}


class Layer(nn.Module):
    """Norm and convolution of all that came before."""

    def __init__(self, before: int, growth: int):
        super().__init__()
        self.norm = nn.BatchNorm2d(before)
        self.conv = nn.Conv2d(before, growth, 3, padding=1)

    def forward(self, features: list[Tensor]) -> Tensor:
        x = torch.cat(features, 1) if len(features) > 1 else features[0]
        return self.conv(torch.relu(self.norm(x)))


class Dense(nn.Module):
    """Three layers, whose features are joined in the end."""

    def __init__(self, before: int, growth: int):
        super().__init__()
        for place in range(3):
            self.add_module(f"layer{place}", Layer(before + place * growth, growth))

    def layers(self) -> list[nn.Module]:
        return [self.get_submodule(f"layer{place}") for place in range(3)]

    def forward(self, x: Tensor) -> Tensor:
        features = [x]
        for layer in self.layers():
            features.append(layer(features))
        return torch.cat(features, 1)


class Read(Dense):
    """What the second layer makes is read once more."""

    def forward(self, x: Tensor) -> Tensor:
        features = [x]
        for layer in self.layers():
            features.append(layer(features))
        return torch.cat(features, 1) + features[2].mean()


class Turned(Dense):
    """The features are joined in another order."""

    def forward(self, x: Tensor) -> Tensor:
        features = [x]
        for layer in self.layers():
            features.append(layer(features))
        return torch.cat(features[::-1], 1)


class Lacking(Dense):
    """The last layer does not read what the first has made."""

    def __init__(self, before: int, growth: int):
        super().__init__(before, growth)
        self.layer2 = Layer(before + growth, growth)

    def forward(self, x: Tensor) -> Tensor:
        first = self.layer0([x])  # type: ignore[operator]
        second = self.layer1([x, first])  # type: ignore[operator]
        third = self.layer2([x, second])
        return torch.cat([x, first, second, third], 1)


def test_dense_layers_are_copies_that_join() -> None:
    spec = proved(lambda: nn.Sequential(Dense(8, 4), Dense(20, 4)), {"input": IMAGE["x"]}).spec
    assert spec["blocks"]["dense"]["nodes"] == {"layer": {"op": "layer", "repeat": 3, "path": "layer{i}"}}
    last = [*spec["blocks"]["layer"]["nodes"].items()][-1]
    assert last[0] == "concat"
    assert last[1]["in"] == [next(iter(spec["blocks"]["layer"]["inputs"])), "conv"]


def test_other_connections_stay_as_they_are() -> None:
    for made in (Read, Turned, Lacking):
        spec = proved(lambda made=made: nn.Sequential(made(8, 4), made(20, 4)), {"input": IMAGE["x"]}).spec
        text = str(spec)
        assert "layer{i}" not in text, made

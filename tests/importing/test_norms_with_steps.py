"""A module that is itself a norm and activates what it makes is a norm and an activation in the spec."""

from __future__ import annotations

from proved_imports import proved
from torch import Tensor, nn

from archgraph import code
from archgraph.importing.sources.input_descriptions import InputDescription

PICTURES = {"x": InputDescription(("N", 3, "H", "W"))}


class NormAct(nn.BatchNorm2d):
    """A norm that drops and activates, as timm's."""

    def __init__(self, channels: int, act: type[nn.Module] = nn.ReLU, drop: float = 0.0) -> None:
        super().__init__(channels)
        self.drop, self.act = nn.Dropout(drop) if drop else nn.Identity(), act()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.act(self.drop(super().forward(x)))
        return out


class Unit(nn.Module):
    def __init__(self, channels: int, act: type[nn.Module], drop: float) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(channels, channels, 3, bias=False), NormAct(channels, act)
        self.conv2, self.bn2 = nn.Conv2d(channels, 2 * channels, 1, bias=False), NormAct(2 * channels, act, drop)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.bn2(self.conv2(self.bn1(self.conv1(x))))
        return out


class Network(nn.Module):
    """Two units."""

    def __init__(self, act: type[nn.Module] = nn.ReLU, drop: float = 0.0) -> None:
        super().__init__()
        self.units = nn.Sequential(Unit(3, act, drop), Unit(6, act, drop))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.units(x)
        return out


class Twice(nn.Module):
    """A norm that is applied before and after a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.bn, self.conv = NormAct(3), nn.Conv2d(3, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.bn(self.conv(self.bn(x)))
        return out


def test_a_norm_with_its_activation_inside_is_a_norm_and_an_activation() -> None:
    made = proved(Network, PICTURES)
    assert list(made.spec["blocks"]) == ["unit"]
    nodes = made.spec["blocks"]["unit"]["nodes"]
    assert list(nodes) == ["conv1", "bn1", "act1", "conv2", "bn2", "act2"]
    assert (nodes["bn1"], nodes["act1"]) == ("batch_norm2d", "relu")
    assert "self.bn1(x)" in code(made.graph)


def test_dropout_stands_between_them() -> None:
    nodes = proved(lambda: Network(nn.SiLU, 0.2), PICTURES).spec["blocks"]["unit"]["nodes"]
    assert list(nodes) == ["conv1", "bn1", "act1", "conv2", "bn2", "drop2", "act2"]
    assert (nodes["drop2"], nodes["act2"]) == ({"op": "dropout", "p": 0.2}, "silu")


def test_an_activation_with_weights_has_a_key_inside_the_norm() -> None:
    made = proved(lambda: Network(nn.PReLU), PICTURES)
    assert made.spec["blocks"]["unit"]["nodes"]["bn1"] == "norm_act"


def test_a_norm_that_is_applied_again_takes_its_activation_with_it() -> None:
    made = proved(Twice, PICTURES)
    assert "act" in str(made.spec["nodes"]["bn"])

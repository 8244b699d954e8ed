"""Modules of one class that differ in options are one block; those that do not look alike stay apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from proved_imports import proved
from torch import Tensor, nn

import archgraph as ag
from archgraph.importing.sources.input_descriptions import InputDescription

PICTURES = {"input": InputDescription(("N", 8, "H", "W"))}


class Squeeze(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(channels, channels // 4, 1), nn.Conv2d(channels // 4, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.up(self.down(x.mean((2, 3), keepdim=True)).relu()).sigmoid()


class Layer(nn.Module):
    """Convolutions of several sizes, added; with `use_se` weighed, and two 1×1 convolutions in the place of one that
    is added to what was read where neither size nor channels change."""

    def __init__(self, channels: int, out: int, stride: int = 1, use_se: bool = False) -> None:
        super().__init__()
        self.large = nn.Conv2d(channels, channels, 5, stride, 2, groups=channels)
        self.small = nn.Conv2d(channels, channels, 3, stride, 1, groups=channels)
        self.norm = nn.BatchNorm2d(channels)
        self.se = Squeeze(channels) if use_se else nn.Identity()
        pair = [nn.Conv2d(channels, out // 2, 1), nn.Conv2d(out // 2, out, 1)]
        self.point = nn.Sequential(*pair) if use_se else nn.Conv2d(channels, out, 1)
        self.add = stride == 1 and channels == out and not use_se

    def forward(self, x: Tensor) -> Tensor:
        y = self.point(self.se(self.norm(self.large(x) + self.small(x)).relu()))
        return y + x if self.add else y


class Inverse(nn.Module):
    """Two forms of one class that share little: with `wide` other layers and other steps."""

    def __init__(self, channels: int, wide: bool) -> None:
        super().__init__()
        self.wide = wide
        self.norm = nn.BatchNorm2d(channels)
        if wide:
            self.up, self.deep = nn.Conv2d(channels, 2 * channels, 1), nn.Conv2d(2 * channels, 2 * channels, 3, 1, 1)
            self.down = nn.ConvTranspose2d(2 * channels, channels, 1)
        else:
            self.first, self.last = nn.Conv2d(channels, channels, 3, 1, 1), nn.Conv2d(channels, channels, 1)
            self.scale = nn.Parameter(torch.ones(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(x)
        if self.wide:
            return self.down(torch.tanh(self.deep(self.up(x).sigmoid())))
        return self.last(self.first(x).relu() * self.scale) + x


class Reversed(nn.Module):
    """Layers in an order of `state_dict` that no two forms have in common."""

    def __init__(self, channels: int, turned: bool) -> None:
        super().__init__()
        names = ["a", "b", "c", "d"]
        for name in reversed(names) if turned else names:
            setattr(self, name, nn.Conv2d(channels, channels, 1))
        self.extra = nn.Conv2d(channels, channels, 1) if turned else nn.Identity()
        self.gate = nn.Identity() if turned else nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.gate(self.d(self.extra(self.c(self.b(self.a(x))))))


class Residual(nn.Module):
    def __init__(self, m: nn.Module) -> None:
        super().__init__()
        self.m = m

    def forward(self, x: Tensor) -> Tensor:
        return x + self.m(x)


class FeedForward(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.up, self.down = nn.Conv2d(channels, 2 * channels, 1), nn.Conv2d(2 * channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(self.up(x).relu())


def chain(*modules: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(*[make() for make in modules])


def spec_of(*modules: Callable[[], nn.Module]) -> dict[str, Any]:
    return dict(proved(chain(*modules), PICTURES).spec)


def layers() -> nn.Module:
    return nn.Sequential(
        Layer(8, 16, 2), Layer(16, 16), Layer(16, 16, 1, use_se=True), Layer(16, 32, 2, use_se=True), Layer(32, 32)
    )


def test_options_are_parameters_of_one_block_under_the_authors_names() -> None:
    spec = proved(layers, PICTURES).spec
    block = spec["blocks"]["layer"]
    assert list(spec["blocks"]) == ["layer"]
    assert block["params"] == {"out": "int", "stride": 1, "use_se": False}
    conditions = {name: node.get("when") for name, node in block["nodes"].items() if isinstance(node, dict)}
    assert conditions["se"] == "=use_se"
    assert conditions["point_2"] == "=not use_se"
    assert conditions["add2"] == "=stride == 1 and C == out and not use_se"


def test_a_family_has_them_too() -> None:
    first = lambda: nn.Sequential(Layer(8, 8), Layer(8, 8, use_se=True), nn.ReLU(), Layer(8, 8))  # noqa: E731
    second = lambda: nn.Sequential(Layer(8, 8), Layer(8, 8, use_se=True), nn.ReLU(), Layer(8, 8, use_se=True))  # noqa: E731
    found = ag.from_torch({"first": first, "second": second}, {"input": "N,8,H,W"}, name="both")
    assert list(found["first"].info.written["blocks"]) == ["layer"]


def test_forms_that_share_little_stay_apart() -> None:
    spec = spec_of(
        lambda: Inverse(8, False), lambda: Inverse(8, True), lambda: Inverse(8, False), lambda: Inverse(8, True)
    )
    assert len(spec["blocks"]) == 2


def test_keys_in_orders_that_no_block_has_stay_apart() -> None:
    spec = spec_of(
        lambda: Reversed(8, False), lambda: Reversed(8, True), lambda: Reversed(8, False), lambda: Reversed(8, True)
    )
    assert len(spec["blocks"]) == 2


def test_blocks_with_other_contents_are_called_after_these() -> None:
    spec = spec_of(
        lambda: Residual(nn.Conv2d(8, 8, 3, padding=1)),
        lambda: Residual(FeedForward(8)),
        lambda: Residual(nn.Conv2d(8, 8, 3, padding=1)),
        lambda: Residual(FeedForward(8)),
    )
    assert {"residual_conv2d", "residual_feed_forward"} <= set(spec["blocks"])

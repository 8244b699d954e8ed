"""Graphs to draw: the shipped specs, and small ones made by hand, whose boxes and skips are known by construction."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import pytest
from shipped_graphs import shipped

from archgraph.diagram import View
from archgraph.diagram.default_depth import outline
from archgraph.diagram.outline import Outline
from archgraph.dims import symbol
from archgraph.graph.builder import Builder, CallSpec
from archgraph.graph.types import Graph, Value
from archgraph.ops import make
from archgraph.ops.contract import lookup

MODELS = (
    "resnet18",
    "resnet50",
    "resnext101_64x4d",
    "resnet_d2l",
    "ddpm@cifar10",
    "ddpm@celebahq256",
    "attention_unet",
    "vit_b_16",
    "convnext_tiny",
    "densenet121",
    "densenet201",
    "mobilenet",
)
U_NETS = ("ddpm@cifar10", "ddpm@celebahq256", "attention_unet")
LIKE_ANOTHER = ("resnext101_64x4d", "ddpm@celebahq256", "densenet201", "resnet18")
CASES = [pytest.param(name, marks=[pytest.mark.slow] * (name in LIKE_ANOTHER)) for name in MODELS]
"""Networks to look at in every way; those that another is like but for its numbers are slow."""
model = shipped


@cache
def pictured(name: str, depth: int | None = None) -> Outline:
    """The outline of a shipped network at a depth, made once: the tests only look at it."""
    return outline(shipped(name), View(depth))


def op(name: str, **attributes: object):
    return make(lookup(name), attributes)


def conv(channels: int, stride: int = 1):
    return op("conv2d", out_channels=channels, kernel_size=3, stride=stride, padding=1)


def image(builder: Builder, channels: int = 3, name: str = "image") -> Value:
    return builder.input(name, (symbol("N"), channels, symbol("H"), symbol("W")))


def u_net(levels: int, skips: int, join: str = "concat", bottom: int = 1) -> Graph:
    """A U of so many levels, each of which hands `skips` values across: `levels * skips` in all."""
    builder = Builder("u")
    x = image(builder)
    held: list[list[Value]] = []
    for level in range(levels):
        held.append([])
        for step in range(skips):
            x = builder.apply(f"down{level}_{step}", conv(8), x).output
            held[-1].append(x)
        x = builder.apply(f"shrink{level}", conv(8, stride=2), x).output
    for step in range(bottom):
        x = builder.apply(f"mid{step}", conv(8), x).output
    for level in reversed(range(levels)):
        x = builder.apply(f"grow{level}", op("interpolate", scale_factor=2.0), x).output
        for step in reversed(range(skips)):
            x = builder.apply(f"skip{level}_{step}", op(join), [x, held[level][step]]).output
            x = builder.apply(f"up{level}_{step}", conv(8), x).output
    return builder.finish({"noise": x})


def chain(length: int, names: Sequence[str] = ()) -> Graph:
    """Convolutions one after another, with a tanh after each, so that kernels alternate and nothing repeats."""
    builder = Builder("chain")
    x = image(builder)
    for at in range(length):
        kernel = 1 + 2 * (at * at % 5)
        layer = op("conv2d", out_channels=4 + at % 7, kernel_size=kernel, padding=kernel // 2)
        x = builder.apply(names[at] if names else f"layer_{at}_of_many", layer, x).output
        x = builder.apply(f"tanh_{at}_of_many", op("tanh"), x).output
    return builder.finish({"result": x})


def residual(name: str, channels: int, into: int, facts: object = None) -> Graph:
    """The body of a residual block, with a projection where the channels change."""
    body = Builder(name, facts)  # type: ignore[arg-type]
    x = image(body, into, "x")
    y = body.apply("conv1", conv(channels), x).output
    y = body.apply("relu1", op("relu"), y).output
    y = body.apply("conv2", conv(channels), y).output
    if channels != into:
        x = body.apply("project", op("conv2d", out_channels=channels, kernel_size=1), x).output
    y = body.apply("add", op("add"), [y, x]).output
    return body.finish(y)


def res_net(units: int, channels: int = 8) -> Graph:
    """A stage of equal residual blocks under a repetition, between two convolutions."""
    builder = Builder("res")
    x = builder.apply("stem", conv(channels), image(builder)).output
    stage = Builder("stage", builder.facts)
    inner = image(stage, channels, "x")
    y = inner
    for number in range(units):
        body = residual("unit", channels, channels, builder.facts)
        y = stage.call(str(number), body, [y], as_=CallSpec(kind="block", block="unit")).output
    x = builder.call("stage", stage.finish(y), [x], as_=CallSpec(kind="repeat")).output
    x = builder.apply("head", conv(2), x).output
    return builder.finish({"map": x})

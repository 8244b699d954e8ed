"""U-Nets that are no plain U: cropped skips, odd sizes, sides of different lengths, work on the skips."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from diagram_samples import op

from archgraph.dims import symbol
from archgraph.graph.builder import Builder
from archgraph.graph.types import Graph, Value


@dataclass(frozen=True)
class UNet:
    """A U-Net whose parts differ from the plain one.

    `down` and `up` are the convolutions of a level on each side. `before` further levels of the encoder have no skip,
    `deeper` ones below the last skip are enlarged at once, `beyond` ones enlarge the result. Convolutions without
    padding shrink an image of a fixed `size`, and skips are cropped; an odd size is filled up, or resized to.
    `on_skip` is an operation that each skip passes.
    """

    levels: int = 2
    down: int = 1
    up: int = 1
    size: int | None = None
    padding: int = 1
    resized: bool = False
    before: int = 0
    deeper: int = 0
    beyond: int = 0
    on_skip: Any = None

    def graph(self) -> Graph:
        return _Making(self).graph()


@dataclass
class _Making:
    net: UNet
    builder: Builder = field(default_factory=lambda: Builder("u"))
    held: list[Value] = field(default_factory=list)

    def graph(self) -> Graph:
        space = (self.net.size,) * 2 if self.net.size else (symbol("H"), symbol("W"))
        x = self.builder.input("image", (symbol("N"), 3, *space))
        for level in range(self.net.before):
            x = self.conv(f"stem{level}", x, stride=2)
        for level in range(self.net.levels):
            x = self.convs(f"down{level}", x, self.net.down)
            self.held.append(x)
            x = self.add(f"pool{level}", op("max_pool2d", kernel_size=2), x)
        x = self.bottom(x)
        for level in reversed(range(self.net.levels)):
            x = self.joined(level, self.grown(level, x))
            x = self.convs(f"up{level}", x, self.net.up)
        for level in range(self.net.beyond):
            x = self.add(f"enlarge{level}", op("interpolate", scale_factor=2.0), x)
            x = self.conv(f"fine{level}", x)
        return self.builder.finish({"mask": self.add("head", op("conv2d", out_channels=2, kernel_size=1), x)})

    def add(self, name: str, operation: Any, *read: Value) -> Value:
        return self.builder.apply(name, operation, list(read)).output

    def conv(self, name: str, x: Value, stride: int = 1, kernel: int = 3) -> Value:
        padding = self.net.padding * (kernel // 2)
        return self.add(name, op("conv2d", out_channels=8, kernel_size=kernel, stride=stride, padding=padding), x)

    def convs(self, name: str, x: Value, number: int) -> Value:
        """Of different windows where they keep the size, so that none is folded."""
        for step in range(number):
            x = self.conv(f"{name}_{step}", x, kernel=3 + 2 * step * self.net.padding)
        return x

    def bottom(self, x: Value) -> Value:
        for level in range(self.net.deeper):
            x = self.add(f"sink{level}", op("max_pool2d", kernel_size=2), self.conv(f"deep{level}", x))
        x = self.convs("bottom", x, self.net.down)
        factor = float(2**self.net.deeper)
        return self.add("leap", op("interpolate", scale_factor=factor), x) if self.net.deeper else x

    def grown(self, level: int, x: Value) -> Value:
        """Twice as large; and then as large as the skip, where halves were rounded down."""
        wanted = self.held[level].shape[2]
        if self.net.resized:
            return self.add(f"grow{level}", op("interpolate", size=wanted, mode="bilinear"), x)
        x = self.add(f"grow{level}", op("conv_transpose2d", out_channels=8, kernel_size=2, stride=2), x)
        if not (self.net.padding and isinstance(wanted, int) and x.shape[2] < wanted):
            return x
        missing = wanted - x.shape[2]
        return self.add(f"fill{level}", op("pad", pad=[0, missing, 0, missing]), x)

    def joined(self, level: int, x: Value) -> Value:
        skip = self.held[level]
        wanted = x.shape[2]
        if isinstance(wanted, int) and wanted < skip.shape[2]:
            cut = (skip.shape[2] - wanted) // 2
            for dim, name in ((2, "rows"), (3, "crop")):
                skip = self.add(f"{name}{level}", op("slice", dim=dim, start=cut, end=cut + wanted), skip)
        if self.net.on_skip is not None:
            skip = self.add(f"bridge{level}", self.net.on_skip, skip)
        return self.add(f"skip{level}", op("concat", dim=1), x, skip)


ORIGINAL = UNet(levels=4, down=2, up=2, size=572, padding=0)
"""Ronneberger et al. 2015: an image of 572 × 572 becomes a map of 388 × 388."""
VARIANTS = {
    "original": ORIGINAL,
    "cropped": UNet(down=2, up=2, size=188, padding=0),
    "small and cropped": UNet(size=60, padding=0),
    "filled up": UNet(levels=4, size=101),
    "resized": UNet(levels=3, size=45, resized=True),
    "long encoder": UNet(levels=3, down=3),
    "long decoder": UNet(levels=3, up=3),
    "levels before": UNet(before=2),
    "levels below": UNet(deeper=2),
    "levels beyond": UNet(beyond=2),
    "work on skips": UNet(levels=3, down=2, up=2, on_skip=op("conv2d", out_channels=4, kernel_size=1)),
}

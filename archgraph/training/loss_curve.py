"""The loss over the steps as a picture, with a logarithmic scale for the loss."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

Points = Sequence[tuple[int, float]]

WIDTH, HEIGHT = 960, 540
LEFT, TOP, RIGHT, BOTTOM = 90, 50, 20, 50
COLOURS = ("#4269d0", "#efb118", "#3ca951")
PAPER, LINES, INK = "#ffffff", "#e4e4e4", "#444444"


class PlotFrame:
    """Coordinates of a step and a loss in the picture."""

    def __init__(self, points: Points):
        self.last = max(step for step, _ in points)
        values = [value for _, value in points]
        self.low, self.high = math.log10(min(values)), math.log10(max(values))
        if self.high - self.low < 0.1:
            self.low, self.high = self.low - 0.05, self.high + 0.05

    def place(self, step: float, value: float) -> tuple[float, float]:
        across = step / self.last
        up = (math.log10(value) - self.low) / (self.high - self.low)
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    def values(self) -> list[float]:
        """Round numbers of the loss, for lines across."""
        steps = (1, 2, 5) if self.high - self.low < 3 else (1,)
        found = [k * 10.0**e for e in range(math.floor(self.low) - 1, math.ceil(self.high) + 1) for k in steps]
        return [value for value in found if self.low <= math.log10(value) <= self.high]

    def steps(self) -> list[int]:
        """Round numbers of steps, for lines down."""
        rough = max(1, self.last / 5)
        unit = 10 ** math.floor(math.log10(rough))
        each = next(k * unit for k in (1, 2, 5, 10) if k * unit >= rough)
        return list(range(0, self.last + 1, each))


def drawn(curves: dict[str, Points], title: str) -> Image:
    """A picture of curves by name. Values that are not positive are left out; without any, the paper stays empty."""
    from PIL import Image, ImageDraw

    sheet = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    pen = ImageDraw.Draw(sheet)
    _write(pen, (LEFT, 14), title, size=18)
    shown = {name: [(s, v) for s, v in points if v > 0 and math.isfinite(v)] for name, points in curves.items()}
    shown = {name: points for name, points in shown.items() if points}
    if shown:
        frame = PlotFrame([point for points in shown.values() for point in points])
        _axes(pen, frame)
        for number, (name, points) in enumerate(shown.items()):
            _curve(pen, frame, points, COLOURS[number % len(COLOURS)])
            _write(pen, (WIDTH - RIGHT - 150, TOP + 8 + 22 * number), name, COLOURS[number % len(COLOURS)])
    return sheet


def smoothed(points: Points, most: int = 400) -> Points:
    """Means of neighbours, so that at most so many points remain."""
    each = -(-len(points) // most) or 1
    parts = [points[start : start + each] for start in range(0, len(points), each)]
    return [(part[-1][0], sum(value for _, value in part) / len(part)) for part in parts]


def _axes(pen: ImageDraw, frame: PlotFrame) -> None:
    for value in frame.values():
        x, y = frame.place(0, value)
        pen.line([(x, y), (WIDTH - RIGHT, y)], LINES)
        _write(pen, (12, y - 8), f"{value:g}")
    for step in frame.steps():
        x, _ = frame.place(step, 10**frame.low)
        pen.line([(x, TOP), (x, HEIGHT - BOTTOM)], LINES)
        _write(pen, (x - 10, HEIGHT - BOTTOM + 10), f"{step:,}")
    _write(pen, (WIDTH - RIGHT - 40, HEIGHT - 22), "steps")


def _curve(pen: ImageDraw, frame: PlotFrame, points: Points, colour: str) -> None:
    places = [frame.place(step, value) for step, value in points]
    if len(places) > 1:
        pen.line(places, colour, width=2, joint="curve")
    for x, y in places if len(places) < 60 else []:
        pen.ellipse([x - 3, y - 3, x + 3, y + 3], colour)


def _write(pen: ImageDraw, at: tuple[float, float], text: str, colour: str = INK, size: int = 14) -> None:
    pen.text(at, text, fill=colour, font_size=size)

"""Fine-tunes the shipped digits classifier to three classes it has never seen, all but its head frozen, and times it.

    python tests/benchmark/fine_tuning.py FOLDER

The pictures are drawn here: 300 circles, 300 crosses and 300 triangles of 16×16 pixels, each with a centre, size,
angle, stroke, grey and noise of its own. A fifth of each class is held out. The weights were made from digits, so what
is measured is how far the frozen layers serve for other strokes. Prints the command, its time and its best evaluation.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SIDE, FINER, EACH = 16, 8, 300
CLASSES = ("circle", "cross", "triangle")
COMMAND = (
    *("archgraph", "train", "digits_resnet", "--set", "classes=3", "--data", "shapes"),
    *("--weights", "digits_resnet.safetensors", "--fresh", "fc", "--freeze", "conv1,bn1,stage.*"),
    *("--steps", "100", "--lr", "0.02", "--set", "train.check_every=25", "-o", "shapes-run"),
)
Points = list[tuple[float, float]]


def corners(kind: str) -> list[Points]:
    """The strokes of a shape around (0, 0), its points at a distance of 1."""

    def at(part: float) -> tuple[float, float]:
        return math.sin(2 * math.pi * part), -math.cos(2 * math.pi * part)

    if kind == "circle":
        return [[at(k / 48) for k in range(49)]]
    if kind == "triangle":
        return [[at(k / 3) for k in range(4)]]
    return [[at(0.125), at(0.625)], [at(0.375), at(0.875)]]


def drawn(kind: str, rng: np.random.Generator) -> Image.Image:
    """One picture: light strokes on a dark ground, like the digits'."""
    side = SIDE * FINER
    sheet = Image.new("L", (side, side), 0)
    pen = ImageDraw.Draw(sheet)
    radius, turn = rng.uniform(0.25, 0.42) * side, rng.uniform(-0.5, 0.5)
    centre = side / 2 + rng.uniform(-0.08, 0.08, 2) * side
    width, ink = round(rng.uniform(0.08, 0.16) * side), round(rng.uniform(150, 255))
    for stroke in corners(kind):
        points = [(x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn)) for x, y in stroke]
        pen.line([(centre[0] + radius * x, centre[1] + radius * y) for x, y in points], ink, width, joint="curve")
    small = np.asarray(sheet.resize((SIDE, SIDE), Image.Resampling.BOX), np.float64)
    return Image.fromarray((small + rng.normal(0, 12, small.shape)).clip(0, 255).astype(np.uint8))


def draw(folder: Path, each: int = EACH) -> None:
    """The pictures, one folder per class; always the same."""
    rng = np.random.default_rng(0)
    for kind in CLASSES:
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for number in range(each):
            drawn(kind, rng).save(folder / kind / f"{number:03}.png")


def main(run: Callable[..., subprocess.CompletedProcess[str]] = subprocess.run) -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("folder", type=Path, help="where pictures and run are written; the run must not be there yet")
    folder = parser.parse_args().folder
    draw(folder / "shapes")
    shipped = Path(__file__).parents[2] / "specs" / "weights" / "digits_resnet.safetensors"
    (folder / "digits_resnet.safetensors").write_bytes(shipped.read_bytes())
    began = time.perf_counter()
    command = [sys.executable, "-m", "archgraph.cli", *COMMAND[1:]]
    run(command, cwd=folder, check=True, text=True)
    print(" ".join(COMMAND))
    report = json.loads((folder / "shapes-run" / "run.json").read_text())
    print(f"{time.perf_counter() - began:.0f} s from the command to its end, {report['seconds']} s of training")
    print(report["best"])


if __name__ == "__main__":
    main()

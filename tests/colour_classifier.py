"""A classifier that names the dominant colour of a picture, as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import archgraph as ag
from archgraph.export import export

LABELS = ["red", "green", "blue"]
WEIGHTS = {"fc.weight": 4 * np.eye(3, dtype=np.float32), "fc.bias": np.zeros(3, np.float32)}


def preprocess(resize: int | None) -> dict[str, Any]:
    """Pictures are resized so, cut to 8×8, and not normalised."""
    return {"resize": resize, "crop": 8, "mean": [0, 0, 0], "std": [1, 1, 1]}


def colour_classifier(path: Path, resize: int | None) -> Path:
    """The file: the means over each colour, four times as large."""
    spec = {
        "archgraph": 1,
        "name": "tiny",
        "inputs": {"image": ["N", 3, "H", "W"]},
        "nodes": {
            "pool": {"op": "adaptive_avg_pool2d", "output_size": 1},
            "flat": "flatten",
            "fc": {"op": "linear", "out_features": 3},
        },
        "outputs": {"logits": "fc"},
        "meta": {"labels": LABELS, "preprocess": preprocess(resize)},
    }
    export(ag.load(spec), WEIGHTS, path)
    return path

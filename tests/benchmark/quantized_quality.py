"""What int8 costs the shipped digits networks: held-out accuracy, and how many drawn digits are recognised.

    python tests/benchmark/quantized_quality.py [-n 400]

Both networks are exported in float32, quantised on the digits that they were trained on, and judged on what they were
not: the classifier on held-out digits, the painter by the classifier in float32. The noise is the same for both files.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from digits_quality import CLASSES, frechet, graph_and_weights, reading, real_digits

import archgraph
from archgraph.diffusion import sample
from archgraph.runtime import Session

PAINTER, READER = "digits_ddpm", "digits_resnet"


def both_files(name: str, folder: Path) -> tuple[Path, Path, dict[str, Any]]:
    """The float32 file, the int8 file, and what is said of it."""
    graph, weights = graph_and_weights(name)
    exact, rounded = folder / f"{name}.onnx", folder / f"{name}-int8.onnx"
    archgraph.to_onnx(graph, exact, weights=weights, verify=False)
    report = archgraph.to_int8(exact, rounded, "digits", samples=256, timed=False)
    told = report.facts()
    return exact, rounded, {"bytes": report.sizes, "errors": told["errors"], "kept": told["kept"]}


def accuracy(file: Path) -> float:
    """The part of the held-out digits that a classifier reads rightly."""
    pictures, labels = real_digits(16, 0.2)[1]
    with Session(file, "cpu") as session:
        return float((session.run(image=pictures)["logits"].argmax(1) == labels).mean())


def drawn(file: Path, count: int) -> dict[str, float]:
    """How many of the drawn digits are recognised, and how near they are to held-out ones."""
    look, labels = reading(READER), np.arange(count) % CLASSES
    pictures = sample(file, n=count, labels=labels, seed=0, batch=100).clip(-1, 1)
    logits, features = look(pictures)
    distance = frechet(features, look(real_digits(16, 0.2)[1][0])[1])
    return {"recognised": float((logits.argmax(1) == labels).mean()), "frechet": distance}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=400)
    given = parser.parse_args()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        exact, rounded, told = both_files(READER, Path(folder))
        found[READER] = {"float32": accuracy(exact), "int8": accuracy(rounded), **told}
        exact, rounded, told = both_files(PAINTER, Path(folder))
        found[PAINTER] = {"float32": drawn(exact, given.n), "int8": drawn(rounded, given.n), **told}
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()

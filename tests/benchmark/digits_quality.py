"""How good the shipped digits are: recognised, diverse, no copies, and close to the real ones in distribution.

    python tests/benchmark/digits_quality.py [--steps 20] [--guidance 2] [--sampler dpmpp_2m]

Draws 1,000 digits with ONNX Runtime and looks at them with the shipped classifier.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
CLASSES = 10


def distances(a: Floats, b: Floats) -> NDArray[np.float64]:
    """Euclidean distances [len(a), len(b)] of flattened pictures."""
    x, y = (each.reshape(len(each), -1).astype(np.float64) for each in (a, b))
    squares = (x**2).sum(1)[:, None] + (y**2).sum(1)[None] - 2 * x @ y.T
    return np.sqrt(np.maximum(squares, 0))


def within_class(pictures: Floats, labels: NDArray[np.int64]) -> float:
    """The mean distance of two pictures of one class."""
    means = []
    for label in range(CLASSES):
        found = distances(pictures[labels == label], pictures[labels == label])
        means.append(found[~np.eye(len(found), dtype=bool)].mean())
    return float(np.mean(means))


def frechet(a: Floats, b: Floats) -> float:
    """‖μ - μ'‖² + tr(Σ + Σ' - 2 √(Σ Σ')) of two clouds of features (Heusel et al. 2017)."""
    means = [each.astype(np.float64).mean(0) for each in (a, b)]
    covariances = [np.cov(each.astype(np.float64), rowvar=False) for each in (a, b)]
    values, vectors = np.linalg.eigh(covariances[0])
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    crossed = np.linalg.eigvalsh(root @ covariances[1] @ root)
    overlap = 2 * np.sqrt(np.maximum(crossed, 0)).sum()
    return float(((means[0] - means[1]) ** 2).sum() + sum(np.trace(c) for c in covariances) - overlap)


def measured(
    samples: Floats,
    labels: NDArray[np.int64],
    look: Callable[[Floats], tuple[Floats, Floats]],
    trained: tuple[Floats, NDArray[np.int64]],
    held_out: tuple[Floats, NDArray[np.int64]],
) -> dict[str, Any]:
    """All numbers. `look` gives logits and features of pictures."""
    logits, features = look(samples)
    held_logits, held_features = look(held_out[0])
    real = np.concatenate([trained[0], held_out[0]])
    order = np.random.default_rng(0).permutation(len(real))
    _, real_features = look(real[order])
    half, size = len(real) // 2, len(held_features)
    nearest = distances(samples, trained[0]).min(1)
    nearest_held = distances(held_out[0], trained[0]).min(1)
    fid = frechet(features, held_features)
    halves = frechet(real_features[:half], real_features[half:])
    same_size = frechet(real_features[:size], real_features[size:])
    return {
        "classifier_accuracy": float((held_logits.argmax(1) == held_out[1]).mean()),
        "recognised": float((logits.argmax(1) == labels).mean()),
        "diversity": within_class(samples, labels) / within_class(*trained),
        "nearest_median": float(np.median(nearest)),
        "nearest_median_of_held_out": float(np.median(nearest_held)),
        "nearest_1st_percentile": float(np.percentile(nearest, 1)),
        "nearest_1st_percentile_of_held_out": float(np.percentile(nearest_held, 1)),
        "frechet": fid,
        "frechet_of_halves": halves,
        "frechet_of_equally_many_real": same_size,
        "ratio": fid / halves,
        "frechet_to_trained": frechet(features, look(trained[0])[1]),
    }


def real_digits(size: int, held_out: float) -> tuple[tuple[Floats, NDArray[np.int64]], ...]:
    """Trained and held-out digits in [-1, 1] with their labels."""
    from archgraph.training.image_sources import digits
    from archgraph.training.images import for_diffusion

    prepare, _ = for_diffusion(1, size)
    parts = digits(prepare).split(held_out)
    return tuple(((part.pixels / np.float32(127.5) - 1).astype(np.float32), part.labels) for part in parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--painter", default="digits_ddpm", help="A spec with trained weights, or a run's folder.")
    parser.add_argument("--reader", default="digits_resnet")
    parser.add_argument("-n", type=int, default=1000)
    parser.add_argument("--sampler", default="dpmpp_2m")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=1.5)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    start = time.perf_counter()
    labels = np.arange(given.n) % CLASSES
    pictures = drawn(given, labels)
    trained, held_out = real_digits(16, 0.2)
    found = measured(pictures.clip(-1, 1), labels, reading(given.reader), trained, held_out)
    print(json.dumps({**vars(given), **found, "seconds": time.perf_counter() - start}, indent=2))


def graph_and_weights(name: str) -> tuple[Any, Path]:
    """A spec, or a run's folder, with its trained weights."""
    import archgraph

    spec = Path(name) / "spec.yaml"
    graph = archgraph.load(str(spec) if spec.is_file() else name)
    weights = archgraph.trained_weights(graph)
    assert weights is not None, f"{name} has no trained weights"
    return graph, weights


def drawn(given: argparse.Namespace, labels: NDArray[np.int64]) -> Floats:
    """The pictures, by ONNX Runtime."""
    import archgraph
    from archgraph.diffusion import sample

    graph, weights = graph_and_weights(given.painter)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "painter.onnx"
        archgraph.to_onnx(graph, file, weights=weights, verify=False)
        return sample(
            file,
            n=given.n,
            labels=labels,
            guidance=given.guidance,
            sampler=given.sampler,
            steps=given.steps,
            seed=given.seed,
            batch=100,
        )


def reading(name: str) -> Callable[[Floats], tuple[Floats, Floats]]:
    """The classifier as a function to logits and to the features that its last layer reads."""
    import torch

    import archgraph

    graph, weights = graph_and_weights(name)
    network = archgraph.to_torch(graph, weights=weights).eval()
    kept: list[torch.Tensor] = []
    network.fc.register_forward_pre_hook(lambda module, given: kept.append(given[0]))

    @torch.no_grad()
    def look(pictures: Floats) -> tuple[Floats, Floats]:
        kept.clear()
        logits = [network(torch.from_numpy(part)) for part in np.array_split(pictures, -(-len(pictures) // 500))]
        return torch.cat(logits).numpy(), torch.cat(kept).numpy()

    return look


if __name__ == "__main__":
    main()

"""The range of every value that becomes int8: observed on calibration data, then narrowed to lose the least."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from archgraph.artifact.arrays import Array, Floats
from archgraph.quantize.inference import run, session

Progress = Callable[[int, int], None]

LEVELS = 255
MOST_KEPT = 1 << 16
"""How many numbers of each value are remembered, besides its extremes."""
BINS = 8192
CLIPS = np.linspace(1.0, 0.3, 29)
"""Parts of the whole range that are tried."""


@dataclass(slots=True)
class Observed:
    """Statistics of one value: its extremes, a sample of its numbers, and how many there are per example."""

    low: float = np.inf
    high: float = -np.inf
    per_example: int = 0
    kept: list[Floats] = field(default_factory=list)

    def add(self, array: Array, examples: int, most: int, rng: np.random.Generator) -> None:
        """Looks at the value of one batch of so many examples."""
        flat = np.asarray(array, np.float32).reshape(-1)
        self.low, self.high = min(self.low, float(flat.min())), max(self.high, float(flat.max()))
        self.per_example = flat.size // max(1, examples)
        self.kept.append(flat if flat.size <= most else flat[rng.integers(0, flat.size, most)])


def observe(
    model: Any, names: Sequence[str], batches: Sequence[Mapping[str, Array]], progress: Progress
) -> dict[str, Observed]:
    """Runs the float model on all batches with these values laid open."""
    opened = session(laid_open(model, names))
    rng = np.random.default_rng(0)
    found = {name: Observed() for name in names}
    for place, batch in enumerate(batches):
        examples = len(next(iter(batch.values())))
        for name, array in run(opened, batch, names).items():
            found[name].add(array, examples, MOST_KEPT // len(batches) + 1, rng)
        progress(place + 1, len(batches))
    return found


def laid_open(model: Any, names: Iterable[str]) -> Any:
    """A copy of the model that also answers with these values."""
    import onnx

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    there = {value.name for value in copy.graph.output}
    known = {value.name: value for value in (*copy.graph.value_info, *copy.graph.input)}
    copy.graph.output.extend(known.get(name, onnx.ValueInfoProto(name=name)) for name in names if name not in there)
    return copy


def best_range(seen: Observed) -> tuple[float, float]:
    """The range, zero within, at which rounding to 255 steps and clipping together lose least (mean square).

    The extremes count as one of the remembered numbers each, so that a rare large value is not cut for free.
    """
    low, high = min(seen.low, 0.0), max(seen.high, 0.0)
    if not np.isfinite([low, high]).all() or low == high:
        return low, high
    numbers, counts = _counted(seen)
    return min(
        ((low * below, high * above) for below, above in _pairs(low, high)),
        key=lambda ends: _loss(numbers, counts, *ends),
    )


def _counted(seen: Observed) -> tuple[Array, Array]:
    """The remembered numbers in narrow bins, by their middles and how many there are in each; both extremes once."""
    counts, edges = np.histogram(np.concatenate(seen.kept), BINS, (seen.low, seen.high))
    middles = (edges[1:] + edges[:-1]) / 2
    filled = counts > 0
    ends = np.array([seen.low, seen.high])
    return np.append(middles[filled], ends), np.append(counts[filled], [1, 1])


def _pairs(low: float, high: float) -> Iterable[tuple[float, float]]:
    """The candidates: both ends clipped by the same factor, and only the longer one."""
    yield from ((part, part) for part in CLIPS)
    if low < 0 < high:
        yield from ((part, 1.0) if -low > high else (1.0, part) for part in CLIPS[1:])


def _loss(numbers: Array, counts: Array, low: float, high: float) -> float:
    step = (high - low) / LEVELS
    zero = np.rint(-low / step)
    rounded = (np.clip(np.rint(numbers / step) + zero, 0, LEVELS) - zero) * step
    return float((counts * (rounded - numbers) ** 2).sum())

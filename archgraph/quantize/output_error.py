"""How far the quantised network is from the float one, on examples that its ranges were not chosen on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.quantize.inference import run, session

Outputs = Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class OutputDifference:
    """Of one output: ‖int8 - float‖ / ‖float‖, the largest gap, and how often the most probable class is the same."""

    output: str
    relative: float
    largest: float
    same_class: float | None = None

    @property
    def snr(self) -> float:
        """The signal-to-noise ratio in decibels."""
        return math.inf if not self.relative else -20 * math.log10(self.relative)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        found = {"output": self.output, "relative_error": _short(self.relative), "largest_error": _short(self.largest)}
        found["snr_db"] = round(self.snr, 1) if math.isfinite(self.snr) else None
        return found if self.same_class is None else {**found, "same_class": round(self.same_class, 4)}


def outputs_on(model: Any, batches: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """All outputs of a model, or of a file, on all batches, one after the other."""
    opened = session(model)
    results = [run(opened, batch) for batch in batches]
    return {name: np.concatenate([np.atleast_1d(each[name]) for each in results]) for name in results[0]}


def departures(exact: Outputs, rounded: Outputs) -> tuple[OutputDifference, ...]:
    """The error of each output; infinite where a value is not finite."""
    return tuple(_departure(name, exact[name], rounded[name]) for name in exact)


def total(found: Sequence[OutputDifference]) -> float:
    """The largest relative error."""
    return max(each.relative for each in found)


def _departure(name: str, exact: Array, rounded: Array) -> OutputDifference:
    with np.errstate(invalid="ignore"):  # of infinities
        truth, gap = exact.astype(np.float64), rounded.astype(np.float64) - exact.astype(np.float64)
        size = float(np.sqrt(np.mean(truth**2)))
        error = float(np.sqrt(np.mean(gap**2)))
    relative = 0.0 if not error else error / size if size else math.inf
    agreed = float((truth.argmax(-1) == rounded.argmax(-1)).mean()) if truth.ndim == 2 and truth.shape[1] > 1 else None
    return OutputDifference(
        name, relative if math.isfinite(relative) else math.inf, float(np.abs(gap).max(initial=0)), agreed
    )


def _short(value: float) -> float | None:
    return float(f"{value:.2e}") if math.isfinite(value) else None

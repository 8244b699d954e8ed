"""The one loop: a table of any sampler, applied to x with what the network says of it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.diffusion.coefficients import CoefficientRow, Table
from archgraph.diffusion.predictions import check_choice, clipped, dynamically_thresholded, separated
from archgraph.errors import SamplingError
from archgraph.meta.diffusion import PREDICTIONS


@dataclass(frozen=True, slots=True)
class Estimate:
    """What an evaluation says: x_0 and ε, and where the variance lies between its bounds (0 to 1), if it says so."""

    original: Array
    noise: Array
    variance: Array | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """How a network's output is read: as a prediction of what, and within which range x_0 is held.

    With `clip` that is [-1, 1]; with `threshold`, which goes before it, dynamic thresholding at that share of the
    values.
    """

    prediction: str = "epsilon"
    clip: bool = False
    threshold: float | None = None

    def __post_init__(self) -> None:
        check_choice("prediction", self.prediction, PREDICTIONS)
        if not isinstance(self.clip, bool):
            raise SamplingError("`clip` is a switch", expected="true or false", received=repr(self.clip))
        share = self.threshold
        number = isinstance(share, (int, float)) and not isinstance(share, bool)
        if share is not None and not (number and 0 < share <= 1):
            raise SamplingError(
                "the threshold is out of range", expected="a share of the values, such as 0.995", received=repr(share)
            )

    def __call__(self, x: Array, output: Array, row: CoefficientRow) -> Estimate:
        """The estimate from an output [N, C, H, W], or [N, 2 C, H, W] with a variance. Raises SamplingError."""
        channels = x.shape[1]
        if output.shape not in (x.shape, (len(x), 2 * channels, *x.shape[2:])):
            raise SamplingError(
                "the denoiser does not answer with an image like the one it is given",
                expected=str(x.shape),
                received=str(output.shape),
            )
        values = output.astype(x.dtype, copy=False)
        original, noise = separated(self.prediction, x, values[:, :channels], row.signal, row.spread)
        learned = (values[:, channels:] + 1) / 2 if output.shape != x.shape else None
        return Estimate(self._held(original), noise, learned)

    def check(self, table: Table) -> None:
        """Raises SamplingError where noise is predicted at a level that holds nothing else: it says nothing of x_0."""
        if self.prediction == "epsilon" and any(row.signal == 0 for row in table):
            raise SamplingError(
                "a network that predicts noise cannot start from pure noise",
                expected="a prediction of velocity or sample at zero terminal SNR",
                received="epsilon",
                hint="the leading spacing starts below the last time",
            )

    def _held(self, original: Array) -> Array:
        if self.threshold is not None:
            return dynamically_thresholded(original, self.threshold)
        return clipped(original) if self.clip else original


def applied(
    table: Table,
    estimate: Callable[[Array, CoefficientRow], Estimate],
    x: Array,
    fresh: Callable[[], Array],
    finished: Callable[[int, Array], Array],
) -> Array:
    """x after all rows. `fresh` draws new noise; `finished(step, x)` sees each step's x, and may change it."""
    memory: deque[Array] = deque(maxlen=max(table.depth, 1))
    anchor, step = x, 0
    for row in table:
        found = estimate(x, row)
        memory.appendleft(_remembered(row, x, found.original))
        following, anchor = (mix.of(x, anchor, found.noise, memory) for mix in (row.next, row.held))
        if row.sigma:
            following += _deviation(row, found.variance) * fresh()
        x = following
        if row.finishes:
            step += 1
            x = finished(step, x)
    return x


def _remembered(row: CoefficientRow, x: Array, original: Array) -> Array:
    of_x, of_original = row.remembered
    result: Array = of_original * original
    return result + of_x * x if of_x else result


def _deviation(row: CoefficientRow, variance: Array | None) -> Any:
    """The scale of new noise: one for all, or between two bounds as the network says. Raises SamplingError."""
    if row.sigma_most is None:
        return row.sigma
    if variance is None:
        raise SamplingError(
            "the network does not predict a variance",
            expected="an output of twice as many channels",
            hint="take the small or the large variance",
        )
    low, high = math.log(row.sigma), math.log(row.sigma_most)
    return np.exp(variance * (high - low) + low)

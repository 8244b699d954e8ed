"""A sampler turns a schedule and a number of steps into a table of coefficients; `sampling.py` applies it.

Each step is x ← a · x_0 + b · ε + c · x + σ · z, where x_0 and ε are what the network believes x is made of, and z is
new noise. To add a sampler: one function that makes such a table, and its name in SAMPLERS.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archgraph.errors import SamplingError, nearest

from .schedules import Schedule

Column = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Table:
    """One row per step: its time, and what x_0, ε, x and new noise contribute to the next x."""

    timesteps: NDArray[np.int64]
    original: Column
    noise: Column
    sample: Column
    sigma: Column

    def __len__(self) -> int:
        return len(self.timesteps)


Sampler = Callable[[Schedule, int], Table]


def _cumulative(schedule: Schedule, steps: int) -> tuple[NDArray[np.int64], Column, Column]:
    """The times, ᾱ at each, and ᾱ at the time that follows it in the run (1 after the last)."""
    times = schedule.timesteps(steps)
    here = schedule.alphas_cumprod[times]
    return times, here, np.append(here[1:], 1.0)


def ddpm(schedule: Schedule, steps: int, variance: str = "small") -> Table:
    """Ancestral sampling (Ho et al. 2020, algorithm 2), on any subset of the times.

    x ← (√ᾱ' β x_0 + √α (1 - ᾱ') x) / (1 - ᾱ) + σ z with α = ᾱ / ᾱ', β = 1 - α, where ᾱ' belongs to the next time. σ² is
    β (1 - ᾱ') / (1 - ᾱ) when small and β when large; the last step adds no noise. Raises SamplingError.
    """
    if variance not in ("small", "large"):
        hint = nearest(str(variance), ("small", "large"))
        raise SamplingError(f"there is no variance '{variance}'", expected="small, large", hint=hint)
    times, here, after = _cumulative(schedule, steps)
    alpha = here / after
    beta = 1 - alpha
    small = beta * (1 - after) / (1 - here)
    sigma = np.sqrt(small if variance == "small" else beta)
    sigma[-1] = 0.0
    return Table(
        timesteps=times,
        original=np.sqrt(after) * beta / (1 - here),
        noise=np.zeros(len(times)),
        sample=np.sqrt(alpha) * (1 - after) / (1 - here),
        sigma=sigma,
    )


def ddim(schedule: Schedule, steps: int, eta: float = 0.0) -> Table:
    """Implicit sampling (Song et al. 2021, equations 12 and 16): without noise at η = 0, ancestral at η = 1.

    x ← √ᾱ' x_0 + √(1 - ᾱ' - σ²) ε + σ z with σ = η √((1 - ᾱ') / (1 - ᾱ) · (1 - ᾱ / ᾱ')). Raises SamplingError.
    """
    if not isinstance(eta, (int, float)) or not (math.isfinite(eta) and 0 <= eta <= 1):
        raise SamplingError("eta is out of range", expected="0 to 1", received=str(eta))
    times, here, after = _cumulative(schedule, steps)
    sigma = eta * np.sqrt((1 - after) / (1 - here) * (1 - here / after))
    return Table(
        timesteps=times,
        original=np.sqrt(after),
        noise=np.sqrt(np.maximum(1 - after - sigma**2, 0)),
        sample=np.zeros(len(times)),
        sigma=sigma,
    )


SAMPLERS: dict[str, Callable[..., Table]] = {"ddpm": ddpm, "ddim": ddim}


def named_sampler(name: str, **options: Any) -> Sampler:
    """The sampler of a name with its options, such as `ddim` with eta=0.5. Raises SamplingError for unknown ones."""
    if name not in SAMPLERS:
        hint = nearest(str(name), SAMPLERS)
        raise SamplingError(f"there is no sampler '{name}'", expected=", ".join(SAMPLERS), hint=hint)
    known = list(inspect.signature(SAMPLERS[name]).parameters)[2:]
    for option in options:
        if option not in known:
            hint = nearest(option, known)
            raise SamplingError(f"{name} has no option '{option}'", expected=", ".join(known), hint=hint)
    return partial(SAMPLERS[name], **options)

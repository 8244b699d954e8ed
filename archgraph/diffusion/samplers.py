"""A sampler turns a schedule and a number of steps into a table of coefficients; `sampling.py` applies it.

The families: from time to time (here), from noise level to noise level (`level_samplers.py`), and by exponential
integrators (`exponential_samplers.py`). To add a sampler: one function that makes a table, and its name in SAMPLERS.
Each takes `skip`, the number of steps that a run which starts from a picture leaves out.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from archgraph.diffusion.coefficients import CoefficientRow, Mix, Table, one_per_step
from archgraph.diffusion.exponential_samplers import dpmpp_2m, dpmpp_2m_sde, unipc
from archgraph.diffusion.level_samplers import dpm2, euler, euler_ancestral, heun, lms
from archgraph.diffusion.noise_levels import whole_times
from archgraph.diffusion.predictions import check_choice
from archgraph.diffusion.schedules import Schedule
from archgraph.errors import SamplingError, nearest
from archgraph.meta import implemented
from archgraph.meta.diffusion import SAMPLERS as NAMES
from archgraph.meta.diffusion import VARIANCES

Sampler = Callable[..., Table]


def ddpm(schedule: Schedule, steps: int, variance: str = "small", *, skip: int = 0) -> Table:
    """Ancestral sampling (Ho et al. 2020, algorithm 2), on any subset of the times.

    x ← (√ᾱ' β x_0 + √α (1 - ᾱ') x) / (1 - ᾱ) + σ z with α = ᾱ / ᾱ', β = 1 - α, where ᾱ' belongs to the next time. σ² is
    β (1 - ᾱ') / (1 - ᾱ) when small and β when large; when learned, the network says for each pixel where between the
    two it lies, in logarithms (Nichol and Dhariwal 2021, equation 15). The last step adds no noise. Raises
    SamplingError.
    """
    check_choice("variance", variance, VARIANCES)
    levels = whole_times(schedule, steps, skip)
    here, after = levels.signal[:-1] ** 2, levels.signal[1:] ** 2
    noisy, noisy_after = levels.spread[:-1] ** 2, levels.spread[1:] ** 2
    beta = 1 - here / after
    small, large = np.sqrt(beta * noisy_after / noisy), np.sqrt(beta)
    large[-1] = 0.0
    original = (np.sqrt(after) * beta / noisy).tolist()
    sample = (np.sqrt(here / after) * noisy_after / noisy).tolist()
    mixes = (Mix(sample=a, memory=(b,)) for a, b in zip(sample, original, strict=True))
    table = one_per_step(levels, mixes, large if variance == "large" else small)
    return _up_to(table, large.tolist()) if variance == "learned" else table


def _up_to(table: Table, most: list[float]) -> Table:
    """The same table, where new noise may be scaled by up to so much."""
    rows = (
        CoefficientRow(
            row.time, row.signal, row.spread, row.next, sigma=row.sigma, sigma_most=high if row.sigma else None
        )
        for row, high in zip(table, most, strict=True)
    )
    return Table(tuple(rows), table.start)


def ddim(schedule: Schedule, steps: int, eta: float = 0.0, fixed_stride: bool = False, *, skip: int = 0) -> Table:
    """Implicit sampling (Song et al. 2021, equations 12 and 16): without noise at η = 0, ancestral at η = 1.

    x ← √ᾱ' x_0 + √(1 - ᾱ' - σ²) ε + σ z with σ = η √((1 - ᾱ') / (1 - ᾱ) · (1 - ᾱ / ᾱ')), where ᾱ' belongs to the next
    time of the run; with `fixed_stride`, to the time ⌊T / steps⌋ earlier, as in diffusers, which in the linspace
    spacing is not the next one. Raises SamplingError.
    """
    if isinstance(eta, bool) or not isinstance(eta, (int, float)) or not (math.isfinite(eta) and 0 <= eta <= 1):
        raise SamplingError("eta is out of range", expected="0 to 1", received=str(eta))
    levels = whole_times(schedule, steps, skip)
    here, after = levels.signal[:-1] ** 2, levels.signal[1:] ** 2
    if fixed_stride:
        times = levels.times.astype(np.int64) - schedule.train_steps // steps
        after = np.array([schedule.alpha_bar(t) for t in times.tolist()])
    sigma = eta * np.sqrt((1 - after) / (1 - here) * (1 - here / after))
    noise = np.sqrt(np.maximum(1 - after - sigma**2, 0)).tolist()
    original = np.sqrt(after).tolist()
    mixes = (Mix(noise=a, memory=(b,)) for a, b in zip(noise, original, strict=True))
    return one_per_step(levels, mixes, sigma)


SAMPLERS: dict[str, Callable[..., Table]] = implemented(
    NAMES,
    {
        "ddpm": ddpm,
        "ddim": ddim,
        "euler": euler,
        "euler_ancestral": euler_ancestral,
        "heun": heun,
        "dpm2": dpm2,
        "lms": lms,
        "dpmpp_2m": dpmpp_2m,
        "dpmpp_2m_sde": dpmpp_2m_sde,
        "unipc": unipc,
    },
)


def sampler_options(name: str) -> dict[str, Any]:
    """The options of a sampler with their defaults. Raises SamplingError for an unknown sampler."""
    check_choice("sampler", name, SAMPLERS)
    parameters = list(inspect.signature(SAMPLERS[name]).parameters.values())[2:]
    return {known.name: known.default for known in parameters if known.name != "skip"}


def named_sampler(name: str, /, **options: Any) -> Sampler:
    """The sampler of a name with its options, such as `ddim` with eta=0.5. Raises SamplingError for unknown ones."""
    known = sampler_options(name)
    for option in options:
        if option not in known:
            expected = ", ".join(known) or "no options"
            raise SamplingError(f"{name} has no option '{option}'", expected=expected, hint=nearest(option, known))
    return partial(SAMPLERS[name], **options)

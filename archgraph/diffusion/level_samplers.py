"""Samplers that follow dx̂/dσ = (x̂ - x_0) / σ from noise level to noise level (Karras et al. 2022, equation 1).

There x̂ = x / √ᾱ = x_0 + σ ε; the tables speak of x, which stays of one size: √ᾱ = 1 / √(1 + σ²) converts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.polynomial import Polynomial

from archgraph.diffusion.coefficients import HERE, CoefficientRow, Mix, Table, one_per_step
from archgraph.diffusion.noise_levels import Float64, NoiseLevels, noise_levels, times_of
from archgraph.diffusion.schedules import Schedule, is_count
from archgraph.errors import SamplingError


def towards(levels: NoiseLevels, i: int, sigma: float, signal: float) -> Mix:
    """A straight step from level i to another: x̂ ← x_0 + σ' / σ · (x̂ - x_0)."""
    ratio = sigma / float(levels.sigma[i])
    return Mix(sample=ratio * signal / float(levels.signal[i]), memory=((1 - ratio) * signal,))


def euler(schedule: Schedule, steps: int, *, skip: int = 0) -> Table:
    """Euler's method, of first order (Karras et al. 2022, algorithm 1 without the correction): DDIM on σ."""
    levels = noise_levels(schedule, steps, skip)
    sigma, signal = levels.sigma.tolist(), levels.signal.tolist()
    return one_per_step(levels, (towards(levels, i, sigma[i + 1], signal[i + 1]) for i in range(len(levels))))


def euler_ancestral(schedule: Schedule, steps: int, eta: float = 1.0, *, skip: int = 0) -> Table:
    """A step down to √(σ'² - σ_up²), then new noise up to σ' (Song et al. 2021, score SDE; k-diffusion's name for it).

    σ_up = η σ' √(σ² - σ'²) / σ: with η = 1 the posterior's deviation, as in DDPM, with η = 0 Euler's method. Raises
    SamplingError.
    """
    if isinstance(eta, bool) or not isinstance(eta, (int, float)) or not 0 <= eta <= 1:
        raise SamplingError("eta is out of range", expected="0 to 1", received=str(eta))
    levels = noise_levels(schedule, steps, skip)
    here, after = levels.sigma[:-1], levels.sigma[1:]
    up = eta * after * np.sqrt(here**2 - after**2) / here
    down, signal = np.sqrt(after**2 - up**2).tolist(), levels.signal.tolist()
    mixes = (towards(levels, i, down[i], signal[i + 1]) for i in range(len(levels)))
    return one_per_step(levels, mixes, levels.signal[1:] * up)


def heun(schedule: Schedule, steps: int, *, skip: int = 0) -> Table:
    """Heun's method, of second order: the slope is the mean of those at both ends (Karras et al. 2022, algorithm 1).

    Two evaluations in each step but the last, which ends at σ = 0 and is Euler's. Where σ falls many times in one step,
    as at the end of the cosine schedule, the mean overshoots: take Karras' levels there.
    """
    levels = noise_levels(schedule, steps, skip)
    return Table(tuple(_ahead_and_back(levels, levels.times[1:], levels.sigma[1:-1], _by_mean_slope)), levels.start)


def dpm2(schedule: Schedule, steps: int, *, skip: int = 0) -> Table:
    """The midpoint method in log σ, of second order (Lu et al. 2022, DPM-Solver-2, as in k-diffusion).

    Two evaluations in each step but the last, which ends at σ = 0 and is Euler's. On Karras' levels the network is told
    the nearest whole time, except in the middle.
    """
    levels = noise_levels(schedule, steps, skip)
    if schedule.karras:
        levels = replace(levels, times=np.rint(levels.times))
    middle = np.sqrt(levels.sigma[:-2] * levels.sigma[1:-1])
    return Table(tuple(_ahead_and_back(levels, times_of(schedule, middle), middle, _by_middle_slope)), levels.start)


def _ahead_and_back(
    levels: NoiseLevels, times: Float64, ahead: Float64, back: Callable[[NoiseLevels, int], Mix]
) -> Iterator[CoefficientRow]:
    """Euler's step to a level ahead, then from the same x again with what was found there."""
    for i in range(len(levels)):
        place = (float(levels.times[i]), float(levels.signal[i]), float(levels.spread[i]))
        if i == len(levels) - 1:
            yield CoefficientRow(*place, next=towards(levels, i, 0.0, 1.0))
            return
        sigma = float(ahead[i])
        signal = 1 / math.hypot(1, sigma)
        yield CoefficientRow(*place, next=towards(levels, i, sigma, signal), held=HERE, finishes=False)
        yield CoefficientRow(float(times[i]), signal, sigma * signal, next=back(levels, i))


def _by_mean_slope(levels: NoiseLevels, i: int) -> Mix:
    """x̂ ← x̂_i + (σ' - σ) / 2 · ((x̂_i - m_1) / σ + (x̂ - m_0) / σ'), with x̂ at σ'."""
    here, after = levels.sigma[i : i + 2].tolist()
    signal, signal_after = levels.signal[i : i + 2].tolist()
    half = (after - here) / 2
    return Mix(
        anchor=(1 + half / here) * signal_after / signal,
        sample=half / after,
        memory=(-signal_after * half / after, -signal_after * half / here),
    )


def _by_middle_slope(levels: NoiseLevels, i: int) -> Mix:
    """x̂ ← x̂_i + (σ' - σ) (x̂ - m_0) / σ_m, with x̂ at σ_m."""
    here, after = levels.sigma[i : i + 2].tolist()
    signal, signal_after = levels.signal[i : i + 2].tolist()
    middle = math.sqrt(here * after)
    share = (after - here) / middle * signal_after
    return Mix(anchor=signal_after / signal, sample=share * math.hypot(1, middle), memory=(-share,))


def lms(schedule: Schedule, steps: int, order: int = 4, *, skip: int = 0) -> Table:
    """The linear multistep method on uneven levels, of that order (Adams and Bashforth; k-diffusion's `lms`).

    x̂ ← x̂ + Σ c_k d_k, where d_k are the last slopes and c_k the integrals of their Lagrange polynomials. The first
    steps, for which there are no earlier slopes, are of lower order. Raises SamplingError.
    """
    if not is_count(order) or not 1 <= order <= 4:
        raise SamplingError("the order of lms is out of range", expected="1 to 4", received=str(order))
    levels = noise_levels(schedule, steps, skip)
    signal, spread, sigma = levels.signal.tolist(), levels.spread.tolist(), levels.sigma
    rows = []
    for i, time in enumerate(levels.times.tolist()):
        known = sigma[max(0, i - order + 1) : i + 1][::-1]
        shares = tuple(signal[i + 1] * share for share in _integrals(known, float(sigma[i + 1])))
        slope = (1 / spread[i], -signal[i] / spread[i])
        rows.append(
            CoefficientRow(time, signal[i], spread[i], Mix(signal[i + 1] / signal[i], memory=shares), remembered=slope)
        )
    return Table(tuple(rows), levels.start)


def _integrals(nodes: Float64, end: float) -> list[float]:
    """∫ from the first node to the end of each Lagrange polynomial over the nodes; in units of the first node."""
    unit = float(nodes[0])
    places = nodes / unit
    found = []
    for k, place in enumerate(places):
        others = np.delete(places, k)
        basis = Polynomial.fromroots(others) / np.prod(place - others) if len(others) else Polynomial([1.0])
        whole = basis.integ()
        found.append(unit * float(whole(end / unit) - whole(1.0)))
    return found

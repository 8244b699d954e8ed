"""Samplers that integrate exactly what is linear, and extrapolate x_0 in λ = -log σ (Lu et al. 2022, DPM-Solver++).

Between two levels h = λ' - λ, so e^-h = σ' / σ: with x_0 as it is at the first of them,
x ← s' / s · x + √ᾱ' (1 - e^-h) x_0, where s is the spread √(1 - ᾱ).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from archgraph.diffusion.coefficients import HERE, CoefficientRow, Mix, Table, one_per_step
from archgraph.diffusion.noise_levels import Float64, NoiseLevels, interval_ends
from archgraph.diffusion.schedules import Schedule, is_count
from archgraph.errors import SamplingError


def dpmpp_2m(schedule: Schedule, steps: int, *, skip: int = 0) -> Table:
    """DPM-Solver++ (2M), of second order with one evaluation per step (Lu et al. 2022, algorithm 2).

    x_0 is extrapolated to the middle of the interval from this evaluation and the last; the first step, and the last,
    which ends at σ = 0, take it as it is.
    """
    levels = interval_ends(schedule, steps, skip)
    shares = (levels.signal[1:] * (1 - levels.sigma[1:] / levels.sigma[:-1])).tolist()
    samples = (levels.spread[1:] / levels.spread[:-1]).tolist()
    mixes = (Mix(sample=a, memory=_extrapolated(levels, i, shares[i])) for i, a in enumerate(samples))
    return one_per_step(levels, mixes)


def dpmpp_2m_sde(schedule: Schedule, steps: int, *, skip: int = 0) -> Table:
    """DPM-Solver++ (2M) for the stochastic equation (Lu et al. 2022, appendix; solved as k-diffusion does, midpoint).

    x ← s' / s · e^-h x + √ᾱ' (1 - e^-2h) x_0 + s' √(1 - e^-2h) z, with x_0 extrapolated as in `dpmpp_2m`.
    """
    levels = interval_ends(schedule, steps, skip)
    decay = levels.sigma[1:] / levels.sigma[:-1]
    shares = (levels.signal[1:] * (1 - decay**2)).tolist()
    samples = (levels.spread[1:] / levels.spread[:-1] * decay).tolist()
    mixes = (Mix(sample=a, memory=_extrapolated(levels, i, shares[i])) for i, a in enumerate(samples))
    return one_per_step(levels, mixes, levels.spread[1:] * np.sqrt(1 - decay**2))


def _extrapolated(levels: NoiseLevels, i: int, share: float) -> tuple[float, ...]:
    """The shares of this x_0 and the last in x_0 at the middle of the interval, where both ends allow it."""
    if i == 0 or i == len(levels) - 1:
        return (share,)
    before, here, after = np.log(levels.sigma[i - 1 : i + 2]).tolist()
    lean = 0.5 * (here - after) / (before - here)
    return (share * (1 + lean), -share * lean)


def unipc(schedule: Schedule, steps: int, order: int = 2, *, skip: int = 0) -> Table:
    """UniPC with B(h) = e^-h - 1: a predictor and, from the same evaluation, a corrector (Zhao et al. 2023).

    Each evaluation first corrects the x that it was made at, with one order more, then predicts the next from it. The
    first steps and the last are of lower order. Raises SamplingError.
    """
    if not is_count(order) or not 1 <= order <= 3:
        raise SamplingError("the order of unipc is out of range", expected="1 to 3", received=str(order))
    levels = interval_ends(schedule, steps, skip)
    return Table(tuple(_corrected_and_predicted(levels, order)), levels.start)


def _corrected_and_predicted(levels: NoiseLevels, order: int) -> Iterator[CoefficientRow]:
    """The anchor is the corrected x: of it and the memory each corrected and each predicted x is made."""
    last = 1
    for i in range(len(levels)):
        now = min(order, len(levels) - i, i + 1)
        corrected = _corrected(levels, i, last) if i else HERE
        place = (float(levels.times[i]), float(levels.signal[i]), float(levels.spread[i]))
        yield CoefficientRow(*place, next=_onto(corrected, _predicted(levels, i, now)), held=corrected)
        last = now


def _onto(base: Mix, step: Mix) -> Mix:
    """A step from what `base` makes, written in what base is made of."""
    length = max(len(base.memory), len(step.memory))
    memories = (list(mix.memory) + [0.0] * (length - len(mix.memory)) for mix in (base, step))
    shares = tuple(step.anchor * a + b for a, b in zip(*memories, strict=True))
    return Mix(sample=step.anchor * base.sample, anchor=step.anchor * base.anchor, memory=shares)


def _predicted(levels: NoiseLevels, i: int, order: int) -> Mix:
    """UniP: from the anchor at level i to the next level, by the newest `order` of the memory."""
    ratios = _ratios(levels, i, order)
    if order == 1:
        return _stepped(levels, i, ratios, np.zeros(0))
    if order == 2:
        return _stepped(levels, i, ratios, np.array([0.5]))
    matrix, sums = _conditions(levels, i, ratios)
    return _stepped(levels, i, ratios, np.asarray(np.linalg.solve(matrix, sums), np.float64))


def _corrected(levels: NoiseLevels, i: int, order: int) -> Mix:
    """UniC: the step to level i again, now that the newest of the memory was found there."""
    ratios = np.append(_ratios(levels, i - 1, order), 1.0)
    solved = np.array([0.5]) if order == 1 else np.linalg.solve(*_conditions(levels, i - 1, ratios))
    mix = _stepped(levels, i - 1, ratios, np.asarray(solved, np.float64))
    origin, *others = mix.memory
    return Mix(anchor=mix.anchor, memory=(others[-1], origin, *others[:-1]))


def _ratios(levels: NoiseLevels, i: int, order: int) -> Float64:
    """(λ_{i-k} - λ_i) / h for k = 1 … order - 1: where the earlier levels lie, in steps."""
    if order == 1:
        return np.zeros(0)
    logs = -np.log(levels.sigma[i - order + 1 : i + 2])
    ratios: Float64 = (logs[-3::-1] - logs[-2]) / (logs[-1] - logs[-2])
    return ratios


def _conditions(levels: NoiseLevels, i: int, ratios: Float64) -> tuple[Float64, Float64]:
    """The equations that the weights of the differences obey: Σ ρ_k r_k^(n-1) = n! h φ_{n+1}(h) / B(h) for each n."""
    h = math.log(float(levels.sigma[i + 1] / levels.sigma[i]))
    grown = math.expm1(h)
    phi, sums = grown / h - 1, []
    for n in range(1, len(ratios) + 1):
        sums.append(phi * math.factorial(n) / grown)
        phi = phi / h - 1 / math.factorial(n + 1)
    return np.vander(ratios, increasing=True).T, np.array(sums)


def _stepped(levels: NoiseLevels, i: int, ratios: Float64, weights: Float64) -> Mix:
    """x ← s' / s · anchor + √ᾱ' (1 - e^-h) (m + Σ ρ_k (m_k - m) / r_k): shares of m, then of each m_k."""
    share = float(levels.signal[i + 1] * (1 - levels.sigma[i + 1] / levels.sigma[i]))
    leans = weights / ratios if len(weights) else weights
    memory = (share * (1 - float(leans.sum())), *(share * leans).tolist())
    return Mix(anchor=float(levels.spread[i + 1] / levels.spread[i]), memory=memory)

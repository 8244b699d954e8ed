"""The times of a run, and how much signal and noise x holds at each of them and at its end.

Three families of samplers pick them in three ways, each as its first implementation did: whole times (DDPM, DDIM),
noise levels σ that may lie between times (k-diffusion's), and the ends of intervals (DPM-Solver's and UniPC's).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archgraph.diffusion.schedules import Schedule, check_first_time
from archgraph.errors import SamplingError

Float64 = NDArray[np.float64]

RHO = 7.0  # the curvature that Karras et al. recommend


@dataclass(frozen=True, slots=True)
class NoiseLevels:
    """times [n]; √ᾱ and √(1 - ᾱ) at each of them and at the end [n + 1], where there is no noise left.

    `start` scales the standard normal noise that the run begins with.
    """

    times: Float64
    signal: Float64
    spread: Float64
    start: float = 1.0

    def __len__(self) -> int:
        return len(self.times)

    @property
    def sigma(self) -> Float64:
        """σ = √(1 - ᾱ) / √ᾱ, [n + 1], falling to 0."""
        return self.spread / self.signal

    def after(self, skip: int) -> NoiseLevels:
        """The same run without its first steps."""
        return NoiseLevels(self.times[skip:], self.signal[skip:], self.spread[skip:], self.start)


def whole_times(schedule: Schedule, steps: int, skip: int = 0) -> NoiseLevels:
    """The times of the schedule's spacing. Raises SamplingError for Karras' levels, which lie between them."""
    if schedule.karras:
        raise SamplingError(
            "this sampler steps from one time of the schedule to another",
            received="a schedule with karras: true",
            hint="euler does what ddim does on Karras' levels, euler_ancestral what ddpm does",
        )
    times = schedule.timesteps(steps)
    alpha_bar = np.append(schedule.alphas_cumprod[times], 1.0)
    return NoiseLevels(times.astype(np.float64), np.sqrt(alpha_bar), np.sqrt(1 - alpha_bar)).after(skip)


def noise_levels(schedule: Schedule, steps: int, skip: int = 0) -> NoiseLevels:
    """The spacing's times, which for linspace lie between the schedule's; or Karras' levels from the first to the last.

    x begins as pure noise with the standard deviation of the first level, except in the leading spacing, whose first
    level is not the last of the training.
    """
    times = schedule.timesteps(steps).astype(np.float64)
    if schedule.spacing == "linspace" and steps > 1:
        times = np.linspace(0, schedule.train_steps - 1, steps)[::-1]
    sigma = np.interp(times, np.arange(schedule.train_steps), schedule.sigmas)
    if schedule.karras:
        sigma = karras(sigma[0], sigma[-1], steps)
        times = times_of(schedule, sigma)
    levels = _of_sigma(times, sigma)
    start = 1.0 if schedule.spacing == "leading" else float(levels.spread[0])
    return NoiseLevels(levels.times, levels.signal, levels.spread, start).after(skip)


def interval_ends(schedule: Schedule, steps: int, skip: int = 0) -> NoiseLevels:
    """The upper ends of as many intervals; or Karras' levels over all of the schedule, their times rounded."""
    times = _upper_ends(schedule, steps)
    if schedule.karras:
        sigma = karras(schedule.sigmas[-1], schedule.sigmas[0], steps)
        return _of_sigma(np.rint(times_of(schedule, sigma)), sigma).after(skip)
    return _of_sigma(times, schedule.sigmas[times.astype(np.int64)]).after(skip)


def _upper_ends(schedule: Schedule, steps: int) -> Float64:
    if schedule.spacing == "trailing":
        return schedule.timesteps(steps).astype(np.float64)
    last = schedule.train_steps - 1
    schedule.check_steps(steps, max(last, 1))
    if schedule.spacing == "linspace":
        return np.rint(np.linspace(0, last, steps + 1))[:0:-1]
    stride = schedule.train_steps // (steps + 1)
    times: Float64 = np.arange(steps, 0, -1.0) * stride + schedule.offset
    check_first_time(schedule, int(times[0]))
    return times


def karras(highest: float, lowest: float, steps: int) -> Float64:
    """σ^(1/ρ) falls evenly (Karras et al. 2022, equation 5)."""
    ramp = np.linspace(0, 1, steps)
    sigma: Float64 = (highest ** (1 / RHO) + ramp * (lowest ** (1 / RHO) - highest ** (1 / RHO))) ** RHO
    return sigma


def times_of(schedule: Schedule, sigma: Float64) -> Float64:
    """The times at which the schedule has these σ, whose logarithms are taken as straight between its times."""
    times: Float64 = np.interp(np.log(sigma), np.log(schedule.sigmas), np.arange(schedule.train_steps))
    return times


def _of_sigma(times: Float64, sigma: Float64) -> NoiseLevels:
    ends = np.append(sigma, 0.0)
    length = np.sqrt(1 + ends**2)
    return NoiseLevels(times, 1 / length, ends / length)

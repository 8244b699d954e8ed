"""How much noise there is at which time: q(x_t | x_0) = N(√ᾱ_t x_0, (1 - ᾱ_t) I) with ᾱ_t = Π (1 - β_s).

A time counts from 0 to train_steps - 1, where the papers count from 1; before the first, at -1, ᾱ is 1: no noise. A
kind of schedule and a spacing are one function each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from archgraph.artifact.arrays import Array
from archgraph.diffusion.betas import BETAS, with_zero_terminal_snr
from archgraph.diffusion.predictions import (
    check_choice,
    noise_of_original,
    noise_of_velocity,
    original_of_noise,
    original_of_velocity,
    separated,
    velocity_of,
)
from archgraph.errors import SamplingError, nearest
from archgraph.meta import implemented
from archgraph.meta.diffusion import SPACINGS as NAMES

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Times = int | Int64

MOST_STEPS = 1_000_000
LEAST_ALPHA_BAR = 2.0**-24  # stands for 0 where σ must stay finite, as in diffusers


@dataclass(frozen=True)
class Schedule:
    """The noise of a diffusion, and the algebra between x_0, ε, v and x_t at each of its times.

    `spacing` picks the times of a shorter run, `offset` shifts those of the leading spacing; with `karras` the noise
    levels of a run follow Karras et al. 2022 instead. `zero_terminal_snr` makes the last time pure noise. Coefficients
    are float64, results keep the type of the arrays. Raises SamplingError for a schedule that makes no sense.
    """

    kind: str = "linear"
    beta_start: float = 1e-4
    beta_end: float = 0.02
    train_steps: int = 1000
    spacing: str = "leading"
    offset: int = 0
    karras: bool = False
    zero_terminal_snr: bool = False

    def __post_init__(self) -> None:
        check_choice("schedule", self.kind, BETAS)
        check_choice("spacing", self.spacing, SPACINGS)
        for name in ("karras", "zero_terminal_snr"):
            if not isinstance(getattr(self, name), bool):
                raise SamplingError(
                    f"`{name}` is a switch", expected="true or false", received=repr(getattr(self, name))
                )
        self._check_steps()
        self._check_betas()

    def _check_steps(self) -> None:
        if not is_count(self.train_steps) or not 1 <= self.train_steps <= MOST_STEPS:
            raise SamplingError(
                "train_steps is no number of steps", expected=f"1 to {MOST_STEPS}", received=str(self.train_steps)
            )
        if self.zero_terminal_snr and self.train_steps < 2:
            raise SamplingError("a schedule that ends in pure noise has 2 or more times", received="1")
        if not is_count(self.offset) or not 0 <= self.offset < self.train_steps:
            raise SamplingError(
                "the offset lies outside of the schedule",
                expected=f"0 to {self.train_steps - 1}",
                received=str(self.offset),
            )

    def _check_betas(self) -> None:
        numbers = all(isinstance(beta, (int, float)) for beta in (self.beta_start, self.beta_end))
        if not numbers or not 0 < self.beta_start <= self.beta_end < 1:
            raise SamplingError(
                "the betas are no variances that grow",
                expected="0 < beta_start ≤ beta_end < 1",
                received=f"{self.beta_start}, {self.beta_end}",
            )

    @classmethod
    def from_meta(cls, meta: Mapping[str, Any] | str | None) -> Self:
        """The schedule that a spec's `meta.diffusion.schedule` describes. Raises SamplingError."""
        given = {"kind": meta} if isinstance(meta, str) else (meta or {})
        if not isinstance(given, Mapping):
            raise SamplingError("`schedule` is not a mapping", received=repr(meta))
        known = [field.name for field in fields(cls)]
        for key in given:
            if key not in known:
                hint = nearest(str(key), known)
                raise SamplingError(f"a schedule has no '{key}'", expected=", ".join(known), hint=hint)
        return cls(**given)

    @cached_property
    def betas(self) -> Float64:
        """β_t, [train_steps]."""
        betas = BETAS[self.kind](self.beta_start, self.beta_end, self.train_steps)
        return _fixed(with_zero_terminal_snr(betas) if self.zero_terminal_snr else betas)

    @cached_property
    def alphas_cumprod(self) -> Float64:
        """ᾱ_t, [train_steps]."""
        return _fixed(np.cumprod(1 - self.betas, dtype=np.float64))

    @cached_property
    def sigmas(self) -> Float64:
        """σ_t = √((1 - ᾱ_t) / ᾱ_t), [train_steps]: the noise beside a picture that is not scaled down; finite."""
        alpha_bar = np.where(self.alphas_cumprod > 0, self.alphas_cumprod, LEAST_ALPHA_BAR)
        return _fixed(np.sqrt((1 - alpha_bar) / alpha_bar))

    def alpha_bar(self, t: int) -> float:
        """ᾱ_t as a number; 1 before the first time."""
        return float(self.alphas_cumprod[t]) if t >= 0 else 1.0

    def timesteps(self, steps: int) -> Int64:
        """The times of a run of so many steps, falling. Raises SamplingError where they are too few or too many."""
        self.check_steps(steps, self.train_steps)
        return SPACINGS[self.spacing](self, int(steps))

    def check_steps(self, steps: int, most: int) -> None:
        """Raises SamplingError for a number of steps that is none, or too large."""
        if not is_count(steps) or not 1 <= steps <= most:
            raise SamplingError("the number of steps is out of range", expected=f"1 to {most}", received=str(steps))

    def add_noise(self, x0: Array, noise: Array, t: Times) -> Array:
        """x_t = √ᾱ_t x_0 + √(1 - ᾱ_t) ε (Ho et al. 2020, equation 4)."""
        signal, spread = self._scales(x0, t)
        result: Array = signal * x0 + spread * noise
        return result

    def posterior(self, x0: Array, xt: Array, t: Times) -> tuple[Array, Array]:
        """Mean and variance of q(x_{t-1} | x_t, x_0) (Ho et al. 2020, equations 6 and 7).

        The mean is (√ᾱ_{t-1} β_t x_0 + √α_t (1 - ᾱ_{t-1}) x_t) / (1 - ᾱ_t), the variance
        (1 - ᾱ_{t-1}) / (1 - ᾱ_t) · β_t.
        """
        alpha_bar = self.alphas_cumprod
        before = np.concatenate([[1.0], alpha_bar[:-1]])
        of_x0 = np.sqrt(before) * self.betas / (1 - alpha_bar)
        of_xt = np.sqrt(1 - self.betas) * (1 - before) / (1 - alpha_bar)
        variance = (1 - before) / (1 - alpha_bar) * self.betas
        return self._at(of_x0, x0, t) * x0 + self._at(of_xt, xt, t) * xt, self._at(variance, x0, t)

    def predict_original(self, xt: Array, noise: Array, t: Times) -> Array:
        """x_0 = (x_t - √(1 - ᾱ_t) ε) / √ᾱ_t."""
        return original_of_noise(xt, noise, *self._scales(xt, t))

    def predict_noise(self, xt: Array, x0: Array, t: Times) -> Array:
        """ε = (x_t - √ᾱ_t x_0) / √(1 - ᾱ_t)."""
        return noise_of_original(xt, x0, *self._scales(xt, t))

    def velocity(self, x0: Array, noise: Array, t: Times) -> Array:
        """v = √ᾱ_t ε - √(1 - ᾱ_t) x_0 (Salimans and Ho 2022)."""
        return velocity_of(x0, noise, *self._scales(x0, t))

    def original_from_velocity(self, xt: Array, velocity: Array, t: Times) -> Array:
        """x_0 = √ᾱ_t x_t - √(1 - ᾱ_t) v."""
        return original_of_velocity(xt, velocity, *self._scales(xt, t))

    def noise_from_velocity(self, xt: Array, velocity: Array, t: Times) -> Array:
        """ε = √ᾱ_t v + √(1 - ᾱ_t) x_t."""
        return noise_of_velocity(xt, velocity, *self._scales(xt, t))

    def separate(self, xt: Array, output: Array, t: Times, prediction: str) -> tuple[Array, Array]:
        """x_0 and ε, as a network's output says that x_t is made of. Raises SamplingError for an unknown prediction."""
        return separated(prediction, xt, output, *self._scales(xt, t))

    def _scales(self, like: Array, t: Times) -> tuple[Array, Array]:
        """√ᾱ_t and √(1 - ᾱ_t), the scales of signal and noise."""
        return self._at(np.sqrt(self.alphas_cumprod), like, t), self._at(np.sqrt(1 - self.alphas_cumprod), like, t)

    def _at(self, values: Float64, like: Array, t: Times) -> Array:
        """The values at times [N], as [N, 1, …] against the array; at one time, a scalar."""
        times = np.asarray(t)
        if times.dtype.kind not in "iu":
            raise SamplingError("the times of a schedule are whole numbers", received=f"{times.dtype}")
        if times.size and (times.min() < 0 or times.max() >= self.train_steps):
            received = f"{times.min()} to {times.max()}" if times.ndim else str(t)
            raise SamplingError(
                "a time lies outside of the schedule", expected=f"0 to {self.train_steps - 1}", received=received
            )
        kind = like.dtype if np.issubdtype(like.dtype, np.floating) else np.float64
        shape = times.shape + (1,) * (like.ndim - times.ndim if times.ndim else 0)
        return np.asarray(values[times], kind).reshape(shape)


def is_count(value: Any) -> bool:
    """Whether a value is a whole number."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _fixed(values: Float64) -> Float64:
    values.flags.writeable = False
    return values


def leading(schedule: Schedule, steps: int) -> Int64:
    """Every ⌊T / steps⌋-th time from 0 on, plus the offset (Song et al. 2021)."""
    times: Int64 = np.arange(steps, dtype=np.int64)[::-1] * (schedule.train_steps // steps) + schedule.offset
    check_first_time(schedule, int(times[0]))
    return times


def check_first_time(schedule: Schedule, first: int) -> None:
    """Raises SamplingError where the offset pushes the first time out of the schedule."""
    if first >= schedule.train_steps:
        raise SamplingError(
            "with this offset the first time lies outside of the schedule",
            expected=f"at most {schedule.train_steps - 1}",
            received=str(first),
            hint="take fewer steps or a smaller offset",
        )


def trailing(schedule: Schedule, steps: int) -> Int64:
    """Evenly down from the last time, which is always among them (Lin et al. 2023)."""
    exact = schedule.train_steps - np.arange(steps) * (schedule.train_steps / steps)
    return np.asarray(np.rint(exact) - 1, np.int64)


def linspace(schedule: Schedule, steps: int) -> Int64:
    """Evenly from the last time to the first, both among them (Nichol and Dhariwal 2021)."""
    if steps == 1:
        return np.array([schedule.train_steps - 1], np.int64)
    return np.rint(np.linspace(0, schedule.train_steps - 1, steps)).astype(np.int64)[::-1]


SPACINGS: dict[str, Callable[[Schedule, int], Int64]] = implemented(
    NAMES, {"leading": leading, "trailing": trailing, "linspace": linspace}
)

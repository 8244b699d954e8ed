"""Each sampler converges, at its order, to what is known exactly: normally distributed data, whose best network is
linear, so that the flow and the variance of the samples have closed forms."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from archgraph.diffusion import Schedule
from archgraph.diffusion.coefficients import CoefficientRow, Table
from archgraph.diffusion.denoising_loop import Estimate, applied
from archgraph.diffusion.samplers import (
    Sampler,
    ddim,
    ddpm,
    dpm2,
    dpmpp_2m,
    dpmpp_2m_sde,
    euler,
    euler_ancestral,
    heun,
    lms,
    unipc,
)

MEAN, DEVIATION = 0.3, 0.5
FINE = {"beta_start": 1e-6, "beta_end": 2e-4, "train_steps": 100_000}  # the linear schedule, hardly discrete
EVEN, KARRAS = Schedule(**FINE), Schedule(**FINE, spacing="linspace", karras=True)


def best(mean: float, x: np.ndarray, row: CoefficientRow) -> Estimate:
    """E[x_0 | x] for data N(mean, DEVIATION²)."""
    original = mean + row.signal * DEVIATION**2 / spread_of(row) ** 2 * (x - row.signal * mean)
    return Estimate(original, (x - row.signal * original) / row.spread)


def spread_of(row: CoefficientRow) -> float:
    """The deviation of x at a level: √(ᾱ s² + 1 - ᾱ)."""
    return float(np.hypot(row.signal * DEVIATION, row.spread))


def before_the_last_step(table: Table, mean: float, x: np.ndarray, fresh: list[np.ndarray]) -> np.ndarray:
    """x at the level of the last row, in float64: the last step jumps to σ = 0, which is not about order."""
    states: list[np.ndarray] = []
    draws = iter(fresh)

    def finished(step: int, x: np.ndarray) -> np.ndarray:
        states.append(x)
        return x

    applied(table, partial(best, mean), x, lambda: next(draws), finished)
    return states[-2]


def flow_error(sampler: Sampler, schedule: Schedule, steps: int) -> float:
    """Along the exact flow, (x - √ᾱ μ) / √(ᾱ s² + 1 - ᾱ) stays what it is."""
    table = sampler(schedule, steps)
    first, last = table.rows[0], table.rows[-1]
    z = np.array([-2.0, -0.5, 1.0, 3.0])
    got = before_the_last_step(table, MEAN, first.signal * MEAN + spread_of(first) * z, [])
    return float(np.abs(got - (last.signal * MEAN + spread_of(last) * z)).max())


def variance_error(sampler: Sampler, schedule: Schedule, steps: int) -> float:
    """The variance of x is the sum of the squared responses to each noise alone: picture k feels only the k-th."""
    table = sampler(schedule, steps)
    first, last = table.rows[0], table.rows[-1]
    noises = np.eye(len(table) + 1)
    got = before_the_last_step(table, 0.0, spread_of(first) * noises[0], list(noises[1:]))
    return abs(float((got**2).sum()) - spread_of(last) ** 2)


@pytest.mark.parametrize(
    ("sampler", "schedule", "order"),
    [
        (ddim, EVEN, 1),
        (euler, KARRAS, 1),
        (heun, KARRAS, 2),
        (dpm2, KARRAS, 2),
        (partial(lms, order=1), KARRAS, 1),
        (partial(lms, order=2), KARRAS, 2),
        (lms, KARRAS, 4),
        (dpmpp_2m, KARRAS, 2),
        (partial(unipc, order=1), KARRAS, 2),  # the corrector adds one
        (unipc, KARRAS, 3),
        (partial(unipc, order=3), KARRAS, 4),
    ],
)
def test_the_flow_is_followed_at_the_samplers_order(sampler: Sampler, schedule: Schedule, order: int) -> None:
    coarse, fine, finest = (flow_error(sampler, schedule, steps) for steps in (160, 320, 640))
    assert np.log2(coarse / fine) == pytest.approx(order, abs=0.15)
    assert np.log2(fine / finest) == pytest.approx(order, abs=0.1)
    assert finest < 0.02


@pytest.mark.parametrize(
    ("sampler", "schedule", "order"),
    [
        (ddpm, EVEN, 1),
        (partial(ddpm, variance="large"), EVEN, 1),
        (partial(ddim, eta=1.0), EVEN, 1),
        (euler_ancestral, KARRAS, 1),
        (dpmpp_2m_sde, KARRAS, 2),
    ],
)
def test_the_variance_is_met_at_the_samplers_order(sampler: Sampler, schedule: Schedule, order: int) -> None:
    coarse, fine, finest = (variance_error(sampler, schedule, steps) for steps in (160, 320, 640))
    assert np.log2(coarse / fine) == pytest.approx(order, abs=0.2)
    assert np.log2(fine / finest) == pytest.approx(order, abs=0.1)
    assert finest < 0.01


@pytest.mark.parametrize("sampler", [partial(ddim, eta=0.0), partial(euler_ancestral, eta=0.0)])
def test_without_noise_the_flow_is_left_to_itself(sampler: Sampler) -> None:
    """Both are then Euler's method in σ."""
    schedule = Schedule(spacing="trailing")
    for row, expected in zip(sampler(schedule, 20), euler(schedule, 20), strict=True):
        shares, known = (
            (
                one.next.sample + one.next.noise / one.spread,
                one.next.memory[0] - one.next.noise * one.signal / one.spread,
            )
            for one in (row, expected)
        )
        np.testing.assert_allclose(shares, known, atol=1e-12)
        assert row.sigma == 0


def test_the_slopes_of_lms_integrate_cubic_polynomials_exactly() -> None:
    """x̂' - x̂ = Σ c_k d_k is exact where the slope is a polynomial in σ of degree 3."""
    table = lms(Schedule(), 10)
    sigma = [row.spread / row.signal for row in table] + [0.0]
    slope = np.polynomial.Polynomial([0.3, -2.0, 0.7, 1.5])
    for i in range(3, 10):
        signal_after = 1 / np.hypot(1, sigma[i + 1])
        got = sum(share * slope(sigma[i - k]) for k, share in enumerate(table.rows[i].next.memory)) / signal_after
        exact = slope.integ()(sigma[i + 1]) - slope.integ()(sigma[i])
        assert got == pytest.approx(exact, rel=1e-9)

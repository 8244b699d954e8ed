"""Schedules: against diffusers, against the formulas of the papers, and against each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from diffusers import DDIMScheduler, DDPMScheduler

from archgraph.diffusion import Schedule
from archgraph.errors import SamplingError

NAMES = {"linear": "linear", "scaled_linear": "scaled_linear", "cosine": "squaredcos_cap_v2", "sigmoid": "sigmoid"}


@pytest.fixture
def drawn() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(5)
    return generator.standard_normal((4, 3, 2, 2)), generator.standard_normal((4, 3, 2, 2))


def test_the_linear_schedule_is_that_of_the_paper() -> None:
    schedule = Schedule()
    assert (schedule.betas[0], schedule.betas[-1], len(schedule.betas)) == (1e-4, 0.02, 1000)
    assert np.ptp(np.diff(schedule.betas)) < 1e-15
    expected = 1.0
    for t in range(1000):
        expected *= 1 - (1e-4 + t * (0.02 - 1e-4) / 999)
        assert schedule.alphas_cumprod[t] == pytest.approx(expected, rel=1e-12)
    assert schedule.alpha_bar(-1) == 1.0


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("steps", [1000, 37])
def test_betas_are_those_of_diffusers(kind: str, steps: int) -> None:
    theirs = DDPMScheduler(num_train_timesteps=steps, beta_schedule=NAMES[kind], beta_start=0.00085, beta_end=0.012)
    ours = Schedule(kind, 0.00085, 0.012, train_steps=steps)
    np.testing.assert_allclose(ours.betas, theirs.betas.numpy(), rtol=2e-5, atol=1e-9)
    np.testing.assert_allclose(ours.alphas_cumprod, theirs.alphas_cumprod.numpy(), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
@pytest.mark.parametrize("steps", [2, 7, 10, 50, 333, 999, 1000])
def test_times_are_those_of_diffusers(spacing: str, steps: int) -> None:
    theirs = DDIMScheduler(timestep_spacing=spacing)
    theirs.set_timesteps(steps)
    np.testing.assert_array_equal(Schedule(spacing=spacing).timesteps(steps), theirs.timesteps.numpy())


@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
@pytest.mark.parametrize("train_steps", [1, 2, 10, 13])
def test_times_fall_and_stay_in_the_schedule_for_every_number_of_steps(spacing: str, train_steps: int) -> None:
    for steps in range(1, train_steps + 1):
        times = Schedule(spacing=spacing, train_steps=train_steps).timesteps(steps)
        assert len(times) == steps
        assert (np.diff(times) < 0).all()
        assert 0 <= times[-1] <= times[0] < train_steps


def test_an_offset_shifts_the_leading_times() -> None:
    assert Schedule(offset=1).timesteps(4).tolist() == [751, 501, 251, 1]
    with pytest.raises(SamplingError, match="the first time lies outside of the schedule"):
        Schedule(offset=1).timesteps(1000)


@pytest.mark.parametrize("kind", NAMES)
def test_zero_terminal_snr_is_that_of_diffusers(kind: str) -> None:
    theirs = DDPMScheduler(beta_schedule=NAMES[kind], rescale_betas_zero_snr=True)
    ours, plain = Schedule(kind, zero_terminal_snr=True), Schedule(kind)
    np.testing.assert_allclose(ours.alphas_cumprod, theirs.alphas_cumprod.numpy(), rtol=1e-4, atol=1e-6)
    assert (ours.betas[-1], ours.alphas_cumprod[-1]) == (1.0, 0.0)
    assert ours.alphas_cumprod[0] == pytest.approx(plain.alphas_cumprod[0], rel=1e-12)
    roots, before = np.sqrt(ours.alphas_cumprod), np.sqrt(plain.alphas_cumprod)
    np.testing.assert_allclose(np.diff(roots) / np.diff(before), before[0] / (before[0] - before[-1]), rtol=1e-6)
    assert np.isfinite(ours.sigmas).all()


def test_the_algebra_holds_at_zero_terminal_snr(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    x0, noise = drawn
    schedule = Schedule(zero_terminal_snr=True)
    xt, velocity = schedule.add_noise(x0, noise, 999), schedule.velocity(x0, noise, 999)
    np.testing.assert_array_equal(xt, noise)
    np.testing.assert_array_equal(velocity, -x0)
    for output, prediction in ((velocity, "velocity"), (x0, "sample")):
        original, epsilon = schedule.separate(xt, output, 999, prediction)
        np.testing.assert_array_equal(original, x0)
        np.testing.assert_array_equal(epsilon, noise)


def test_adding_noise_is_that_of_diffusers(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    import torch

    x0, noise = (array.astype(np.float32) for array in drawn)
    times = np.array([0, 10, 500, 999])
    theirs = DDPMScheduler().add_noise(torch.from_numpy(x0), torch.from_numpy(noise), torch.from_numpy(times))
    ours = Schedule().add_noise(x0, noise, times)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs.numpy(), atol=5e-6)  # theirs take 1 - ᾱ in float32


def test_noise_step_by_step_is_noise_at_once() -> None:
    """The variance and the signal of x_t after t single steps are 1 - ᾱ_t and √ᾱ_t."""
    schedule = Schedule(train_steps=50)
    signal, variance = 1.0, 0.0
    for t in range(50):
        alpha = 1 - schedule.betas[t]
        signal, variance = signal * alpha**0.5, variance * alpha + schedule.betas[t]
        assert schedule.add_noise(np.ones(1), np.zeros(1), t)[0] == pytest.approx(signal)
        assert schedule.add_noise(np.zeros(1), np.ones(1), t)[0] ** 2 == pytest.approx(variance)


def test_the_posterior_is_that_of_bayes(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    """q(x_{t-1} | x_t, x_0) ∝ q(x_t | x_{t-1}) q(x_{t-1} | x_0), both Gaussian: precisions add."""
    x0, noise = drawn
    schedule = Schedule()
    for t in (1, 2, 400, 999):
        xt = schedule.add_noise(x0, noise, t)
        beta, before = schedule.betas[t], schedule.alpha_bar(t - 1)
        precision = (1 - beta) / beta + 1 / (1 - before)
        mean = (np.sqrt(1 - beta) / beta * xt + np.sqrt(before) / (1 - before) * x0) / precision
        got_mean, got_variance = schedule.posterior(x0, xt, t)
        np.testing.assert_allclose(got_mean, mean, rtol=1e-9)
        assert got_variance == pytest.approx(1 / precision)
        by_noise = (xt - beta / np.sqrt(1 - schedule.alpha_bar(t)) * noise) / np.sqrt(1 - beta)
        np.testing.assert_allclose(got_mean, by_noise, rtol=1e-8, atol=1e-10)
    mean, variance = schedule.posterior(x0, schedule.add_noise(x0, noise, 0), 0)
    np.testing.assert_allclose(mean, x0, rtol=1e-12)
    assert variance == 0


def test_each_prediction_is_the_way_back(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    x0, noise = drawn
    schedule, times = Schedule("cosine"), np.array([0, 1, 500, 950])
    xt = schedule.add_noise(x0, noise, times)
    np.testing.assert_allclose(schedule.predict_original(xt, noise, times), x0, atol=1e-9)
    np.testing.assert_allclose(schedule.predict_noise(xt, x0, times), noise, atol=1e-9)
    outputs = {"epsilon": noise, "sample": x0, "velocity": schedule.velocity(x0, noise, times)}
    for prediction, output in outputs.items():
        original, epsilon = schedule.separate(xt, output, times, prediction)
        np.testing.assert_allclose(original, x0, atol=1e-9)
        np.testing.assert_allclose(epsilon, noise, atol=1e-9)


def test_the_velocity_is_that_of_diffusers(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    import torch

    x0, noise = drawn
    times = np.array([3, 100, 700, 998])
    theirs = DDPMScheduler().get_velocity(torch.from_numpy(x0), torch.from_numpy(noise), torch.from_numpy(times))
    np.testing.assert_allclose(Schedule().velocity(x0, noise, times), theirs.numpy(), atol=1e-6)


def test_a_schedule_from_a_spec() -> None:
    assert Schedule.from_meta({"kind": "scaled_linear", "beta_end": 0.012}) == Schedule("scaled_linear", beta_end=0.012)
    assert Schedule.from_meta("cosine") == Schedule("cosine")
    assert Schedule.from_meta(None) == Schedule()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"kind": "lineal"},
            "there is no schedule 'lineal'\n  expected: linear, scaled_linear, cosine, sigmoid\n"
            "  hint: did you mean 'linear'?",
        ),
        (
            {"spacing": "trail"},
            "there is no spacing 'trail'\n  expected: leading, trailing, linspace\n  hint: did you mean 'trailing'?",
        ),
        ({"train_steps": 0}, "train_steps is no number of steps\n  expected: 1 to 1000000\n  received: 0"),
        ({"train_steps": 10**9}, "train_steps is no number of steps\n  expected: 1 to 1000000\n  received: 1000000000"),
        (
            {"beta_start": 0.5},
            "the betas are no variances that grow\n  expected: 0 < beta_start ≤ beta_end < 1\n  received: 0.5, 0.02",
        ),
        (
            {"beta_end": "0.02"},
            "the betas are no variances that grow\n  expected: 0 < beta_start ≤ beta_end < 1\n  received: 0.0001, 0.02",
        ),
        ({"offset": 1000}, "the offset lies outside of the schedule\n  expected: 0 to 999\n  received: 1000"),
        (
            {"step": 3},
            "a schedule has no 'step'\n  expected: kind, beta_start, beta_end, train_steps, spacing, offset, karras, "
            "zero_terminal_snr",
        ),
        ({"karras": "yes"}, "`karras` is a switch\n  expected: true or false\n  received: 'yes'"),
        (
            {"zero_terminal_snr": True, "train_steps": 1},
            "a schedule that ends in pure noise has 2 or more times\n  received: 1",
        ),
    ],
)
def test_schedules_that_make_no_sense(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(SamplingError) as caught:
        Schedule.from_meta(arguments)
    assert str(caught.value) == f"error: {message}"


@pytest.mark.parametrize("steps", [0, -1, 1001, 2.5, True])
def test_numbers_of_steps_out_of_range(steps: Any) -> None:
    with pytest.raises(SamplingError) as caught:
        Schedule().timesteps(steps)
    assert str(caught.value) == (
        f"error: the number of steps is out of range\n  expected: 1 to 1000\n  received: {steps}"
    )


@pytest.mark.parametrize("t", [-1, 1000, np.array([5, 1000])])
def test_times_outside_of_the_schedule(t: Any) -> None:
    with pytest.raises(SamplingError, match="a time lies outside of the schedule"):
        Schedule().add_noise(np.ones((2, 1)), np.ones((2, 1)), t)


def test_times_between_those_of_the_schedule() -> None:
    with pytest.raises(SamplingError, match="the times of a schedule are whole numbers"):
        Schedule().add_noise(np.ones((1, 1)), np.ones((1, 1)), np.array([3.5]))

"""Each sampler is diffusers' scheduler of the same configuration: x after each of 50 steps, to 1e-5 in float32.

Whatever the schedule, the spacing, the prediction and the number of steps. Sigmoid is compared in DDPM, the one that
knows it; Euler ancestral and DPM2 of diffusers take no prediction of the clean picture.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from diffusers_steps import (
    PREDICTIONS,
    SCHEDULERS,
    SHAPE,
    Network,
    largest_difference,
    network,
    ours,
    theirs,
)

from archgraph.diffusion import Schedule, initial_noise, named_sampler
from archgraph.diffusion.samplers import Sampler, ddim

SPACINGS = ("leading", "trailing", "linspace")
pytestmark = pytest.mark.filterwarnings("ignore:__array_:DeprecationWarning")  # numpy's, of what diffusers does
START = initial_noise(2, SHAPE)


def predictions_of(name: str) -> list[str]:
    """What diffusers' scheduler can be told that the network predicts."""
    return [kind for kind in PREDICTIONS if kind != "sample" or name not in ("euler_ancestral", "dpm2")]


def sampler_of(name: str) -> str | Sampler:
    """diffusers' DDIM always steps by ⌊T / steps⌋ times, whatever the spacing."""
    return named_sampler("ddim", fixed_stride=True) if name == "ddim" else name


def check(name: str, schedule: Schedule, prediction: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = ours(schedule, prediction, sampler_of(name), START)
    other = theirs(name, schedule, prediction, START, monkeypatch)
    assert largest_difference(mine, other) < 1e-5


KINDS = ("linear", "scaled_linear", "cosine")
CONFIGURATIONS = list(itertools.product(SCHEDULERS, KINDS, SPACINGS))
IN_TURN = [
    (name, kind, SPACINGS[(at + number) % len(SPACINGS)])
    for at, name in enumerate(SCHEDULERS)
    for number, kind in enumerate(KINDS)
]
"""Of each scheduler every schedule and every spacing, and over all of them every pair."""


@pytest.mark.parametrize(("name", "kind", "spacing"), IN_TURN)
def test_schedules_and_spacings(name: str, kind: str, spacing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with one prediction, in turn."""
    predictions = predictions_of(name)
    turn = SPACINGS.index(spacing) + len(kind)
    check(name, Schedule(kind, spacing=spacing), predictions[turn % len(predictions)], monkeypatch)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_predictions(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for prediction in predictions_of(name):
        check(name, Schedule("scaled_linear", 0.00085, 0.012), prediction, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind", "spacing"), CONFIGURATIONS)
def test_schedules_spacings_and_predictions(
    name: str, kind: str, spacing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for prediction in predictions_of(name):
        check(name, Schedule(kind, spacing=spacing), prediction, monkeypatch)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_the_sigmoid_schedule(spacing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only their DDPM knows it."""
    for prediction in PREDICTIONS:
        check("ddpm", Schedule("sigmoid", spacing=spacing), prediction, monkeypatch)


LEVELLED = ("euler", "heun", "dpm2", "lms", "dpmpp_2m", "dpmpp_2m_sde", "unipc")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        pytest.param(name, kind, marks=[] if at % len(KINDS) == number else pytest.mark.slow)
        for at, name in enumerate(LEVELLED)
        for number, kind in enumerate(KINDS)
    ],
)
def test_karras_levels(name: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check(name, Schedule(kind, karras=True), "velocity" if kind == "linear" else "epsilon", monkeypatch)


@pytest.mark.parametrize("spacing", ["trailing", "linspace"])
@pytest.mark.parametrize("name", ["ddpm", "ddim", "euler", "euler_ancestral", "dpmpp_2m", "dpmpp_2m_sde", "unipc"])
def test_zero_terminal_snr(name: str, spacing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    schedule = Schedule("scaled_linear", 0.00085, 0.012, spacing=spacing, zero_terminal_snr=True)
    check(name, schedule, "velocity", monkeypatch)


@pytest.mark.parametrize("name", ["euler", "dpmpp_2m"])
def test_the_offset_of_stable_diffusion(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check(name, Schedule("scaled_linear", 0.00085, 0.012, offset=1), "epsilon", monkeypatch)


@pytest.mark.parametrize("steps", [1, 7])
@pytest.mark.parametrize("name", SCHEDULERS)
def test_few_steps(name: str, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    schedule = Schedule(spacing="trailing")
    mine = ours(schedule, "velocity", sampler_of(name), START, steps)
    other = theirs(name, schedule, "velocity", START, monkeypatch, steps)
    assert largest_difference(mine, other) < 1e-5


@pytest.mark.parametrize(("spacing", "steps"), [("leading", 50), ("leading", 7), ("trailing", 50), ("trailing", 8)])
def test_the_next_time_is_a_fixed_stride_away_where_steps_are_even(spacing: str, steps: int) -> None:
    schedule = Schedule(spacing=spacing)
    fixed, plain = ddim(schedule, steps, fixed_stride=True), ddim(schedule, steps)
    for one, other in zip(fixed, plain, strict=True):
        np.testing.assert_allclose(
            (one.next.noise, *one.next.memory), (other.next.noise, *other.next.memory), atol=1e-14
        )


@pytest.mark.parametrize("order", [1, 3])
def test_other_orders_of_unipc(order: int, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = ours(Schedule(), "epsilon", named_sampler("unipc", order=order), START)
    assert (
        largest_difference(mine, theirs("unipc", Schedule(), "epsilon", START, monkeypatch, solver_order=order)) < 1e-5
    )


@pytest.mark.parametrize("spacing", ["leading", "trailing"])
@pytest.mark.parametrize("eta", [0.6, 1.0])
def test_ddim_with_noise(eta: float, spacing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    schedule = Schedule(spacing=spacing)
    mine = ours(schedule, "epsilon", named_sampler("ddim", eta=eta), START)
    assert largest_difference(mine, theirs("ddim", schedule, "epsilon", START, monkeypatch, eta=eta)) < 1e-5


def loud(schedule: Schedule, prediction: str) -> Network:
    """A network whose pictures leave [-1, 1] far behind."""
    calm = network(schedule, prediction)
    return lambda x, t: 1.5 * calm(x, t) if prediction == "sample" else calm(x, t)


@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("name", ["ddpm", "ddim", "heun"])
def test_clipping(name: str, prediction: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = ours(Schedule(), prediction, name, START, clip=True)
    assert largest_difference(mine, theirs(name, Schedule(), prediction, START, monkeypatch, clip_sample=True)) < 1e-5
    assert largest_difference(mine, ours(Schedule(), prediction, name, START)) > 0.1


@pytest.mark.parametrize("ratio", [0.5, 0.9, 0.995])
@pytest.mark.parametrize("name", ["ddpm", "ddim", "dpmpp_2m", "unipc"])
def test_dynamic_thresholding(name: str, ratio: float, monkeypatch: pytest.MonkeyPatch) -> None:
    denoiser = loud(Schedule(), "sample")
    mine = ours(Schedule(), "sample", name, START, threshold=ratio, denoiser=denoiser)
    config = {"thresholding": True, "dynamic_thresholding_ratio": ratio, "sample_max_value": 1e9}
    other = theirs(name, Schedule(), "sample", START, monkeypatch, denoiser=denoiser, **config)
    assert largest_difference(mine, other) < 1e-5


def with_variance(calm: Network) -> Network:
    """Twice the channels: the second half says where the variance lies between its bounds, from -1 to 1."""
    return lambda x, t: np.concatenate([calm(x, t), np.tanh(3 * x).astype(np.float32)], axis=1)


@pytest.mark.parametrize("spacing", ["leading", "linspace"])
@pytest.mark.parametrize("variance", ["small", "large", "learned"])
def test_variances(variance: str, spacing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    schedule = Schedule(spacing=spacing)
    denoiser = with_variance(network(schedule)) if variance == "learned" else network(schedule)
    mine = ours(schedule, "epsilon", named_sampler("ddpm", variance=variance), START, denoiser=denoiser)
    kind: dict[str, Any] = {"small": "fixed_small", "large": "fixed_large", "learned": "learned_range"}
    config = {"variance_type": kind[variance], "denoiser": denoiser}
    assert largest_difference(mine, theirs("ddpm", schedule, "epsilon", START, monkeypatch, **config)) < 1e-5


def test_a_learned_variance_does_not_hinder_other_samplers() -> None:
    plain, learned = network(Schedule()), with_variance(network(Schedule()))
    for name in ("ddim", "dpmpp_2m", "heun"):
        expected = ours(Schedule(), "epsilon", name, START, 5, denoiser=plain)
        np.testing.assert_array_equal(ours(Schedule(), "epsilon", name, START, 5, denoiser=learned), expected)

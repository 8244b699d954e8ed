"""Samplers and the loop: against the papers' algorithms, pictures that are known, and in themselves."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diffusers_steps import network as bent
from diffusers_steps import steps_noise

from archgraph.diffusion import Schedule, initial_noise, named_sampler, sample
from archgraph.diffusion.samplers import SAMPLERS, ddim, ddpm
from archgraph.errors import InputError, ModelFileError, SamplingError
from archgraph.runtime import Session

Build = Callable[..., Path]
SHAPE = (2, 3, 8, 8)
PREDICTIONS = ("epsilon", "velocity", "sample")
network = bent(Schedule())


def test_ddpm_over_all_times_is_algorithm_2_of_the_paper() -> None:
    schedule = Schedule(train_steps=20, beta_end=0.2)
    start = initial_noise(2, SHAPE[1:])
    noise = steps_noise(0, 2, 20, SHAPE[1:])
    x = start.astype(np.float64)
    for row, t in enumerate(range(19, -1, -1)):
        eps = network(x.astype(np.float32), np.full(2, t))
        alpha, alpha_bar = 1 - schedule.betas[t], schedule.alphas_cumprod[t]
        before = schedule.alphas_cumprod[t - 1] if t else 1.0
        x = (x - (1 - alpha) / np.sqrt(1 - alpha_bar) * eps) / np.sqrt(alpha)
        if t:
            x += np.sqrt((1 - before) / (1 - alpha_bar) * (1 - alpha)) * noise[row]
    ours = sample(network, noise=start, schedule=schedule, sampler="ddpm", steps=20)
    np.testing.assert_allclose(ours, x, atol=1e-5)


@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
@pytest.mark.parametrize("steps", [1, 2, 7, 50, 333])
def test_ddim_with_eta_one_is_ddpm(spacing: str, steps: int) -> None:
    """Both draw from q(x' | x, x_0); DDIM writes its mean with x_0 and ε, where x = √ᾱ x_0 + √(1 - ᾱ) ε."""
    schedule = Schedule(spacing=spacing)
    for implicit, ancestral in zip(ddim(schedule, steps, eta=1.0), ddpm(schedule, steps), strict=True):
        assert (implicit.time, implicit.sigma) == (ancestral.time, pytest.approx(ancestral.sigma, abs=1e-12))
        (of_x0,), (direct,) = implicit.next.memory, ancestral.next.memory
        assert of_x0 == pytest.approx(direct + ancestral.next.sample * ancestral.signal, abs=1e-10)
        assert implicit.next.noise == pytest.approx(ancestral.next.sample * ancestral.spread, abs=1e-7)


def gaussian(schedule: Schedule, mean: float, deviation: float) -> Callable[..., np.ndarray]:
    """E[ε | x_t] for data N(mean, deviation²): the best network there can be."""

    def predict(x: np.ndarray, t: np.ndarray) -> np.ndarray:
        alpha_bar = schedule.alphas_cumprod[t].reshape(-1, 1, 1, 1)
        spread = alpha_bar * deviation**2 + 1 - alpha_bar
        return np.sqrt(1 - alpha_bar) * (x - np.sqrt(alpha_bar) * mean) / spread

    return predict


@pytest.mark.parametrize("sampler", ["ddpm", "ddim"])
def test_a_gaussian_comes_out_as_it_is(sampler: str) -> None:
    """With the exact E[ε | x_t] and all steps, samples have the mean and deviation of the data."""
    schedule = Schedule()
    out = sample(
        gaussian(schedule, 0.3, 0.5), n=4, size=64, channels=1, schedule=schedule, sampler=sampler, steps=1000, seed=7
    )
    standard_error = 0.5 / np.sqrt(out.size)
    assert out.mean() == pytest.approx(0.3, abs=5 * standard_error)
    assert out.std() == pytest.approx(0.5, abs=5 * standard_error)


def test_ddim_moves_a_gaussian_along_its_exact_flow() -> None:
    """Deterministic DDIM on Gaussian data maps each x affinely; its limit is (x - μ_T) · σ_0 / σ_T + μ_0."""
    schedule = Schedule()
    start = initial_noise(1, (1, 16, 16), seed=3)
    last = schedule.alphas_cumprod[-1]
    spread = np.sqrt(last * 0.25 + 1 - last)
    exact = (start - np.sqrt(last) * 0.3) / spread * 0.5 + 0.3
    out = sample(gaussian(schedule, 0.3, 0.5), noise=start, schedule=schedule, steps=1000)
    np.testing.assert_allclose(out, exact, atol=5e-3)


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_one_known_picture_comes_back_exactly(prediction: str) -> None:
    """A network that knows the picture: every sampler must end at it, whatever it predicts."""
    schedule = Schedule()
    picture = np.linspace(-1, 1, 3 * 64, dtype=np.float32).reshape(1, 3, 8, 8)

    def knows(x: np.ndarray, t: np.ndarray) -> np.ndarray:
        noise = schedule.predict_noise(x, picture, t)
        return {"epsilon": noise, "sample": picture, "velocity": schedule.velocity(picture, noise, t)}[prediction]

    whole_times = (name for name in SAMPLERS if name != "dpm2")
    for sampler in (*whole_times, partial(ddim, eta=0.5), partial(ddpm, variance="large")):
        out = sample(knows, n=1, size=8, prediction=prediction, schedule=schedule, sampler=sampler, steps=10)
        np.testing.assert_allclose(out, picture, atol=2e-5)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_pictures_depend_on_the_seed_and_their_number_alone(denoiser: Build, sampler: str) -> None:
    with Session(denoiser(), "cpu") as session:
        draw = partial(sample, session, sampler=sampler, steps=5, seed=11)
        alone, in_fours, in_one, fewer = draw(n=6, batch=1), draw(n=6, batch=4), draw(n=6, batch=6), draw(n=2)
    np.testing.assert_array_equal(alone, in_fours)
    np.testing.assert_array_equal(alone, in_one)
    np.testing.assert_array_equal(alone[:2], fewer)
    assert len({picture.tobytes() for picture in alone}) == 6


def test_seeds_make_different_pictures_and_the_same_seed_the_same() -> None:
    first, again, other = (sample(network, n=1, size=8, sampler="ddpm", steps=3, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_noise_is_standard_normal_and_not_shared_between_start_and_steps() -> None:
    start, steps = initial_noise(8, (3, 32, 32)), steps_noise(0, 8, 1, SHAPE[1:])[0]
    assert abs(start.mean()) < 5 / np.sqrt(start.size)
    assert start.std() == pytest.approx(1, abs=5 / np.sqrt(start.size))
    assert start.dtype == np.float32
    assert not np.array_equal(start[:, :, :8, :8], steps)


def test_a_file_tells_how_it_was_trained(denoiser: Build) -> None:
    told = {"schedule": {"kind": "cosine", "spacing": "trailing"}, "prediction": "velocity", "clip": True, "size": 16}
    path = denoiser(meta={"diffusion": told})
    by_file = sample(path, n=2, steps=4)
    assert by_file.shape == (2, 3, 16, 16)
    explicit = sample(
        lambda x, t: x / 2 + t.reshape(-1, 1, 1, 1) / 1000,
        n=2,
        size=16,
        schedule=Schedule("cosine", spacing="trailing"),
        prediction="velocity",
        clip=True,
        steps=4,
    )
    np.testing.assert_allclose(by_file, explicit, atol=1e-5)
    overruled = sample(str(path), n=2, steps=4, size=(8, 24), clip=False, prediction="epsilon", schedule=Schedule())
    plain = sample(lambda x, t: x / 2 + t.reshape(-1, 1, 1, 1) / 1000, n=2, size=(8, 24), steps=4)
    np.testing.assert_allclose(overruled, plain, rtol=1e-4, atol=1e-4)


def test_progress_counts_over_all_batches() -> None:
    seen: list[tuple[int, int, int]] = []
    sample(network, n=5, size=8, batch=2, steps=3, on_step=lambda step, total, x: seen.append((step, total, len(x))))
    assert seen == [(k + 1, 9, n) for k, n in enumerate([2, 2, 2, 2, 2, 2, 1, 1, 1])]


def test_the_given_noise_is_left_alone() -> None:
    start = initial_noise(1, SHAPE[1:])
    kept = start.copy()
    sample(network, noise=start, sampler="ddpm", steps=3)
    np.testing.assert_array_equal(start, kept)


def test_a_fixed_batch(denoiser: Build) -> None:
    with Session(denoiser(batch=2), "cpu") as session:
        assert len(sample(session, n=4, steps=2)) == 4
        assert len(sample(session, steps=2)) == 2
        with pytest.raises(SamplingError, match="takes exactly 2 pictures at a time"):
            sample(session, n=3, steps=2)
        with pytest.raises(SamplingError, match="takes exactly 2 pictures at a time"):
            sample(session, n=4, batch=4, steps=2)


def test_a_size_that_breaks_a_constraint(denoiser: Build) -> None:
    with pytest.raises(InputError) as caught:
        sample(denoiser(), n=1, size=30)
    assert str(caught.value).startswith(
        "error: H must be a multiple of 8; received H = 30\n  hint: nearest: H = 24 or H = 32"
    )


def test_an_unknown_sampler_and_option() -> None:
    with pytest.raises(SamplingError) as caught:
        sample(network, n=1, size=8, sampler="ddimm")
    assert (
        str(caught.value) == f"error: there is no sampler 'ddimm'\n  expected: {', '.join(SAMPLERS)}\n"
        "  hint: did you mean 'ddim'?"
    )
    with pytest.raises(SamplingError) as caught:
        named_sampler("ddim", etta=1)
    assert str(caught.value) == (
        "error: ddim has no option 'etta'\n  expected: eta, fixed_stride\n  hint: did you mean 'eta'?"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": 0}, "the number of steps is out of range"),
        ({"steps": 1001}, "the number of steps is out of range"),
        ({"n": 0}, "these are no pictures"),
        ({"size": -8}, "these are no pictures"),
        ({"size": (8, 8, 8)}, "this is no size"),
        ({"size": None}, "how large the pictures are is not known"),
        ({"batch": 0}, "a batch has 1 or more pictures"),
        ({"seed": -1}, "the seed is a whole number of 0 or more"),
        ({"prediction": "epsilom"}, "there is no prediction 'epsilom'"),
        ({"sampler": partial(ddim, eta=2.0)}, "eta is out of range"),
        ({"sampler": partial(ddpm, variance="larger")}, "there is no variance 'larger'"),
        ({"noise": np.ones((3, 8, 8))}, "this is no noise to start from"),
        ({"noise": np.ones((2, 3, 8, 8))}, "the noise has another shape than was asked for"),
        ({"denoiser": 3}, "this is no denoiser"),
        ({"sampler": 7}, "this is no sampler"),
        ({"sampler": "lms", "schedule": Schedule(train_steps=20), "steps": 21}, "steps is out of range(.|\n)*1 to 20"),
        (
            {"sampler": "unipc", "schedule": Schedule(train_steps=20), "steps": 20},
            "steps is out of range(.|\n)*1 to 19",
        ),
        ({"sampler": named_sampler("lms", order=5)}, "the order of lms is out of range"),
        ({"sampler": named_sampler("unipc", order=0)}, "the order of unipc is out of range"),
        ({"sampler": named_sampler("euler_ancestral", eta=-1)}, "eta is out of range"),
        ({"sampler": "ddim", "schedule": Schedule(karras=True)}, "steps from one time(.|\n)*euler does what ddim does"),
        (
            {"schedule": Schedule(spacing="trailing", zero_terminal_snr=True)},
            "a network that predicts noise cannot start from pure noise(.|\n)*velocity or sample",
        ),
        ({"sampler": named_sampler("ddpm", variance="learned")}, "the network does not predict a variance"),
        ({"sampler": "dpmpp_2m", "schedule": Schedule(offset=999)}, "the first time lies outside of the schedule"),
        ({"clip": "yes"}, "`clip` is a switch"),
        ({"threshold": 1.5}, "the threshold is out of range"),
        ({"threshold": True}, "the threshold is out of range"),
        ({"denoiser": lambda x, t: np.concatenate([x, x, x], axis=1)}, "does not answer with an image"),
        ({"denoiser": lambda x, t: x[:1, :1]}, "the denoiser does not answer with an image"),
        ({"denoiser": lambda x, t: x * np.nan}, "gave values that are not finite"),
    ],
)
def test_what_cannot_be_sampled(arguments: dict[str, Any], message: str) -> None:
    call = {"denoiser": network, "n": 1, "size": 8, **arguments}
    with pytest.raises(SamplingError, match=message):
        sample(call.pop("denoiser"), **call)


def test_files_that_are_no_diffusion_files(denoiser: Build, classifier: Build, tmp_path: Path) -> None:
    with pytest.raises(SamplingError, match=r"classifier.onnx is no diffusion network") as caught:
        sample(classifier())
    assert caught.value.problems[0].received == "image [N, 3, H, W] float32 in, logits [N, 3] float32 out"
    assert caught.value.problems[0].hint == "a network without a time is run by `infer`"
    silent = denoiser("silent.onnx", meta={})
    with pytest.raises(SamplingError, match="does not say how its diffusion was trained"):
        sample(silent, size=8)
    assert sample(silent, size=8, schedule=Schedule(), steps=2).shape == (1, 3, 8, 8)
    for meta, message in (
        ({"diffusion": {"clipp": True, "sice": 3}}, "`diffusion` has no 'clipp'(.|\n)*clip(.|\n)*'sice'"),
        ({"diffusion": 3}, "`diffusion` is not a mapping"),
        ({"diffusion": {"schedule": {"kind": "lin"}}}, "there is no schedule 'lin'"),
        ({"diffusion": {"prediction": "eps"}}, "there is no prediction 'eps'"),
    ):
        with pytest.raises(SamplingError, match=message):
            sample(denoiser("odd.onnx", meta=meta), size=8)
    with pytest.raises(ModelFileError, match="cannot be read"):
        sample(tmp_path / "missing.onnx")

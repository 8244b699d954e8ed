"""Starting from a picture, painting within a mask, going from seed to seed, and going on with later pictures."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diffusers_steps import SHAPE, largest_difference, network, scheduler_of

from archgraph.diffusion import SAMPLERS, Schedule, initial_noise, sample, slerp
from archgraph.diffusion.samplers import lms, unipc
from archgraph.errors import SamplingError

Build = Callable[..., Path]
SCHEDULE = Schedule()
PICTURE = np.tanh(np.random.default_rng(2).standard_normal((1, *SHAPE))).astype(np.float32)


def knows(x: np.ndarray, t: np.ndarray) -> np.ndarray:
    """A network that knows another picture: all zeros."""
    return SCHEDULE.predict_noise(x, np.zeros_like(x), t)


@pytest.mark.filterwarnings("ignore:__array_:DeprecationWarning")
@pytest.mark.parametrize("name", ["ddim", "dpmpp_2m", "unipc", "euler"])
def test_a_run_from_a_picture_is_that_of_diffusers(name: str) -> None:
    """As their image-to-image pipeline does it: noise is added at the first time that is left, then the rest is run."""
    import torch

    noise = initial_noise(2, SHAPE)
    states: list[np.ndarray] = []
    call = {"noise": noise, "init": PICTURE, "strength": 0.6, "steps": 20, "schedule": SCHEDULE, "sampler": name}
    sample(network(SCHEDULE), **call, on_step=lambda step, total, x: states.append(x.copy()))
    scheduler = scheduler_of(name, SCHEDULE, "epsilon")
    scheduler.set_timesteps(20)
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(8)
    start = torch.from_numpy(np.repeat(PICTURE, 2, axis=0))
    x = scheduler.add_noise(start, torch.from_numpy(noise), scheduler.timesteps[8:9].repeat(2))
    expected = []
    for t in scheduler.timesteps[8:]:
        seen = scheduler.scale_model_input(x, t).numpy()
        output = torch.from_numpy(network(SCHEDULE)(seen, np.full(2, t.item())))
        x = scheduler.step(output, t if name == "euler" else t.item(), x).prev_sample
        sigma = scheduler.sigmas[scheduler.step_index].item() if name == "euler" else 0.0
        expected.append((x.double() / np.hypot(1, sigma)).numpy())
    assert largest_difference(states, expected) < 1e-5


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_little_strength_changes_little(sampler: str) -> None:
    """The fewer steps are left, the nearer to the picture; with all of them, hardly anything of it is left."""
    call = {"init": PICTURE, "n": 2, "steps": 50, "schedule": SCHEDULE, "sampler": sampler}
    away = [np.abs(sample(network(SCHEDULE), **call, strength=s) - PICTURE).mean() for s in (0.02, 0.2, 1.0)]
    assert away[0] < 0.15 < away[1] < 0.65 < away[2]


def test_multistep_samplers_begin_anew_where_they_begin() -> None:
    for make in (unipc, lms):
        begun = make(SCHEDULE, 20, skip=12).rows
        assert len(begun) == 8
        assert all(share == 0 for share in begun[0].next.memory[1:])
        assert [row.time for row in begun] == [row.time for row in make(SCHEDULE, 20).rows[12:]]


def test_the_picture_may_be_one_for_each() -> None:
    several = np.concatenate([PICTURE, -PICTURE])
    both = sample(network(SCHEDULE), init=several, strength=0.4, steps=10)
    assert both.shape == several.shape
    second = sample(network(SCHEDULE), init=-PICTURE, n=2, strength=0.4, steps=10)[1]
    np.testing.assert_array_equal(both[1], second)
    one = sample(network(SCHEDULE), init=PICTURE[0], steps=10)
    np.testing.assert_array_equal(one, sample(network(SCHEDULE), init=PICTURE, strength=0.8, steps=10))


@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if name != "dpm2"])
def test_a_mask_keeps_the_picture_and_paints_the_rest(sampler: str) -> None:
    mask = np.zeros(SHAPE[1:])
    mask[:, 2:] = 1
    out = sample(knows, init=PICTURE, mask=mask, n=3, steps=10, sampler=sampler, schedule=SCHEDULE)
    np.testing.assert_allclose(out[..., :2], np.repeat(PICTURE, 3, axis=0)[..., :2], atol=1e-6)
    np.testing.assert_allclose(out[..., 2:], 0, atol=1e-4)


def test_on_the_way_the_kept_part_has_the_noise_of_its_level() -> None:
    states: list[np.ndarray] = []
    call = {"noise": initial_noise(1, SHAPE), "init": PICTURE, "mask": np.zeros(SHAPE[1:]), "sampler": "heun"}
    sample(knows, **call, steps=5, schedule=SCHEDULE, on_step=lambda step, total, x: states.append(x.copy()))
    for x, t in zip(states[:-1], SCHEDULE.timesteps(5)[1:].tolist(), strict=True):
        np.testing.assert_allclose(x, SCHEDULE.add_noise(PICTURE, initial_noise(1, SHAPE), t), atol=1e-6)
    np.testing.assert_array_equal(states[-1], PICTURE)


def test_a_soft_mask_and_one_for_each_picture() -> None:
    masks = np.stack([np.zeros(SHAPE[1:]), np.full(SHAPE[1:], 0.5), np.ones(SHAPE[1:])])
    out = sample(knows, init=PICTURE, mask=masks, n=3, steps=10, schedule=SCHEDULE)
    np.testing.assert_allclose(out, PICTURE * np.array([1, 0.5, 0]).reshape(3, 1, 1, 1), atol=1e-4)


def test_slerp_keeps_to_the_sphere() -> None:
    a, b = initial_noise(2, (3, 16, 16)).astype(np.float64)[:, None]
    np.testing.assert_allclose(slerp(a, b, 0.0), a, atol=1e-12)
    np.testing.assert_allclose(slerp(a, b, 1.0), b, atol=1e-12)
    unit = a / np.linalg.norm(a), b / np.linalg.norm(b)
    whole = np.arccos((unit[0] * unit[1]).sum())
    for share in (0.25, 0.5, 0.9):
        between = slerp(*unit, share)
        assert np.linalg.norm(between) == pytest.approx(1)
        assert np.arccos((between * unit[0]).sum()) == pytest.approx(share * whole)
    np.testing.assert_allclose(slerp(a, a, 0.3), a, atol=1e-9)
    np.testing.assert_allclose(slerp(a, 2 * a, 0.5), 1.5 * a, atol=1e-9)


def test_from_one_seed_to_another() -> None:
    way = sample(network(SCHEDULE), n=5, size=4, steps=5, seed=(3, 8))
    ends = [sample(network(SCHEDULE), n=1, size=4, steps=5, seed=seed)[0] for seed in (3, 8)]
    np.testing.assert_allclose(way[0], ends[0], atol=1e-5)
    np.testing.assert_allclose(way[-1], ends[1], atol=1e-5)
    strides = [np.abs(a - b).mean() for a, b in itertools.pairwise(way)]
    assert max(strides) < 0.6 * np.abs(ends[0] - ends[1]).mean()


@pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
def test_later_pictures_go_on_where_the_earlier_ended(sampler: str) -> None:
    call: dict[str, Any] = {"size": 8, "steps": 4, "sampler": sampler, "seed": 5}
    whole = sample(network(SCHEDULE), n=6, **call)
    later = sample(network(SCHEDULE), n=2, first=4, **call)
    np.testing.assert_array_equal(whole[4:], later)


def test_finished_batches_are_handed_out() -> None:
    seen: list[tuple[range, np.ndarray]] = []

    def interrupted(which: range, pictures: np.ndarray) -> None:
        seen.append((which, pictures.copy()))
        if which.stop == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sample(network(SCHEDULE), n=6, size=4, steps=2, batch=2, on_batch=interrupted)
    whole = sample(network(SCHEDULE), n=6, size=4, steps=2)
    assert [which for which, _ in seen] == [range(2), range(2, 4)]
    np.testing.assert_array_equal(np.concatenate([pictures for _, pictures in seen]), whole[:4])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 4, "strength": 0.5}, "strength says how much of a picture is drawn anew"),
        ({"mask": np.ones((4, 4))}, "a mask needs the picture that it keeps"),
        ({"init": PICTURE, "strength": 0.0}, "strength is out of range"),
        ({"init": PICTURE, "strength": 1.2}, "strength is out of range"),
        ({"init": PICTURE, "strength": 0.1, "steps": 5}, "so little strength leaves no step to take"),
        ({"init": np.zeros((8, 8))}, "this is no picture to start from"),
        ({"init": np.zeros((1, 3, 4, 4), np.uint8)}, "this is no picture to start from"),
        ({"init": PICTURE, "size": 8}, "the picture to start from has another shape than was asked for"),
        ({"init": np.concatenate([PICTURE] * 3), "n": 2}, "the picture to start from has another shape"),
        ({"init": PICTURE, "noise": initial_noise(1, (3, 8, 8))}, "the noise has another shape than was asked for"),
        ({"init": PICTURE, "mask": np.ones((5, 4))}, "the mask does not fit the pictures"),
        ({"init": PICTURE, "n": 2, "mask": np.ones((3, 4, 4))}, "the mask does not fit the pictures"),
        ({"init": PICTURE, "mask": np.full((4, 4), 2.0)}, "a mask goes from 0, which stays, to 1"),
        ({"size": 4, "seed": (1, 2, 3)}, "one can go from one seed to another"),
        ({"size": 4, "seed": (1, -2)}, "the seed is a whole number of 0 or more"),
        ({"size": 4, "seed": ()}, "one can go from one seed to another"),
        ({"size": 4, "first": -1}, "`first` is the number of a picture"),
    ],
)
def test_starts_that_make_no_sense(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(SamplingError, match=message):
        sample(network(SCHEDULE), **arguments)

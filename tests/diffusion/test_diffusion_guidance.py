"""Class labels and guidance: one batch for both halves, the formulas of the papers, and labels that are none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archgraph.diffusion import Schedule, sample
from archgraph.diffusion.guidance import Guidance, combined
from archgraph.errors import SamplingError
from archgraph.runtime import Session

Build = Callable[..., Path]


def classes(x: np.ndarray, t: np.ndarray, y: np.ndarray) -> np.ndarray:
    """What the file `conditional` computes."""
    return x / 2 + (t / 1000 + y / 10).reshape(-1, 1, 1, 1)


def blind(x: np.ndarray, t: np.ndarray, y: float) -> np.ndarray:
    return classes(x, t, np.full(len(x), y))


def test_labels_reach_the_network(conditional: Build) -> None:
    with Session(conditional(), "cpu") as session:
        each = sample(session, labels=[2, 0, 1], steps=4)
        for k, label in enumerate([2, 0, 1]):
            alone = sample(lambda x, t, y=label: blind(x, t, y), n=3, size=8, steps=4)
            np.testing.assert_allclose(each[k], alone[k], atol=1e-4)
        np.testing.assert_array_equal(sample(session, n=2, labels=1, steps=4), sample(session, labels=[1, 1], steps=4))


@pytest.mark.parametrize("name", ["label", "class_labels", "condition"])
def test_a_label_is_told_by_its_name_or_that_of_the_time(conditional: Build, name: str) -> None:
    assert sample(conditional(label=name), n=2, labels=1, steps=2).shape == (2, 3, 8, 8)


def test_guidance_is_that_of_the_paper(conditional: Build) -> None:
    """u + g (c - u): here the answer to a class 3 + g (y - 3), for the classes go in linearly."""
    with Session(conditional(), "cpu") as session:
        for scale in (0.0, 0.5, 1.0, 2.0, 7.5):
            got = sample(session, labels=[1, 1], guidance=scale, steps=4)
            expected = sample(lambda x, t, g=scale: blind(x, t, 3 + g * (1 - 3)), n=2, size=8, steps=4)
            np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


def test_both_halves_go_in_one_batch() -> None:
    seen: list[tuple[int, list[int]]] = []

    def network(x: np.ndarray, t: np.ndarray, y: np.ndarray) -> np.ndarray:
        seen.append((len(x), y.tolist()))
        assert (t == t[0]).all()
        return classes(x, t, y)

    call = {"n": 3, "size": 8, "steps": 2, "labels": [4, 5, 6], "null_label": 9}
    sample(network, **call, guidance=2.0)
    assert seen == [(6, [9, 9, 9, 4, 5, 6])] * 2
    seen.clear()
    sample(network, **call, guidance=1.0)
    assert seen == [(3, [4, 5, 6])] * 2


@pytest.mark.parametrize("batch", [1, 2, 4])
def test_pictures_do_not_depend_on_the_batch(conditional: Build, batch: int) -> None:
    labels = [0, 1, 2, 0]
    whole = sample(conditional(), labels=labels, guidance=3.0, steps=4, sampler="dpmpp_2m_sde", batch=4)
    np.testing.assert_array_equal(
        sample(conditional(), labels=labels, guidance=3.0, steps=4, sampler="dpmpp_2m_sde", batch=batch), whole
    )
    fixed = sample(conditional(batch=batch), labels=labels, guidance=3.0, steps=4, sampler="dpmpp_2m_sde")
    np.testing.assert_allclose(fixed, whole, atol=1e-6)


@pytest.mark.parametrize("size", [1.0, 0.01])
def test_rescaling_is_that_of_the_paper(size: float) -> None:
    """φ · x_cfg · std(c) / std(x_cfg) + (1 - φ) · x_cfg (Lin et al. 2023, algorithm 2), by torch."""
    import torch

    generator = np.random.default_rng(3)
    without, towards = generator.standard_normal((2, 4, 3, 5, 5)) * size * [[[[[1]]]], [[[[2]]]]]
    for share in (0.0, 0.7, 1.0):
        got = combined(without, towards, Guidance(np.zeros(4, np.int64), 5.0, share, 0), 3)
        u, c = torch.from_numpy(without), torch.from_numpy(towards)
        mixed = u + 5.0 * (c - u)
        rescaled = mixed * c.std(dim=[1, 2, 3], keepdim=True) / mixed.std(dim=[1, 2, 3], keepdim=True)
        np.testing.assert_allclose(got, share * rescaled + (1 - share) * mixed, rtol=1e-10)
        if share == 1.0:
            np.testing.assert_allclose(got.std(axis=(1, 2, 3)), towards.std(axis=(1, 2, 3)), rtol=1e-10)


def test_a_learned_variance_is_that_of_the_label() -> None:
    without, towards = np.ones((1, 6, 2, 2)), np.full((1, 6, 2, 2), 3.0)
    got = combined(without, towards, Guidance(np.zeros(1, np.int64), 2.0, 0.0, 0), 3)
    np.testing.assert_array_equal(got[:, :3], 5.0)
    np.testing.assert_array_equal(got[:, 3:], 3.0)


def test_a_file_that_learned_its_variance(conditional: Build) -> None:
    """At 0 the deviation is the geometric mean of its bounds, and so lies between them."""
    meta = {
        "diffusion": {"size": 8, "classes": 3, "null_label": 3, "variance": "learned", "sampler": "ddpm", "steps": 20}
    }
    with Session(conditional(variance=True, meta=meta), "cpu") as session:
        learned = sample(session, n=2, labels=1, guidance=2.0)
        small, large = (sample(session, n=2, labels=1, guidance=2.0, sampler=ddpm(kind)) for kind in ("small", "large"))
    assert learned.shape == (2, 3, 8, 8)
    between = (learned - small) * (large - small) > 0
    assert between.mean() > 0.8


def ddpm(variance: str) -> Any:
    from archgraph.diffusion import named_sampler

    return named_sampler("ddpm", variance=variance)


def test_what_a_file_says_is_the_default(conditional: Build) -> None:
    told = {"size": 8, "classes": 3, "null_label": 1, "guidance": 4.0, "sampler": "heun", "steps": 3, "threshold": 0.9}
    by_file = sample(conditional(meta={"diffusion": told}), n=1, labels=2)
    explicit = sample(
        classes,
        n=1,
        size=8,
        schedule=Schedule(),
        labels=2,
        null_label=1,
        guidance=4.0,
        sampler="heun",
        steps=3,
        threshold=0.9,
    )
    np.testing.assert_allclose(by_file, explicit, atol=1e-5)
    assert np.abs(by_file - sample(conditional(meta={"diffusion": told}), n=1, labels=2, guidance=1.0)).max() > 0.01


def test_the_null_label_may_be_asked_for(conditional: Build) -> None:
    expected = sample(lambda x, t: blind(x, t, 3), n=1, size=8, steps=2)
    np.testing.assert_allclose(sample(conditional(), n=1, labels=3, steps=2), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "the network asks for a class label\n  expected: 0 to 2\n  hint: give labels=3, or one for each picture"),
        ({"labels": 4}, "a class label is out of range\n  expected: 0 to 2, or 3 for none\n  received: 4"),
        ({"labels": [0, -1]}, "a class label is out of range\n  expected: 0 to 2, or 3 for none\n  received: -1"),
        ({"labels": [0, 1, 2]}, "there is not one label for each picture\n  expected: 2\n  received: 3"),
        (
            {"labels": [0.5, 1]},
            "labels are whole numbers, one for all pictures or one for each\n  received: [0.5, 1]",
        ),
        ({"labels": 1, "guidance": -1.0}, "guidance is out of range\n  expected: 0 or more\n  received: -1.0"),
        ({"labels": 1, "guidance": float("nan")}, "guidance is out of range\n  expected: 0 or more\n  received: nan"),
        (
            {"labels": 1, "guidance_rescale": 1.5},
            "guidance_rescale is out of range\n  expected: 0 to 1\n  received: 1.5",
        ),
        ({"labels": 1, "null_label": -3}, "`null_label` is a whole number of 0 or more\n  received: -3"),
    ],
)
def test_labels_that_make_no_sense(conditional: Build, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(SamplingError) as caught:
        sample(conditional(), n=2, steps=2, **arguments)
    assert str(caught.value) == f"error: {message}"


@pytest.mark.parametrize("null", [None, 0])
def test_the_number_of_classes_is_no_class(conditional: Build, null: int | None) -> None:
    """Three classes are 0, 1 and 2; 3 is a label only where it stands for none."""
    told = {"size": 8, "classes": 3} | ({} if null is None else {"null_label": null})
    file, arguments = conditional(meta={"diffusion": told}), {"n": 1, "steps": 2}
    for label in range(3):
        assert sample(file, labels=label, **arguments).shape == (1, 3, 8, 8)
    expected = "0 to 2" if null is None else "0 to 2, or 0 for none"
    for label in (3, -1):
        with pytest.raises(SamplingError, match=rf"out of range\n  expected: {expected}\n  received: {label}"):
            sample(file, labels=label, **arguments)


def test_labels_of_a_network_whose_classes_nobody_counted() -> None:
    call = {"size": 8, "steps": 2, "n": 1, "null_label": 9}
    assert sample(classes, labels=700, **call).shape == (1, 3, 8, 8)
    with pytest.raises(SamplingError, match=r"out of range\n  expected: 0 or more\n  received: -1"):
        sample(classes, labels=-1, **call)


def test_labels_where_there_are_no_classes(denoiser: Build, conditional: Build) -> None:
    with pytest.raises(SamplingError, match="the network takes no class labels"):
        sample(denoiser(), n=1, labels=2)
    with pytest.raises(SamplingError, match="guidance needs labels and a label that stands for none"):
        sample(denoiser(), n=1, guidance=2.0)
    with pytest.raises(SamplingError, match="no null_label"):
        sample(conditional(meta={"diffusion": {"size": 8, "classes": 3}}), n=1, labels=1, guidance=2.0)
    nameless = conditional(meta={"diffusion": {"size": 8}})
    with pytest.raises(SamplingError, match=r"guidance needs labels(.|\n)*no null_label"):
        sample(nameless, n=1, labels=1, guidance=2.0)
    assert sample(nameless, n=1, labels=700, steps=2).shape == (1, 3, 8, 8)
    with pytest.raises(SamplingError, match="`classes` is a whole number of 0 or more"):
        sample(conditional(meta={"diffusion": {"size": 8, "classes": "ten"}}), n=1, labels=1)

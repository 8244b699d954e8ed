"""`noise`: the forward process as a strip."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def grey(tmp_path: Path) -> Path:
    Image.new("RGB", (90, 60), (179, 179, 179)).save(tmp_path / "grey.png")
    return tmp_path / "grey.png"


def test_means_and_deviations_are_those_of_the_forward_process(archgraph: Any, grey: Path) -> None:
    ran = archgraph("noise", grey, "--size", 96, "--times", "0,100,300", "--json", "-o", "strip.png")
    assert ran.status == 0, ran.err
    with Image.open("strip.png") as strip:
        assert strip.size == (4 + 3 * 100, 4 + 96 + 20)
        shown = np.asarray(strip, float)
    betas = np.linspace(1e-4, 0.02, 1000)
    x0 = 179 / 127.5 - 1
    for k, t in enumerate((0, 100, 300)):
        kept = float(np.prod(1 - betas[: t + 1]))
        assert ran.json["times"][k] == pytest.approx({"t": t, "alpha_bar": kept})
        values = shown[4:100, 4 + 100 * k : 100 + 100 * k] / 127.5 - 1
        drawn = np.sqrt(kept) * x0 + np.sqrt(1 - kept) * np.random.default_rng(0).normal(size=1_000_000)
        expected = drawn.clip(-1, 1)  # as a screen shows it
        assert values.mean() == pytest.approx(expected.mean(), abs=0.02)
        assert values.std() == pytest.approx(expected.std(), abs=0.02)
    underneath = shown[101:]
    assert all((underneath[:, 4 + 100 * k : 100 + 100 * k] < 100).any() for k in range(3))


def test_the_seed_and_the_schedule_decide(archgraph: Any, grey: Path) -> None:
    common = ("noise", grey, "--size", "8x16", "-n", 4)
    made = {}
    for name, options in {
        "a": (),
        "b": (),
        "c": ("--seed", 1),
        "d": ("--schedule", "cosine", "--schedule", "train_steps=200"),
    }.items():
        assert archgraph(*common, *options, "-o", f"{name}.png").status == 0
        made[name] = Path(f"{name}.png").read_bytes()
    assert made["a"] == made["b"]
    assert len(set(made.values())) == 3
    ran = archgraph(*common, "--schedule", "train_steps=200", "--json")
    assert [entry["t"] for entry in ran.json["times"]] == [0, 66, 133, 199]
    assert ran.json["file"] == "exports/grey-noise.png"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--schedule", "cosin"), "did you mean 'cosine'?"),
        (("--schedule", "beta_ende=0.1"), "did you mean 'beta_end'?"),
        (("--times", "0,1000"), "a time lies outside of the schedule"),
        (("--times", "soon"), "these are no times"),
        (("-n", 2000), "there are not so many times"),
        (("--size", "big"), "this is no size"),
        (("-o", "a.jpg"), "its name promises another format"),
    ],
)
def test_wrong_options(archgraph: Any, grey: Path, options: tuple[object, ...], said: str) -> None:
    ran = archgraph("noise", grey, *options)
    assert (ran.status, said in ran.err) == (1, True), ran.err


def test_a_file_that_is_no_picture(archgraph: Any, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture", encoding="utf-8")
    ran = archgraph("noise", "text.png")
    assert (ran.status, "is not an image" in ran.err) == (1, True)

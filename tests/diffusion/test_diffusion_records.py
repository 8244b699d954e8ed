"""A sampled PNG holds all that it takes to make the same picture again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from archgraph.diffusion import Schedule, named_sampler, read_record, sample, sampling_record
from archgraph.diffusion.records import model_digest
from archgraph.errors import InputError, ModelFileError, SamplingError
from archgraph.runtime import Session, grid, save_png, to_pixels

Build = Callable[..., Path]
SETTINGS: list[dict[str, Any]] = [
    {"n": 2},
    {"n": 2, "sampler": "dpmpp_2m", "steps": 7, "seed": 3, "labels": None},
    {"n": 3, "sampler": named_sampler("ddim", eta=0.5), "seed": (1, 2), "size": (8, 16), "steps": 5, "clip": True},
    {"labels": [0, 2], "guidance": 2.5, "guidance_rescale": 0.25, "null_label": 1, "sampler": "heun", "steps": 3},
    {"labels": np.array([1, 0]), "seed": np.int64(4), "schedule": Schedule("cosine", karras=True), "sampler": "euler"},
    {"n": 1, "first": 3, "batch": 1, "prediction": "velocity", "threshold": 0.9, "strength": None, "steps": 2},
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_a_picture_is_made_again_byte_for_byte(tmp_path: Path, conditional: Build, settings: dict[str, Any]) -> None:
    asked = settings if settings.get("labels") is not None else {**settings, "labels": 1}
    with Session(conditional(), "cpu") as session:
        first = sample(session, **asked)
        save_png(grid(to_pixels(first)), tmp_path / "first.png", sampling_record(session, asked))
        record = read_record(tmp_path / "first.png")
        record.check(session)
        again = sample(session, **record.arguments())
        save_png(grid(to_pixels(again)), tmp_path / "again.png", sampling_record(session, record.arguments()))
    np.testing.assert_array_equal(again, first)
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "first.png").read_bytes()


def test_notes_are_plain_words(conditional: Build) -> None:
    path = conditional()
    with Session(path, "cpu") as session:
        sampler = named_sampler("ddim", eta=0.5)
        notes = sampling_record(session, {"n": 4, "sampler": sampler, "init": Path("a b.png"), "file": "x.onnx"})
    assert notes == {
        "Software": "archgraph",
        "archgraph.record": "1",
        "archgraph.model": "tiny",
        "archgraph.sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "archgraph.n": "4",
        "archgraph.sampler": "ddim",
        "archgraph.options": '{"eta": 0.5}',
        "archgraph.init": "a b.png",
        "archgraph.file": "x.onnx",
    }


def test_the_digest_counts_the_weights_beside_the_file(tmp_path: Path) -> None:
    path = tmp_path / "large.onnx"
    path.write_bytes(b"model")
    alone = model_digest(path)
    (tmp_path / "large.onnx.data").write_bytes(b"weights")
    assert alone == hashlib.sha256(b"model").hexdigest()
    assert model_digest(path) == hashlib.sha256(b"modelweights").hexdigest()
    with pytest.raises(ModelFileError, match=r"missing.onnx cannot be read"):
        model_digest(tmp_path / "missing.onnx")


def test_another_network_is_told_apart(tmp_path: Path, conditional: Build, denoiser: Build) -> None:
    with Session(conditional(), "cpu") as session:
        save_png(Image.new("RGB", (2, 2)), tmp_path / "a.png", sampling_record(session, {"n": 1}))
    with Session(denoiser(), "cpu") as other, pytest.raises(InputError, match="made by another network"):
        read_record(tmp_path / "a.png").check(other)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stepps": 3}, "a run has no setting 'stepps'\n  hint: did you mean 'steps'?"),
        ({"init": np.ones((1, 3, 2, 2))}, "'init' cannot be written down\n  received: ndarray"),
        ({"guidance": float("nan")}, "'guidance' cannot be written down\n  received: float"),
        ({"sampler": lambda schedule, steps: None}, "this sampler has no name to write down"),
    ],
)
def test_what_cannot_be_written_down(conditional: Build, settings: dict[str, Any], message: str) -> None:
    with Session(conditional(), "cpu") as session, pytest.raises(SamplingError) as caught:
        sampling_record(session, settings)
    assert str(caught.value).startswith(f"error: {message}")


@pytest.mark.parametrize(
    ("notes", "message"),
    [
        ({}, r"does not say how it was made(.|\n)*no notes of a run"),
        ({"Comment": "hello"}, "does not say how it was made"),
        ({"archgraph.record": "2", "archgraph.sha256": "0"}, "another format, 2"),
        ({"archgraph.record": "1"}, "does not say how it was made"),
        (
            {"archgraph.record": "1", "archgraph.sha256": "0", "archgraph.mood": "blue"},
            r"with what this archgraph does not know(.|\n)*mood",
        ),
        ({"archgraph.record": "1", "archgraph.sha256": "0", "archgraph.n": "four"}, "is damaged"),
        ({"archgraph.record": "1", "archgraph.sha256": "0", "archgraph.options": "[1]"}, "is damaged"),
        ({"archgraph.record": "1", "archgraph.sha256": "0", "archgraph.seed": "[]"}, "is damaged"),
        ({"archgraph.record": "1", "archgraph.sha256": "0", "archgraph.seed": "1e999"}, "is damaged"),
        ({"archgraph.record": "1", "archgraph.sha256": "0", "archgraph.first": '"a"'}, "is damaged"),
        ({"archgraph.record": "1", "archgraph.sha256": "0", "archgraph.labels": "[" * 100_000}, "is damaged"),
    ],
)
def test_pictures_that_do_not_say(tmp_path: Path, notes: dict[str, str], message: str) -> None:
    save_png(Image.new("RGB", (2, 2)), tmp_path / "a.png", notes)
    with pytest.raises(InputError, match=message):
        read_record(tmp_path / "a.png")


def test_an_option_called_name_is_one_that_no_sampler_has(tmp_path: Path) -> None:
    notes = {"record": "1", "sha256": "0", "sampler": "ddim", "options": '{"name": "euler"}'}
    save_png(Image.new("RGB", (2, 2)), tmp_path / "a.png", {f"archgraph.{key}": text for key, text in notes.items()})
    with pytest.raises(SamplingError, match="ddim has no option 'name'"):
        read_record(tmp_path / "a.png").arguments()


def test_files_that_are_no_pictures(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("hello")
    Image.new("RGB", (2, 2)).save(tmp_path / "photo.jpg")
    for name, message in (
        ("text.png", "is not an image"),
        ("missing.png", "there is no file"),
        ("photo.jpg", "does not say how it was made"),
    ):
        with pytest.raises(InputError, match=message):
            read_record(tmp_path / name)
